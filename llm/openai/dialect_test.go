package openai_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"papereval/llm"
	"papereval/llm/openai"
)

// picky is an endpoint that refuses some requests, in the words of real ones.
type picky struct {
	refuse func(sent map[string]any) (status int, body string) // 0 where it answers

	mu    sync.Mutex
	forms []string // of the requests: what was asked for, in short
	heads []http.Header
	urls  []string
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	var sent map[string]any
	_ = json.Unmarshal(data, &sent)
	form := ""
	for _, name := range []string{"max_tokens", "max_completion_tokens", "n"} {
		if v, ok := sent[name]; ok {
			form += fmt.Sprintf(" %s=%v", name, v)
		}
	}
	if f, ok := sent["response_format"].(map[string]any); ok {
		form += fmt.Sprintf(" %v", f["type"])
	}
	for _, name := range []string{"stream", "stream_options"} {
		if sent[name] != nil {
			form += " " + name
		}
	}
	p.mu.Lock()
	p.forms = append(p.forms, strings.TrimSpace(form))
	p.heads = append(p.heads, r.Header)
	p.urls = append(p.urls, r.URL.String())
	p.mu.Unlock()
	if p.refuse != nil {
		if status, body := p.refuse(sent); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	n, _ := sent["n"].(float64)
	if sent["stream"] == true {
		for i := range max(int(n), 1) {
			_, _ = io.WriteString(w, event(i, "yes", "stop"))
		}
		_, _ = io.WriteString(w, usageEvent+doneEvent)
		return
	}
	choices := strings.Repeat(`{"message":{"content":"yes"},"finish_reason":"stop"},`, max(int(n), 1))
	_, _ = io.WriteString(w, `{"model":"m","choices":[`+strings.TrimSuffix(choices, ",")+`],"usage":{"prompt_tokens":20,"completion_tokens":3}}`)
}

func refusing(field, value string, status int, message string) func(map[string]any) (int, string) {
	return func(sent map[string]any) (int, string) {
		if v, ok := sent[field]; ok && (value == "" || strings.Contains(fmt.Sprint(v), value)) {
			return status, message
		}
		return 0, ""
	}
}

func both(a, b func(map[string]any) (int, string)) func(map[string]any) (int, string) {
	return func(sent map[string]any) (int, string) {
		if status, body := a(sent); status != 0 {
			return status, body
		}
		return b(sent)
	}
}

var answerSchema = &llm.Schema{Name: "answer", JSON: json.RawMessage(`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`)}

func TestWhatAnEndpointRefusesIsLeftOut(t *testing.T) {
	object := func(message, param string) string {
		return fmt.Sprintf(`{"error":{"message":%q,"type":"invalid_request_error","param":%q,"code":null}}`, message, param)
	}
	tooMany := func(limit float64, message string) func(map[string]any) (int, string) {
		return func(sent map[string]any) (int, string) {
			if sent["max_tokens"].(float64) > limit {
				return 400, message
			}
			return 0, ""
		}
	}
	const plain, usual = "max_tokens=32768 stream stream_options", "max_tokens=32768 json_schema stream stream_options"
	schema := answerSchema
	for name, tt := range map[string]struct {
		refuse func(map[string]any) (int, string)
		schema *llm.Schema
		model  string
		forms  []string // of the first request's tries; the last one is that of the second request, too
	}{
		"nothing":        {nil, nil, "m", []string{plain}},
		"nothing of all": {nil, schema, "m", []string{usual}},
		"OpenAI, older model": {refusing("response_format", "json_schema", 400, object("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", "response_format")),
			schema, "m", []string{usual, "max_tokens=32768 json_object stream stream_options"}},
		"DeepSeek": {refusing("response_format", "json_schema", 400, object("This response_format type is unavailable now", "")),
			schema, "m", []string{usual, "max_tokens=32768 json_object stream stream_options"}},
		"vLLM": {refusing("response_format", "", 400, `{"object":"error","message":"Grammar error: unsupported keyword","type":"BadRequestError","code":400}`),
			schema, "m", []string{usual, "max_tokens=32768 json_object stream stream_options", plain}},
		"strict server": {refusing("response_format", "", 422, `{"detail":[{"type":"extra_forbidden","loc":["body","response_format"],"msg":"Extra inputs are not permitted"}]}`),
			schema, "m", []string{usual, "max_tokens=32768 json_object stream stream_options", plain}},
		"server error about the schema": {refusing("response_format", "json_schema", 500, `{"error":"failed to parse json_schema"}`),
			schema, "m", []string{usual, "max_tokens=32768 json_object stream stream_options"}},
		"no streams":        {refusing("stream", "", 400, object("Your organization must be verified to stream this model.", "stream")), nil, "m", []string{plain, "max_tokens=32768"}},
		"no stream_options": {refusing("stream_options", "", 400, object("Unrecognized request argument supplied: stream_options", "")), nil, "m", []string{plain, "max_tokens=32768 stream"}},
		"reasoning under another name": {refusing("max_tokens", "", 400, object("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens")),
			nil, "my-deployment", []string{plain, "max_completion_tokens=32768 stream stream_options"}},
		"older server": {refusing("max_completion_tokens", "", 400, object("Unrecognized request argument supplied: max_completion_tokens", "")),
			nil, "gpt-5", []string{"max_completion_tokens=32768 stream stream_options", plain}},
		"DeepSeek's longest": {tooMany(8192, object("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", "")), nil, "m", []string{plain, "max_tokens=8192 stream stream_options"}},
		"OpenAI's longest": {tooMany(16384, object("max_tokens is too large: 32768. This model supports at most 16384 completion tokens, whereas you provided 32768.", "max_tokens")),
			nil, "m", []string{plain, "max_tokens=16384 stream stream_options"}},
		"longest not said": {tooMany(10000, object("max_tokens is too large", "")), nil, "m", []string{plain, "max_tokens=16384 stream stream_options", "max_tokens=8192 stream stream_options"}},
		"all at once": {both(refusing("response_format", "", 400, object("response_format is not supported", "")), both(
			refusing("stream", "", 400, object("Streaming is not supported", "")),
			refusing("max_tokens", "32768", 400, object("max_tokens must be at most 4000", "")))),
			schema, "m", []string{usual, "max_tokens=32768 json_object stream stream_options", plain, "max_tokens=32768", "max_tokens=4000"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &picky{refuse: tt.refuse}
			c := start(t, p)
			req := ask(llm.Model{Name: tt.model}, 0, 1)
			req.Schema = tt.schema
			for range 2 {
				if s, err := llm.One(t.Context(), c, req); err != nil || s.Text != "yes" {
					t.Fatalf("%+v, %v after %q", s, err, p.forms)
				}
			}
			if want := slices.Concat(tt.forms, tt.forms[len(tt.forms)-1:]); !slices.Equal(p.forms, want) {
				t.Errorf("asked %q, want %q", p.forms, want)
			}
			// Another model at the same endpoint may understand everything.
			p.refuse = nil
			req.Model.Name = "other"
			if _, err := llm.One(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: usual, false: plain}[tt.schema != nil]; p.forms[len(p.forms)-1] != want {
				t.Errorf("another model was asked %q", p.forms[len(p.forms)-1])
			}
		})
	}
}

func TestTheRoomThatAPromptLeavesIsNotRemembered(t *testing.T) {
	full := true
	p := &picky{refuse: func(sent map[string]any) (int, string) {
		if full && sent["max_tokens"].(float64) > 3096 {
			return 400, `{"object":"error","message":"'max_tokens' or 'max_completion_tokens' is too large: 32768. This model's maximum context length is 4096 tokens and your request has 1000 input tokens (32768 > 4096 - 1000). None","code":400}`
		}
		return 0, ""
	}}
	c := start(t, p)
	for range 2 {
		if _, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1)); err != nil {
			t.Fatal(err)
		}
		full = false
	}
	if want := []string{"max_tokens=32768 stream stream_options", "max_tokens=3080 stream stream_options", "max_tokens=32768 stream stream_options"}; !slices.Equal(p.forms, want) {
		t.Errorf("asked %q", p.forms)
	}
}

func TestSomeRefusalsStand(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		model  llm.Model
		kind   llm.Kind
	}{
		"other parameter":    {400, `{"error":{"message":"temperature is out of range","param":"temperature"}}`, llm.Model{Name: "m"}, llm.BadRequest},
		"key":                {401, `{"error":{"message":"no response_format, stream or max_tokens for you"}}`, llm.Model{Name: "m"}, llm.Unauthorized},
		"rate":               {429, `{"error":{"message":"max_tokens 32768 above your rate"}}`, llm.Model{Name: "m"}, llm.RateLimited},
		"user's own maximum": {400, `{"error":{"message":"max_tokens is too large: 9000. At most 8192."}}`, llm.Model{Name: "m", MaxTokens: 9000}, llm.BadRequest},
		"prompt too long":    {400, `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens."}}`, llm.Model{Name: "m"}, llm.PromptTooLong},
		"hardly any room":    {400, `{"error":{"message":"This model's maximum context length is 8192 tokens and your request has 8000 input tokens"}}`, llm.Model{Name: "m"}, llm.PromptTooLong},
		"a server's failure": {500, `{"error":{"message":"stream failed"}}`, llm.Model{Name: "m"}, llm.Server},
	} {
		p := &picky{refuse: func(map[string]any) (int, string) { return tt.status, tt.body }}
		if _, err := llm.One(t.Context(), start(t, p), ask(tt.model, 0, 1)); llm.KindOf(err) != tt.kind || len(p.forms) != 1 {
			t.Errorf("%s: %v after %q", name, err, p.forms)
		}
	}
	// What is refused again and again for the same reason ends.
	for _, says := range []string{"response_format", "stream_options", "stream", "max_tokens", "max_tokens is not supported", "json_schema stream max_tokens unsupported 9999 9998 9997"} {
		p := &picky{refuse: func(map[string]any) (int, string) { return 400, says }}
		req := ask(llm.Model{Name: "m"}, 0, 1)
		req.Schema = answerSchema
		if _, err := llm.One(t.Context(), start(t, p), req); llm.KindOf(err) != llm.BadRequest || len(p.forms) > 16 {
			t.Errorf("%s: %v after %q", says, err, p.forms)
		}
	}
}

func TestThatAnEndpointRefusesNIsRemembered(t *testing.T) {
	p := &picky{refuse: refusing("n", "", 400, `{"error":{"message":"n must be 1"}}`)}
	c := start(t, p)
	for range 2 {
		if resp, err := c.Complete(t.Context(), ask(llm.Model{Name: "m"}, 0, 3)); err != nil || len(resp.Samples) != 3 {
			t.Fatalf("%+v, %v", resp, err)
		}
	}
	if len(p.forms) != 1+3+3 {
		t.Errorf("asked %q", p.forms)
	}
}

func TestSchemaIsSentStrict(t *testing.T) {
	b := &bodies{next: &picky{}}
	req := ask(llm.Model{Name: "m", MaxTokens: 5}, 0, 1)
	req.Schema = answerSchema
	if _, err := llm.One(t.Context(), start(t, b), req); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(b.sent[0]["response_format"])
	const want = `{"json_schema":{"name":"answer","schema":{"additionalProperties":false,"properties":{"a":{"type":"string"}},"required":["a"],"type":"object"},"strict":true},"type":"json_schema"}`
	if string(got) != want {
		t.Errorf("sent %s", got)
	}
	whole, err := openai.RequestBody(req, 2)
	if err != nil || !strings.Contains(string(whole), `"json_schema"`) || !strings.Contains(string(whole), `"n":2`) || strings.Contains(string(whole), "stream") {
		t.Errorf("%s, %v", whole, err)
	}
}

func TestTheSimulatedModelLearnsTheSamplesIndex(t *testing.T) {
	p := &picky{}
	c := start(t, p)
	for endpoint, want := range map[string][]string{llm.SimulatedEndpoint: {"7", "8"}, "https://a/v1": {"", ""}} {
		p.heads = nil
		if _, err := c.Complete(t.Context(), ask(llm.Model{Endpoint: endpoint, Name: "o1"}, 7, 2)); err != nil {
			t.Fatal(err)
		}
		got := []string{p.heads[0].Get(llm.SampleHeader), p.heads[1].Get(llm.SampleHeader)}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
	}
}
