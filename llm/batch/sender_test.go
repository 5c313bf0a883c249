package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
		return fmt.Sprintf("to %s, %d", text, req.First), true
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

func (e *endpoint) submitted() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.batches
}

// store is a durable one, as far as a test can tell.
type store struct {
	mu       sync.Mutex
	asked    map[string]bool
	answered map[string]string
}

func newStore() *store { return &store{asked: map[string]bool{}, answered: map[string]string{}} }

func (s *store) Asked(_ context.Context, req *llm.Request, index int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[llm.Key(req, index)] = true
	return nil
}

func (s *store) Answered(_ context.Context, sample *llm.Sample, _ time.Time, _ bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked[sample.Key] {
		return llm.ErrUnknown
	}
	s.answered[sample.Key] = sample.Text
	return nil
}

type started struct {
	*batch.Sender
	failed chan error
	cancel context.CancelFunc
	live   *int
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
			*s.live++
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

// askAll asks for two samples of n prompts at the same time.
func askAll(t *testing.T, s *started, n int) {
	t.Helper()
	c := s.Watch(s.Sender)
	var wg sync.WaitGroup
	for i := range n {
		ctx, done := s.Work(t.Context())
		wg.Go(func() {
			defer done()
			resp, err := c.Complete(ctx, request(fmt.Sprint("p", i), 2))
			if err != nil {
				t.Error(err)
				return
			}
			for k, sample := range resp.Samples {
				if want := fmt.Sprintf("to p%d, %d", i, k); sample.Err != nil || sample.Text != want || sample.Index != k || sample.Source != llm.Simulated || sample.Usage.Prompt == 0 {
					t.Errorf("%+v, want %q", sample, want)
				}
			}
		})
	}
	wg.Wait()
}

func empty(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

func TestOneWave(t *testing.T) {
	e, dir, keep := serve(t, "batchdelay=20ms"), t.TempDir(), newStore()
	s := start(t, e, dir, keep, nil)
	askAll(t, s, 10)
	if s.Waves() != 1 || e.submitted() != 1 || *s.live != 0 || len(keep.answered) != 20 {
		t.Errorf("%d waves, %d batches, %d singly, %d stored", s.Waves(), e.submitted(), *s.live, len(keep.answered))
	}
	last := ""
	seen := map[string]bool{}
	for line := range strings.Lines(e.uploads[0]) { // equal prompts are side by side
		var in struct {
			Body struct{ Messages []llm.Message }
		}
		if json.Unmarshal([]byte(line), &in) != nil || len(in.Body.Messages) == 0 {
			continue
		}
		if prompt := in.Body.Messages[0].Content; prompt != last {
			if seen[prompt] {
				t.Errorf("%s is in several places", prompt)
			}
			last, seen[prompt] = prompt, true
		}
	}
	s.Close()
	empty(t, dir)
}

// TestStages has workers that make calls one after the other, some fewer than others, and equal ones.
func TestStages(t *testing.T) {
	e := serve(t, "batchdelay=10ms")
	s := start(t, e, t.TempDir(), newStore(), func(o *batch.Options) { o.Settle, o.Idle = 50*time.Millisecond, time.Hour })
	c := s.Watch(llm.Remember(s.Sender, nothing{}))
	var wg sync.WaitGroup
	for i := range 4 {
		ctx, done := s.Work(t.Context())
		wg.Go(func() {
			defer done()
			for stage := range i + 1 {
				if _, err := llm.One(ctx, c, request(fmt.Sprintf("stage %d of %d", stage, i/2), 1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if s.Waves() != 4 || e.submitted() != 4 {
		t.Errorf("%d waves, %d batches", s.Waves(), e.submitted())
	}
}

// nothing is a store that forgets.
type nothing struct{}

func (nothing) Sample(context.Context, string) (*llm.Sample, error) { return nil, llm.ErrUnknown }

func (nothing) Put(context.Context, *llm.Request, *llm.Sample, time.Time) error { return nil }

func (nothing) Used(context.Context, *llm.Request, *llm.Sample) error { return nil }

// TestSomethingElseIsWaitedFor closes a wave although somebody seems to work.
func TestSomethingElseIsWaitedFor(t *testing.T) {
	e := serve(t, "batchdelay=10ms")
	s := start(t, e, t.TempDir(), newStore(), func(o *batch.Options) { o.Idle = 200 * time.Millisecond })
	_, done := s.Work(t.Context())
	defer done()
	askAll(t, s, 2)
}

func TestSplit(t *testing.T) {
	for name, limit := range map[string]func(*batch.Options){
		"by lines": func(o *batch.Options) { o.Lines = 3 },
		"by bytes": func(o *batch.Options) { o.Bytes = 900 },
	} {
		e, dir := serve(t, "batchdelay=10ms&batchlines=4&batchbytes=1000"), t.TempDir()
		s := start(t, e, dir, newStore(), limit)
		askAll(t, s, 6)
		if n := e.submitted(); n < 4 || n > 7 || *s.live != 0 {
			t.Errorf("%s: %d batches, %d singly", name, n, *s.live)
		}
		s.Close()
		empty(t, dir)
	}
	e := serve(t, "batchdelay=10ms")
	s := start(t, e, t.TempDir(), newStore(), func(o *batch.Options) { o.Bytes = 10 }) // no line fits
	askAll(t, s, 2)
	if e.submitted() != 0 || *s.live != 4 {
		t.Errorf("%d batches, %d singly", e.submitted(), *s.live)
	}
}

func TestFailedLinesAreTakenUpSingly(t *testing.T) {
	for _, options := range []string{"batchdelay=10ms&batchfail=0.4", "batchdelay=10ms&batchexpire=1"} {
		e, dir, keep := serve(t, options), t.TempDir(), newStore()
		s := start(t, e, dir, keep, nil)
		askAll(t, s, 20)
		if *s.live < 5 || *s.live > 30 || *s.live+len(keep.answered) != 40 || e.submitted() != 1 {
			t.Errorf("%s: %d singly, %d stored, %d batches", options, *s.live, len(keep.answered), e.submitted())
		}
		for prompt, n := range e.answers {
			if n != 1 {
				t.Errorf("%s: %s was answered %d times", options, prompt, n)
			}
		}
		s.Close()
		empty(t, dir)
	}
}

func TestRefusedAsAWhole(t *testing.T) {
	e, dir := serve(t, "batchdelay=10ms&batchlines=3"), t.TempDir()
	s := start(t, e, dir, newStore(), nil)
	resp, err := s.Complete(t.Context(), request("p", 4))
	var failed *batch.FailedError
	if cause := <-s.failed; !errors.As(cause, &failed) || !strings.Contains(cause.Error(), "the limit is 3") || failed.Calls != 4 {
		t.Error(cause)
	}
	if err != nil || !errors.As(resp.Samples[3].Err, &failed) {
		t.Errorf("%+v, %v", resp, err)
	}
	s.Close()
	empty(t, dir)
}

func TestFaultsOnTheWay(t *testing.T) {
	e, dir, keep := serve(t, "batchdelay=10ms&rate429=0.1&rate500=0.1&rate502html=0.1&cut=0.1&reset=0.1&badjson=0.05"), t.TempDir(), newStore()
	s := start(t, e, dir, keep, nil)
	for range 5 {
		askAll(t, s, 5)
	}
	for prompt, n := range e.answers {
		if n > 5 { // once for each time that it was asked for
			t.Errorf("%s was answered %d times", prompt, n)
		}
	}
	s.Close()
	empty(t, dir)
}

// TestPickedUp ends a sender at each place between submission and result and starts another.
func TestPickedUp(t *testing.T) {
	for _, place := range []string{"under way", "created, not on record", "wanted by nobody"} {
		e, dir, keep := serve(t, "batchdelay=300ms"), t.TempDir(), newStore()
		first := start(t, e, dir, keep, nil)
		if place == "created, not on record" {
			e.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Path == "/v1/batches" && r.Method == http.MethodPost {
					next.ServeHTTP(httptest.NewRecorder(), r)
					first.cancel()
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(w, r)
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := first.Complete(ctx, request("p0", 2))
			ended <- err
		}()
		for e.submitted() == 0 || place != "created, not on record" && len(first.Open()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		first.cancel()
		if err := <-ended; err == nil {
			t.Errorf("%s: it was answered before it ended", place)
		}
		first.Close()
		if files, _ := filepath.Glob(filepath.Join(dir, "*.json")); len(files) != 1 {
			t.Errorf("%s: on record: %v", place, files)
		}
		e.spoil(nil)

		second := start(t, e, dir, keep, nil)
		if place == "wanted by nobody" {
			for len(second.Open()) > 0 {
				time.Sleep(time.Millisecond)
			}
		} else {
			askAll(t, second, 1)
		}
		if e.submitted() != 1 || len(keep.answered) != 2 || *second.live != 0 {
			t.Errorf("%s: %d batches, %d stored, %d singly", place, e.submitted(), len(keep.answered), *second.live)
		}
		second.Close()
		empty(t, dir)
	}
}

// TestTooManyTokensAtOnce has an endpoint that takes no batch of more than two lines at a time.
func TestTooManyTokensAtOnce(t *testing.T) {
	e, dir := serve(t, "batchdelay=10ms"), t.TempDir()
	big := map[string]bool{} // files
	e.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		body := answer.Body.String()
		var got struct {
			ID    string `json:"id"`
			Input string `json:"input_file_id"`
			Bytes int
		}
		_ = json.Unmarshal([]byte(body), &got)
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.URL.Path == "/v1/files" {
			big[got.ID] = strings.Count(e.uploads[len(e.uploads)-1], "custom_id") > 2
		}
		if big[got.Input] {
			body = fmt.Sprintf(`{"id":%q,"status":"failed","errors":{"data":[{"code":"token_limit_exceeded","message":"Enqueued token limit reached"}]}}`, got.ID)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		_, _ = io.WriteString(w, body)
	})
	s := start(t, e, dir, newStore(), nil)
	askAll(t, s, 4)
	if e.submitted() != 7 || *s.live != 0 { // 8, 4, 2, 2, 4, 2, 2
		t.Errorf("%d batches, %d singly", e.submitted(), *s.live)
	}
	s.Close()
	empty(t, dir)
}

func TestNoBatchesThere(t *testing.T) {
	e := serve(t, "")
	e.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.NotFound(w, r) })
	s := start(t, e, t.TempDir(), newStore(), nil)
	_, _ = s.Complete(t.Context(), request("p", 1))
	if err := <-s.failed; !strings.Contains(err.Error(), "leave out --batch") {
		t.Error(err)
	}
}

func TestTheKeyStaysOut(t *testing.T) {
	e, dir := serve(t, ""), t.TempDir()
	e.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"Incorrect API key provided: %s"}}`, r.Header.Get("Authorization"))
	})
	s := start(t, e, dir, newStore(), nil)
	_, _ = s.Complete(t.Context(), request("p", 1))
	if err := <-s.failed; strings.Contains(err.Error(), "secret") || llm.KindOf(err) != llm.Unauthorized {
		t.Error(err)
	}
}

// TestWhoeverWorksIsWaitedFor has one who makes its call long after all others wait.
func TestWhoeverWorksIsWaitedFor(t *testing.T) {
	e := serve(t, "batchdelay=10ms")
	s := start(t, e, t.TempDir(), newStore(), func(o *batch.Options) { o.Settle, o.Idle = 10*time.Millisecond, time.Hour })
	c := s.Watch(s.Sender)
	var wg sync.WaitGroup
	for i := range 3 {
		ctx, done := s.Work(t.Context())
		wg.Go(func() {
			defer done()
			if i == 2 {
				time.Sleep(150 * time.Millisecond) // its work, much longer than what closes a wave
			}
			if _, err := llm.One(ctx, c, request(fmt.Sprint("p", i), 1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.Waves() != 1 || e.submitted() != 1 {
		t.Errorf("%d waves, %d batches", s.Waves(), e.submitted())
	}
}
