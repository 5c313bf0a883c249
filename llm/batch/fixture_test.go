package batch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/batch"
	"papereval/llm/openai"
	"papereval/llm/sim"
)

// endpoint is a simulated one that counts what reaches it.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	uploads []string // their requests' keys, by line
	batches int
	answers map[string]int // by prompt, in batches and singly
	between func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// spoil puts something between the requests and the endpoint.
func (e *endpoint) spoil(between func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	e.mu.Lock()
	e.between = between
	e.mu.Unlock()
}

func serve(t *testing.T, options string) *endpoint {
	t.Helper()
	o, err := sim.ParseOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{answers: map[string]int{}}
	inner := sim.New(o, sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		e.mu.Lock()
		defer e.mu.Unlock()
		text := req.Messages[0].Content
		e.answers[fmt.Sprint(text, req.First)]++
		return fmt.Sprintf("to %s, %d", text, req.First), text != "unknown"
	}))
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/batches" && r.Method == http.MethodPost {
			e.mu.Lock()
			e.batches++
			e.mu.Unlock()
		}
		if r.URL.Path == "/v1/files" {
			body, _ := io.ReadAll(r.Body)
			e.mu.Lock()
			e.uploads = append(e.uploads, string(body))
			e.mu.Unlock()
			r.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		e.mu.Lock()
		between := e.between
		e.mu.Unlock()
		if between != nil {
			between(w, r, inner)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// lines are the requests in what was uploaded, with their n.
func (e *endpoint) lines(t *testing.T) (all []uploadedLine) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, upload := range e.uploads {
		for line := range strings.Lines(upload) {
			if !strings.HasPrefix(line, "{") {
				continue
			}
			var in struct{ Body uploadedLine }
			if err := json.Unmarshal([]byte(line), &in); err != nil {
				t.Fatal(err)
			}
			in.Body.N = max(in.Body.N, 1)
			all = append(all, in.Body)
		}
	}
	return all
}

type uploadedLine struct {
	Messages []llm.Message
	N        int
}

func (e *endpoint) submitted() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.batches
}

// store is a durable one, as far as a test can tell. Its budget lets every call through, or as limit says, and each
// costs 1.
type store struct {
	mu       sync.Mutex
	asked    map[string]*llm.Request
	answered map[string]string
	failures int

	budget   bool
	limit    func(ctx context.Context, req *llm.Request) error
	waits    bool
	reserved map[int64]bool // true while it is open
	taken    int            // over from an earlier process
	spent    int
}

func newStore() *store {
	return &store{asked: map[string]*llm.Request{}, answered: map[string]string{}, reserved: map[int64]bool{}}
}

func (s *store) Reserve(ctx context.Context, req *llm.Request) (ids []int64, err error) {
	if s.limit != nil {
		if err := s.limit(ctx, req); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.budget {
		return nil, nil
	}
	for range req.Count() {
		id := int64(len(s.reserved) + 1)
		s.reserved[id] = true
		ids = append(ids, id)
	}
	return ids, nil
}

func (s *store) Waits() bool { return s.waits }

func (s *store) Release(_ context.Context, ids []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if err := s.settle(id); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) TakeOver(_ context.Context, ids []int64) (open []int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if s.reserved[id] {
			open = append(open, id)
			s.taken++
		}
	}
	return open, nil
}

func (s *store) settle(id int64) error {
	if !s.reserved[id] {
		return fmt.Errorf("reservation %d is not open", id)
	}
	s.reserved[id] = false
	return nil
}

// open is how many reservations are.
func (s *store) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.reserved {
		if open {
			n++
		}
	}
	return n
}

func (s *store) Asked(_ context.Context, req *llm.Request, index int, _ int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := *req
	one.First, one.Samples = index, 1
	s.asked[llm.Key(req, index)] = &one
	return nil
}

func (s *store) Request(_ context.Context, key string) (*llm.Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if req := s.asked[key]; req != nil {
		one := *req
		return &one, nil
	}
	return nil, llm.ErrUnknown
}

func (s *store) Answered(_ context.Context, req *llm.Request, sample *llm.Sample, _ time.Time, reserved int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sample.Key != llm.Key(req, req.First) || sample.Index != req.First || !sample.Batched {
		return fmt.Errorf("%+v is no answer of a batch to %+v", sample, req)
	}
	_, known := s.answered[sample.Key]
	s.answered[sample.Key] = sample.Text
	return s.pay(reserved, known)
}

func (s *store) Failed(_ context.Context, _ *llm.Request, _ *llm.Error, reserved int64, _ bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	return s.pay(reserved, false)
}

func (s *store) pay(reserved int64, known bool) error {
	switch {
	case reserved > 0:
		s.spent++
		return s.settle(reserved)
	case reserved == 0 && !known:
		s.spent++
	}
	return nil
}

type started struct {
	*batch.Sender
	failed chan error
	cancel context.CancelFunc
	live   *int // samples that were asked for without a batch
}

func start(t *testing.T, e *endpoint, dir string, keep batch.Store, change func(*batch.Options)) *started {
	t.Helper()
	client := openai.New(e.URL+"/v1", "sk-secret-0123456789", nil)
	s := &started{failed: make(chan error, 1), live: new(int)}
	var mu sync.Mutex
	o := batch.Options{Run: "r", Dir: dir, Store: keep, Notify: func(batch.Event) {},
		Endpoints: map[string]func(context.Context) (*openai.Client, error){
			llm.SimulatedEndpoint: func(context.Context) (*openai.Client, error) { return client, nil }},
		Live: llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			mu.Lock()
			*s.live += req.Count()
			mu.Unlock()
			return client.Complete(ctx, req)
		}),
		Settle: 50 * time.Millisecond,
		Sleep: func(ctx context.Context, _ time.Duration) error { // the server's clock is the real one
			select {
			case <-time.After(2 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	o.Fail = func(err error) {
		s.failed <- err
		cancel()
	}
	if change != nil {
		change(&o)
	}
	s.Sender = batch.NewSender(o)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); s.Close() })
	return s
}

func request(prompt string, samples int) *llm.Request {
	return &llm.Request{Model: llm.Model{Endpoint: llm.SimulatedEndpoint, Name: "m", MaxTokens: 100},
		Messages: []llm.Message{{Role: llm.User, Content: prompt}}, Samples: samples}
}
