package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
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
				if want := fmt.Sprintf("to p%d, %d", i, k); sample.Err != nil || sample.Text != want || sample.Index != k || sample.Source != llm.Simulated || sample.Usage.Completion == 0 {
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
	seen := map[string]bool{}
	for _, line := range e.lines(t) { // each prompt is sent and paid for once
		if prompt := line.Messages[0].Content; line.N != 2 || seen[prompt] {
			t.Errorf("%+v", line)
		} else {
			seen[prompt] = true
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d lines", len(seen))
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
		if n := e.submitted(); n < 2 || n > 7 || *s.live != 0 {
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
		if *s.live < 4 || *s.live > 36 || *s.live+len(keep.answered) != 40 || e.submitted() != 1 {
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

// TestTogetherIsRefused has endpoints that refuse n, and that ignore it: the samples go into lines of their own in the
// next wave, none at the full price, and from then on all do at once.
func TestTogetherIsRefused(t *testing.T) {
	for option, sent := range map[string][]int{
		"refuse": {3, 1, 1, 1, 1, 1},
		"ignore": {3, 1, 1, 1, 1},
	} {
		e, dir, keep := serve(t, "batchdelay=10ms&n="+option), t.TempDir(), newStore()
		s := start(t, e, dir, keep, nil)
		ask := func(prompt string, samples int) {
			t.Helper()
			resp, err := s.Complete(t.Context(), request(prompt, samples))
			if err != nil {
				t.Fatal(err)
			}
			for i, sample := range resp.Samples {
				if sample.Err != nil || sample.Text != fmt.Sprintf("to %s, %d", prompt, i) || !sample.Batched || sample.Usage.Prompt == 0 {
					t.Errorf("%s: %+v", option, sample)
				}
			}
		}
		ask("p", 3)
		if s.Waves() != 2 {
			t.Errorf("%s: %d waves", option, s.Waves())
		}
		ask("q", 2)
		var got []int
		for _, line := range e.lines(t) {
			got = append(got, line.N)
		}
		if !slices.Equal(got, sent) || s.Waves() != 3 || *s.live != 0 || len(keep.answered) != 5 {
			t.Errorf("%s: lines of %v, want %v; %d waves, %d singly, %d stored", option, got, sent, s.Waves(), *s.live, len(keep.answered))
		}
		s.Close()
		empty(t, dir)
	}
}

// TestAFormIsRefused has an endpoint that does not understand all of a request: that is left out in the next wave, and
// from then on, and nothing is asked for singly.
func TestAFormIsRefused(t *testing.T) {
	for options, sent := range map[string]string{
		"schema=refuse":          "[2 2 2 2 3 3 3]", // with a schema, for any object, without; and one line more
		"schema=refuse&n=refuse": fmt.Sprint(append(slices.Repeat([]int{1}, 3*5+2), 2, 3)),
	} {
		e, dir := serve(t, "batchdelay=10ms&"+options), t.TempDir()
		s := start(t, e, dir, newStore(), nil)
		c := s.Watch(s.Sender)
		ask := func(prompt string, samples int) func() {
			ctx, done := s.Work(t.Context())
			return func() {
				defer done()
				req := request(prompt, samples)
				req.Schema = &llm.Schema{Name: "s", JSON: json.RawMessage(`{"type":"object"}`)}
				resp, err := c.Complete(ctx, req)
				if err != nil {
					t.Error(err)
					return
				}
				for _, sample := range resp.Samples {
					if sample.Err != nil || !sample.Batched {
						t.Errorf("%s: %+v", options, sample)
					}
				}
			}
		}
		var wg sync.WaitGroup
		for _, first := range []func(){ask("p", 2), ask("q", 3)} {
			wg.Go(first)
		}
		wg.Wait()
		ask("r", 2)()
		var got []int
		for _, line := range e.lines(t) {
			got = append(got, line.N)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != sent || *s.live != 0 {
			t.Errorf("%s: lines of %v, want %s; %d singly", options, got, sent, *s.live)
		}
		s.Close()
		empty(t, dir)
	}
}

// TestRefusedInAnyForm has a prompt that is refused whether its samples are asked for together or not: nothing is
// tried for ever, and nothing is learned from it about n.
func TestRefusedInAnyForm(t *testing.T) {
	e := serve(t, "batchdelay=10ms")
	s := start(t, e, t.TempDir(), newStore(), nil)
	resp, err := s.Complete(t.Context(), request("unknown", 2))
	if err != nil || llm.KindOf(resp.Samples[1].Err) != llm.BadRequest || s.Waves() != 2 || *s.live != 2 {
		t.Errorf("%+v, %v, %d waves, %d singly", resp, err, s.Waves(), *s.live)
	}
	askAll(t, s, 1)
	if lines := e.lines(t); lines[len(lines)-1].N != 2 {
		t.Errorf("%+v", lines)
	}
}

func TestUsageOfALine(t *testing.T) {
	for _, options := range []string{"batchdelay=10ms", "batchdelay=10ms&wrongusage=1"} {
		e := serve(t, options)
		s := start(t, e, t.TempDir(), newStore(), nil)
		resp, err := s.Complete(t.Context(), request("How much is it?", 3))
		if err != nil {
			t.Fatal(err)
		}
		var u llm.Usage
		for _, sample := range resp.Samples {
			u = u.Add(sample.Usage)
		}
		one := llm.PromptTokens(request("How much is it?", 1)) // once for all, as with n outside of batches
		if u.Prompt < one/3 || u.Prompt > one || u.Completion < 3*5 || u.Completion > 3*20 {
			t.Errorf("%s: %+v, one prompt has %d", options, u, one)
		}
	}
}

func TestRefusedAsAWhole(t *testing.T) {
	e, dir := serve(t, "batchdelay=10ms&batchlines=3"), t.TempDir()
	s := start(t, e, dir, newStore(), nil)
	req := request("p", 4)
	req.Model.Name = "o9" // whose samples are in lines of their own
	resp, err := s.Complete(t.Context(), req)
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

// TestPickedUp ends a sender at each place between submission and result and starts another, with samples in one line
// and in lines of their own, whose records are those of earlier versions.
func TestPickedUp(t *testing.T) {
	for _, model := range []string{"m", "o9"} {
		for _, place := range []string{"under way", "created, not on record", "wanted by nobody"} {
			t.Run(model+" "+place, func(t *testing.T) { pickedUp(t, model, place) })
		}
	}
}

func pickedUp(t *testing.T, model, place string) {
	e, dir, keep := serve(t, "batchdelay=300ms"), t.TempDir(), newStore()
	keep.budget = true
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
	req := request("p0", 2)
	req.Model.Name = model
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := first.Complete(ctx, req)
		ended <- err
	}()
	for e.submitted() == 0 || place != "created, not on record" && len(first.Open()) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	first.cancel()
	if err := <-ended; err == nil {
		t.Error("it was answered before it ended")
	}
	first.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) != 1 {
		t.Fatalf("on record: %v", files)
	}
	if record, err := os.ReadFile(files[0]); err != nil || strings.Contains(string(record), "counts") != (model == "m") {
		t.Errorf("%s, %v", record, err)
	}
	e.spoil(nil)
	if n := keep.open(); n != 2 {
		t.Errorf("%d reservations are open", n)
	}
	keep.limit = func(context.Context, *llm.Request) error { return errors.New("it is reserved already") }

	second := start(t, e, dir, keep, nil)
	if place == "wanted by nobody" {
		for len(second.Open()) > 0 {
			time.Sleep(time.Millisecond)
		}
	} else if resp, err := second.Complete(t.Context(), req); err != nil || resp.Samples[0].Text != "to p0, 0" || resp.Samples[1].Text != "to p0, 1" {
		t.Errorf("%+v, %v", resp, err)
	}
	if e.submitted() != 1 || len(keep.answered) != 2 || *second.live != 0 {
		t.Errorf("%d batches, %d stored, %d singly", e.submitted(), len(keep.answered), *second.live)
	}
	second.Close()
	empty(t, dir)
	if keep.taken != 2 || keep.spent != 2 || keep.open() != 0 {
		t.Errorf("%d reservations taken over, %d calls paid for, %d open", keep.taken, keep.spent, keep.open())
	}
}

func TestABrokenRecord(t *testing.T) {
	for _, content := range []string{"{", `{"token":"t","keys":[]}`, `{"token":"t","keys":["a","b"],"counts":[1]}`,
		`{"token":"t","keys":["a","b"],"counts":[3]}`, `{"token":"t","keys":["a","b"],"counts":[2,0]}`, `{"token":"t","keys":["a","b"],"reserved":[1]}`, `{"token":"t","keys":["a"],"counts":[-1,2]}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "batch_1.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := batch.NewSender(batch.Options{Dir: dir}).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no record of a batch") {
			t.Errorf("%s: %v", content, err)
		}
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
	askAll(t, s, 8)
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

// TestAzure has Azure's addresses, and a file that can be used only after a while.
func TestAzure(t *testing.T) {
	e := serve(t, "batchdelay=10ms")
	looked := 0
	e.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		path, ok := strings.CutPrefix(r.URL.Path, "/openai/")
		if !ok || r.URL.Query().Get("api-version") != "2024-10-21" {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodGet && strings.Count(path, "/") == 1 && strings.HasPrefix(path, "files/") {
			if looked++; looked < 3 {
				_, _ = io.WriteString(w, `{"id":"f","status":"pending"}`)
				return
			}
		}
		if path == "files" && strings.Count(string(body), `"url":"/chat/completions","body":{"seed":0,"model":"d",`) != 2 {
			t.Errorf("%s", body)
		}
		r = r.Clone(r.Context())
		r.URL.Path = "/v1/" + path
		r.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), `"/chat/completions"`, `"/v1/chat/completions"`)))
		next.ServeHTTP(w, r)
	})
	client := openai.New("http://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21", "k", &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, e.Listener.Addr().String())
		}}})
	dir := t.TempDir()
	s := start(t, e, dir, newStore(), func(o *batch.Options) {
		o.Endpoints[llm.SimulatedEndpoint] = func(context.Context) (*openai.Client, error) { return client, nil }
	})
	askAll(t, s, 2)
	if looked != 3 || *s.live != 0 {
		t.Errorf("looked after the file %d times, %d singly", looked, *s.live)
	}
	s.Close()
	empty(t, dir)
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
