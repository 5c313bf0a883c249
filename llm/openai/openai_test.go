package openai_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
	"papereval/tokens"
)

const key = "hunter2-is-no-usual-key"

// bodies keeps what was sent, and passes it on.
type bodies struct {
	next http.Handler
	mu   sync.Mutex
	sent []map[string]any
	auth []string
}

func (b *bodies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(data)))
	var m map[string]any
	_ = json.Unmarshal(data, &m)
	b.mu.Lock()
	b.sent = append(b.sent, m)
	b.auth = append(b.auth, r.Header.Get("Authorization"))
	b.mu.Unlock()
	b.next.ServeHTTP(w, r)
}

func numbered(req *llm.Request) (string, bool) { return fmt.Sprintf("answer %d", req.First), true }

func start(t *testing.T, h http.Handler) *openai.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return openai.New(server.URL+"/v1/", key, server.Client())
}

func ask(m llm.Model, first, samples int) *llm.Request {
	return &llm.Request{Model: m, First: first, Samples: samples,
		Messages: []llm.Message{{Role: llm.System, Content: "be <brief>"}, {Role: llm.User, Content: "hello & goodbye"}}}
}

func TestParametersAreSentAsTheyAre(t *testing.T) {
	zero, warm := 0.0, 0.7
	for name, tt := range map[string]struct {
		model    llm.Model
		samples  int
		requests int
		want     map[string]any
	}{
		"plain":                  {llm.Model{Name: "gpt-4o"}, 1, 1, map[string]any{"max_tokens": 16384.0, "stream": true}},
		"zero":                   {llm.Model{Name: "gpt-4o", Temperature: &zero, MaxTokens: 10}, 1, 1, map[string]any{"temperature": 0.0, "max_tokens": 10.0}},
		"long":                   {llm.Model{Name: "gpt-4o", MaxTokens: 5000}, 1, 1, map[string]any{"max_tokens": 5000.0, "stream": true}},
		"together":               {llm.Model{Name: "gpt-4o", Temperature: &warm}, 8, 1, map[string]any{"temperature": 0.7, "n": 8.0, "max_tokens": 16384.0, "stream": true}},
		"unknown":                {llm.Model{Name: "m", Context: 1 << 20}, 1, 1, map[string]any{"max_tokens": 32768.0, "stream": true}},
		"reasoning":              {llm.Model{Name: "o3-mini", ReasoningEffort: "high", MaxTokens: 10}, 3, 3, map[string]any{"reasoning_effort": "high", "max_completion_tokens": 10.0}},
		"reasoning, by provider": {llm.Model{Name: "openai/gpt-5-mini", MaxTokens: 10}, 2, 2, map[string]any{"max_completion_tokens": 10.0}},
		"reasoning, temperature": {llm.Model{Name: "o1", Temperature: &zero}, 1, 1, map[string]any{"temperature": 0.0, "max_completion_tokens": 100000.0, "stream": true}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bodies{next: sim.NewServer(sim.AnswererFunc(numbered))}
			c := start(t, b)
			resp, err := c.Complete(t.Context(), ask(tt.model, 5, tt.samples))
			if err != nil {
				t.Fatal(err)
			}
			if len(b.sent) != tt.requests {
				t.Errorf("%d requests, want %d", len(b.sent), tt.requests)
			}
			if tt.want["stream"] != nil {
				tt.want["stream_options"] = map[string]any{"include_usage": true}
			}
			tt.want["model"] = tt.model.Name
			tt.want["messages"] = []any{map[string]any{"role": "system", "content": "be <brief>"},
				map[string]any{"role": "user", "content": "hello & goodbye"}}
			for i, sent := range b.sent {
				if !reflect.DeepEqual(sent, tt.want) || b.auth[i] != "Bearer "+key {
					t.Errorf("sent %v with %q, want %v", sent, b.auth[i], tt.want)
				}
			}
			for i, s := range resp.Samples {
				if s.Err != nil || s.Index != 5+i || s.Finish != "stop" || s.Source != llm.Live || s.Snapshot != tt.model.Name || s.Elapsed <= 0 {
					t.Errorf("sample %d is %+v", i, s)
				}
			}
		})
	}
}

func TestUsageOfSeveralSamplesIsCountedOnce(t *testing.T) {
	c := start(t, sim.NewServer(sim.AnswererFunc(numbered)))
	resp, err := c.Complete(t.Context(), ask(llm.Model{Name: "m"}, 0, 3))
	if err != nil {
		t.Fatal(err)
	}
	var total llm.Usage
	for i, s := range resp.Samples {
		if total = total.Add(s.Usage); i > 0 && s.Usage.Prompt != 0 || s.Usage.Completion == 0 {
			t.Errorf("sample %d: %+v", i, s.Usage)
		}
		if s.Text != fmt.Sprintf("answer %d", i) {
			t.Errorf("sample %d: %q", i, s.Text)
		}
	}
	prompt := tokens.Count("be <brief>") + tokens.Count("hello & goodbye")
	if want := (llm.Usage{Prompt: prompt, Completion: 3 * tokens.Count("answer 0")}); total != want {
		t.Errorf("in total %+v, want %+v", total, want)
	}
}

// fixed answers every request with the same text.
func fixed(status int, header, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestUsageDetails(t *testing.T) {
	c := start(t, fixed(200, "", `{"model":"m-2025-01-31","choices":[
		{"index":0,"finish_reason":"length","message":{"role":"assistant","content":"cut o"}},
		{"index":1,"finish_reason":"stop","message":{"role":"assistant","content":"b"}},
		{"index":2,"finish_reason":"stop","message":{"role":"assistant","content":[{"type":"text","text":"c"}]}}],
		"usage":{"prompt_tokens":100,"completion_tokens":11,"prompt_tokens_details":{"cached_tokens":60},
		"completion_tokens_details":{"reasoning_tokens":7}}}`))
	resp, err := c.Complete(t.Context(), ask(llm.Model{Name: "m"}, 0, 3))
	if err != nil {
		t.Fatal(err)
	}
	s := resp.Samples
	if llm.KindOf(s[0].Err) != llm.Length || s[1].Text != "b" || s[2].Text != "c" || s[1].Snapshot != "m-2025-01-31" {
		t.Errorf("%+v", s)
	}
	want := []llm.Usage{{Completion: 3, Reasoning: 2}, {Prompt: 100, Cached: 60, Completion: 5, Reasoning: 3}, {Completion: 3, Reasoning: 2}}
	for i := range want {
		if s[i].Usage != want[i] {
			t.Errorf("sample %d: %+v, want %+v", i, s[i].Usage, want[i])
		}
	}
}

func TestServersThatDoNotKnowN(t *testing.T) {
	ignores := sim.NewServer(sim.AnswererFunc(numbered))
	ignores.Faults = func(int, *http.Request) sim.Fault { return sim.Fault{IgnoreN: true} }
	refuses := sim.NewServer(sim.AnswererFunc(numbered))
	refuses.Faults = func(n int, _ *http.Request) sim.Fault {
		return sim.Fault{Status: map[bool]int{true: 400}[n == 0], Message: "n must be 1"}
	}
	for name, tt := range map[string]struct {
		server   *sim.Server
		requests int
	}{"ignores": {ignores, 4}, "refuses": {refuses, 5}} {
		resp, err := start(t, tt.server).Complete(t.Context(), ask(llm.Model{Name: "m"}, 0, 4))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, s := range resp.Samples {
			if s.Err != nil || s.Index != i || s.Usage.Prompt == 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if tt.server.Requests() != tt.requests {
			t.Errorf("%s: %d requests, want %d", name, tt.server.Requests(), tt.requests)
		}
	}
}

func TestOneFailedSampleDoesNotCostTheOthers(t *testing.T) {
	s := sim.NewServer(sim.AnswererFunc(numbered))
	s.Faults = func(n int, _ *http.Request) sim.Fault { return sim.Fault{Status: map[bool]int{true: 500}[n == 0]} }
	resp, err := start(t, s).Complete(t.Context(), ask(llm.Model{Name: "o3-mini"}, 0, 4))
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, s := range resp.Samples {
		if s.Err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d failed, want 1", failed)
	}
}

func TestFailures(t *testing.T) {
	object := func(code, message string) string {
		return fmt.Sprintf(`{"error":{"message":%q,"type":"x","param":null,"code":%q}}`, message, code)
	}
	answer := func(message, finish string) string {
		return fmt.Sprintf(`{"model":"m","choices":[{"index":0,"message":%s,"finish_reason":%s}]}`, message, finish)
	}
	for name, tt := range map[string]struct {
		status       int
		header, body string
		kind         llm.Kind
		wait         time.Duration
		says         string
	}{
		"seconds":             {429, "Retry-After: 1.5", object("rate_limit_exceeded", "slow"), llm.RateLimited, 1500 * time.Millisecond, "slow"},
		"date in the past":    {429, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", "", llm.RateLimited, 0, "Too Many"},
		"nonsense":            {429, "Retry-After: soon", "", llm.RateLimited, 0, ""},
		"quota":               {429, "", object("insufficient_quota", "You exceeded your current quota"), llm.OutOfCredit, 0, "credit"},
		"larger than a limit": {429, "", object("rate_limit_exceeded", "Request too large for m on tokens per min"), llm.PromptTooLong, 0, ""},
		"overload":            {503, "Retry-After: 20", "busy", llm.Overloaded, 20 * time.Second, "busy"},
		"page":                {502, "Content-Type: text/html", "<html><title>Bad \x1b[31m Gateway</title>", llm.Server, 0, "HTML page"},
		"page as an answer":   {200, "Content-Type: text/html", "<html><title>Log in</title>", llm.NotAnAnswer, 0, "Log in"},
		"page without type":   {200, "Content-Type: application/json", "\n <!DOCTYPE html>", llm.NotAnAnswer, 0, "/v1"},
		"wrong path":          {404, "", "404 page not found", llm.NotAnAnswer, 0, "/v1"},
		"key":                 {401, "", object("invalid_api_key", "Incorrect API key provided: "+key), llm.Unauthorized, 0, "[key]"},
		"model":               {404, "", object("model_not_found", "The model m does not exist"), llm.UnknownModel, 0, "--model"},
		"model, as plain 400": {400, "", `{"error":"model 'm' not found"}`, llm.UnknownModel, 0, ""},
		"too long":            {400, "", object("context_length_exceeded", "…"), llm.PromptTooLong, 0, "context"},
		"too long, by text":   {400, "", object("", "This model's maximum context length is 8 tokens"), llm.PromptTooLong, 0, "8 tokens"},
		"vLLM":                {400, "", `{"object":"error","message":"temperature is wrong","code":400}`, llm.BadRequest, 0, "temperature is wrong"},
		"error as success":    {200, "", `{"error":{"message":"upstream is limited","code":429}}`, llm.RateLimited, 0, "upstream"},
		"no choices":          {200, "", `{"model":"m","choices":[]}`, llm.Empty, 0, "choices"},
		"nothing":             {200, "", "", llm.CutShort, 0, "0 bytes"},
		"half":                {200, "", `{"model":"m","choices":[{"ind`, llm.CutShort, 0, "bytes"},
		"other text":          {200, "", "OK", llm.NotAnAnswer, 0, "OK"},
		"other JSON":          {200, "", `{"choices":"none"}`, llm.NotAnAnswer, 0, "none"},
		"length":              {200, "", answer(`{"content":"abc"}`, `"length"`), llm.Length, 0, "max_tokens"},
		"no finish reason":    {200, "", answer(`{"content":"abc"}`, `null`), llm.CutShort, 0, "finish reason"},
		"filter":              {200, "", answer(`{"content":""}`, `"content_filter"`), llm.Filtered, 0, ""},
		"refusal":             {200, "", answer(`{"content":null,"refusal":"I will not"}`, `"stop"`), llm.Filtered, 0, "I will not"},
		"blank":               {200, "", answer(`{"content":" \n"}`, `"stop"`), llm.Empty, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, fixed(tt.status, tt.header, tt.body))
			_, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1))
			var e *llm.Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.RetryAfter != tt.wait {
				t.Fatalf("got %v (%+v), want %s after %s", err, e, tt.kind, tt.wait)
			}
			if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), c.Endpoint()) {
				t.Errorf("%q lacks %q", err, tt.says)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, e, e.Err), key) {
				t.Errorf("%v shows the key", err)
			}
			if tt.status >= 400 && e.Status != tt.status {
				t.Errorf("status %d, want %d", e.Status, tt.status)
			}
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	at := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	_, err := llm.One(t.Context(), start(t, fixed(429, "Retry-After: "+at, "")), ask(llm.Model{Name: "m"}, 0, 1))
	var e *llm.Error
	if !errors.As(err, &e) || e.RetryAfter < 80*time.Second || e.RetryAfter > 90*time.Second {
		t.Errorf("%+v", e)
	}
}

func TestConnectionFailures(t *testing.T) {
	// What may have reached the endpoint may cost something.
	for name, tt := range map[string]struct {
		fault sim.Fault
		kind  llm.Kind
	}{"reset": {sim.Fault{Reset: true}, llm.Network}, "cut": {sim.Fault{Cut: true}, llm.CutShort}} {
		s := sim.NewServer(sim.AnswererFunc(numbered))
		s.Faults = func(int, *http.Request) sim.Fault { return tt.fault }
		if _, err := llm.One(t.Context(), start(t, s), ask(llm.Model{Name: "m"}, 0, 1)); llm.KindOf(err) != tt.kind || llm.UsageOf(err).Prompt == 0 {
			t.Errorf("%s: %v with %+v", name, err, llm.UsageOf(err))
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for base, kind := range map[string]llm.Kind{
		gone.URL:                              llm.Network,
		"ftp://example.org/v1":                llm.BadRequest,
		"http://user:sesame@127.0.0.1:1/v1":   llm.Network,
		"http://user:sesame@127.0.0.1:bad/v1": llm.BadRequest,
	} {
		_, err := llm.One(t.Context(), openai.New(base, key, nil), ask(llm.Model{Name: "m"}, 0, 1))
		if llm.KindOf(err) != kind || strings.Contains(err.Error(), "sesame") || llm.UsageOf(err) != (llm.Usage{}) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestTooLargeAnAnswer(t *testing.T) {
	if openai.MaxBody != 64<<20 {
		t.Error("the limit is 64 MB")
	}
	body := `{"model":"m","choices":[{"message":{"content":"` + strings.Repeat("x", 1<<20) + `"},"finish_reason":"stop"}]}`
	c := start(t, fixed(200, "", body))
	for limit, kind := range map[int]llm.Kind{len(body): "", len(body) - 1: llm.NotAnAnswer} {
		c.Limit(int64(limit))
		if _, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1)); llm.KindOf(err) != kind || (err == nil) != (kind == "") {
			t.Errorf("%d bytes with limit %d: %v", len(body), limit, err)
		}
	}
}

func TestCancelledContextStaysOne(t *testing.T) {
	arrived := make(chan struct{})
	c := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client leaves
		close(arrived)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := llm.One(ctx, c, ask(llm.Model{Name: "m"}, 0, 1))
	if !errors.Is(err, context.Canceled) || llm.KindOf(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestEndpoint(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "https://api.openai.com/v1",
		" https://API.openai.com/v1/":       "https://api.openai.com/v1",
		"https://a.org:443/v1//":            "https://a.org/v1",
		"http://a.org:8000/V1":              "http://a.org:8000/V1",
		"http://u:p@a.org/v1?k=v#f":         "http://a.org/v1",
		"http://[::1]:80/v1":                "http://[::1]/v1",
		"http://[::1]:8080/v1":              "http://[::1]:8080/v1",
		"https://a.org/v1/chat/completions": "https://a.org/v1",
		"localhost:8000/v1":                 "localhost:8000/v1",
	} {
		if got := openai.Endpoint(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
