package openai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/tokens"
)

// event is a choice's part of a stream.
func event(index int, text, finish string) string {
	reason := "null"
	if finish != "" {
		reason = fmt.Sprintf("%q", finish)
	}
	return fmt.Sprintf(`data: {"model":"m-1","choices":[{"index":%d,"delta":{"content":%q},"finish_reason":%s}],"usage":null}`+"\n\n", index, text, reason)
}

const (
	usageEvent = `data: {"model":"m-1","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":4}}}` + "\n\n"
	doneEvent  = "data: [DONE]\n\n"
)

func TestStreams(t *testing.T) {
	prompt := llm.PromptTokens(ask(llm.Model{}, 0, 1))
	reported := llm.Usage{Prompt: 20, Cached: 5, Completion: 9, Reasoning: 4}
	estimated := func(text string) llm.Usage { return llm.Usage{Prompt: prompt, Completion: tokens.Count(text)} }
	hello := event(0, "hel", "") + event(0, "lo", "")
	for name, tt := range map[string]struct {
		body  string
		text  string
		kind  llm.Kind
		says  string
		usage llm.Usage
	}{
		"whole":               {hello + event(0, "", "stop") + usageEvent + doneEvent, "hello", "", "", reported},
		"usage with the end":  {hello + strings.Replace(event(0, "", "stop"), "null}", `{"prompt_tokens":20,"completion_tokens":2}}`, 1) + doneEvent, "hello", "", "", llm.Usage{Prompt: 20, Completion: 2}},
		"without usage":       {hello + event(0, "", "stop") + doneEvent, "hello", "", "", estimated("hello")},
		"impossible usage":    {hello + event(0, "", "stop") + strings.ReplaceAll(usageEvent, ":20", ":-20") + doneEvent, "hello", "", "", estimated("hello")},
		"too much usage":      {hello + event(0, "", "stop") + strings.ReplaceAll(usageEvent, ":20", ":20000000") + doneEvent, "hello", "", "", estimated("hello")},
		"no completion":       {hello + event(0, "", "stop") + `data: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":0}}` + "\n\n" + doneEvent, "hello", "", "", estimated("hello")},
		"reasoning apart":     {hello + event(0, "", "stop") + strings.Replace(usageEvent, `"completion_tokens":9`, `"completion_tokens":9,"total_tokens":33`, 1) + doneEvent, "hello", "", "", llm.Usage{Prompt: 20, Cached: 5, Completion: 13, Reasoning: 4}},
		"no last event":       {hello + event(0, "", "stop"), "hello", "", "", estimated("hello")},
		"no spaces, CRLF":     {strings.NewReplacer("data: ", "data:", "\n", "\r\n").Replace(hello + event(0, "", "stop") + usageEvent + doneEvent), "hello", "", "", reported},
		"signs of life":       {strings.Repeat(": PROCESSING\n\n", 400) + hello + "event: message\n" + event(0, "", "stop") + usageEvent + doneEvent, "hello", "", "", reported},
		"Azure":               {`data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}` + "\n\n" + hello + event(0, "", "stop") + usageEvent + doneEvent, "hello", "", "", reported},
		"text in parts":       {`data: {"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"hel"},{"type":"text","text":"lo"}]},"finish_reason":"stop"}]}` + "\n\n" + usageEvent + doneEvent, "hello", "", "", reported},
		"more choices":        {hello + event(1, "no", "stop") + event(-1, "no", "stop") + event(0, "", "stop") + usageEvent + doneEvent, "hello", "", "", reported},
		"whole, then broken":  {hello + event(0, "", "stop") + "data: {\"cho", "hello", "", "", estimated("hello")},
		"cut":                 {hello, "", llm.CutShort, "finish reason", estimated("hello")},
		"cut in an event":     {hello + `data: {"choi`, "", llm.CutShort, "finish reason", estimated("hello")},
		"cut, with usage":     {hello + usageEvent, "", llm.CutShort, "finish reason", reported},
		"done without an end": {hello + doneEvent, "", llm.CutShort, "finish reason", estimated("hello")},
		"thoughts only":       {`data: {"choices":[{"index":0,"delta":{"reasoning_content":"12345678"}}]}` + "\n\n", "", llm.CutShort, "", llm.Usage{Prompt: prompt, Completion: 2}},
		"nothing":             {doneEvent, "", llm.Empty, "no choices", llm.Usage{Prompt: prompt}},
		"blank":               {event(0, " ", "stop") + usageEvent + doneEvent, "", llm.Empty, "", reported},
		"length":              {hello + event(0, "", "length") + usageEvent + doneEvent, "", llm.Length, "limit of tokens", reported},
		"filter":              {hello + event(0, "", "content_filter") + usageEvent + doneEvent, "", llm.Filtered, "", reported},
		"refusal":             {`data: {"choices":[{"index":0,"delta":{"refusal":"I will not"},"finish_reason":"stop"}]}` + "\n\n" + usageEvent + doneEvent, "", llm.Filtered, "I will not", reported},
		"error":               {`data: {"error":{"message":"busy","code":429}}` + "\n\n", "", llm.RateLimited, "busy", llm.Usage{}},
		"error, other form":   {`data: { "error": {"message":"busy","code":503}, "choices":[]}` + "\n\n" + doneEvent, "", llm.Overloaded, "busy", llm.Usage{}},
		"error in the middle": {hello + `data: {"error":{"message":"failed","code":502}}` + "\n\n" + doneEvent, "", llm.Server, "failed", estimated("hello")},
		"broken event":        {hello + "data: {\"choices\":,,[]}\n\n" + event(0, "", "stop") + doneEvent, "", llm.CutShort, "no event", estimated("hello")},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"text/event-stream", "application/json", ""} {
				c := start(t, fixed(200, "Content-Type: "+kind, tt.body))
				s, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 3, 1))
				if tt.kind != "" {
					if llm.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.says) || llm.UsageOf(err) != tt.usage {
						t.Errorf("got %v with %+v, want %s with %+v", err, llm.UsageOf(err), tt.kind, tt.usage)
					}
					continue
				}
				if err != nil || s.Text != tt.text || s.Usage != tt.usage || s.Index != 3 || s.Finish != "stop" {
					t.Errorf("got %+v, %v, want %q with %+v", s, err, tt.text, tt.usage)
				}
			}
		})
	}
}

func TestOfAStreamOfSeveralSamplesTheWholeOnesAreKept(t *testing.T) {
	body := event(0, "a", "") + event(2, "c", "stop") + event(1, "b", "") + event(0, "A", "stop")
	for name, end := range map[string]string{"cut": "", "error": `data: {"error":{"message":"failed"}}` + "\n\n", "broken": "data: {,}\n\n", "done": doneEvent} {
		resp, err := start(t, fixed(200, "", body+end)).Complete(t.Context(), ask(llm.Model{Name: "m"}, 4, 3))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := resp.Samples
		if s[0].Text != "aA" || s[2].Text != "c" || s[0].Err != nil || s[2].Err != nil || llm.KindOf(s[1].Err) != llm.CutShort || s[2].Index != 6 {
			t.Errorf("%s: %+v", name, s)
		}
		prompt := llm.PromptTokens(ask(llm.Model{}, 0, 1))
		if total := s[0].Usage.Add(llm.UsageOf(s[1].Err)).Add(s[2].Usage); total != (llm.Usage{Prompt: prompt, Completion: tokens.Count("aA") + 2}) {
			t.Errorf("%s: in total %+v", name, total)
		}
	}
}

func TestAWholeAnswerMayComeWhereAStreamWasAskedFor(t *testing.T) {
	c := start(t, fixed(200, "", ` {"model":"m","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}`))
	s, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1))
	if err != nil || s.Text != "x" || s.Usage != (llm.Usage{Prompt: 7, Completion: 1}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(fixed(200, "", event(0, "x", "stop")+usageEvent+doneEvent))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := openai.New(server.URL, key, nil)
	for range 5 {
		if _, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests", n)
	}
}

// pipes is a network in memory, on which synctest's time passes.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.closed); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// serve answers over HTTP in memory; stop ends it.
func serve(h http.HandlerFunc) (c *openai.Client, stop func()) {
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(p) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		select {
		case p.connections <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	return openai.New("http://test/v1", key, &http.Client{Transport: transport}), func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	}
}

func TestWhatMakesNoProgressEnds(t *testing.T) {
	send := func(w http.ResponseWriter, s string) {
		_, _ = io.WriteString(w, s)
		_ = http.NewResponseController(w).Flush()
	}
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		model  llm.Model
		kind   llm.Kind
		says   string
		after  time.Duration
		paid   bool
	}{
		"steady": {func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				time.Sleep(110 * time.Second)
				send(w, event(0, "x", ""))
			}
			send(w, event(0, "", "stop")+doneEvent)
		}, llm.Model{Name: "m"}, "", "", 1100 * time.Second, false},
		"slow to begin": {func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(9 * time.Minute)
			send(w, event(0, "x", "stop")+doneEvent)
		}, llm.Model{Name: "m"}, "", "", 9 * time.Minute, false},
		"stalls": {func(w http.ResponseWriter, r *http.Request) {
			send(w, event(0, "abc", ""))
			<-r.Context().Done()
		}, llm.Model{Name: "m"}, llm.CutShort, "no byte came for 2m0s after 3 characters", 2 * time.Minute, true},
		"stalls after headers": {func(w http.ResponseWriter, r *http.Request) {
			send(w, "")
			<-r.Context().Done()
		}, llm.Model{Name: "m"}, llm.Server, "nothing came for 10m0s", 10 * time.Minute, true},
		"never begins": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, llm.Model{Name: "m"}, llm.Server, "nothing came for 10m0s", 10 * time.Minute, true},
		"only signs of life": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				select {
				case <-time.After(time.Minute):
				case <-r.Context().Done():
				}
				send(w, ": working\n\n")
			}
		}, llm.Model{Name: "m"}, llm.Server, "not whole for 30m0s", 30 * time.Minute, true},
		"short answers have no stream": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, llm.Model{Name: "m", MaxTokens: 10}, llm.Server, "not whole for 30m0s", 30 * time.Minute, true},
		"lingers after the end": {func(w http.ResponseWriter, r *http.Request) {
			send(w, event(0, "x", "stop")+doneEvent+": b")
			<-r.Context().Done()
		}, llm.Model{Name: "m"}, "", "", time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, stop := serve(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client leaves
					tt.answer(w, r)
				})
				defer stop()
				started := time.Now()
				_, err := llm.One(t.Context(), c, ask(tt.model, 0, 1))
				if took := time.Since(started); llm.KindOf(err) != tt.kind || (err == nil) != (tt.kind == "") || took != tt.after {
					t.Fatalf("after %s: %v, want %q after %s", took, err, tt.kind, tt.after)
				}
				if err != nil && (!strings.Contains(err.Error(), tt.says) || (llm.UsageOf(err) != llm.Usage{}) != tt.paid) {
					t.Errorf("%v with %+v, want %q", err, llm.UsageOf(err), tt.says)
				}
			})
		})
	}
}

func TestAStreamIsLeftAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := serve(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, event(0, "x", ""))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		defer stop()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		started := time.Now()
		_, err := c.Complete(ctx, ask(llm.Model{Name: "o1"}, 0, 3))
		if !errors.Is(err, context.Canceled) || llm.KindOf(err) != "" || time.Since(started) != time.Second {
			t.Errorf("after %s: %v", time.Since(started), err)
		}
	})
}

func TestLimitsMayBeSet(t *testing.T) {
	want := openai.Limits{Answer: 30 * time.Minute, First: 10 * time.Minute, Stall: 2 * time.Minute}
	if got := openai.New("", "", nil).Limits; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	c := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	c.Limits.First = 20 * time.Millisecond
	if _, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1)); llm.KindOf(err) != llm.Server {
		t.Errorf("%v", err)
	}
}
