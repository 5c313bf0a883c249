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
	"strings"
	"sync"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/batch"
	"papereval/llm/openai"
)

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
