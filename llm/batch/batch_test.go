package batch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"papereval/llm"
	"papereval/llm/batch"
	"papereval/llm/sim"
)

func lines(prompts ...string) []batch.Line {
	zero := 0.0
	var out []batch.Line
	for _, p := range prompts {
		req := &llm.Request{Model: llm.Model{Endpoint: "https://a/v1", Name: "m", Temperature: &zero, MaxTokens: 9},
			Messages: []llm.Message{{Role: llm.User, Content: p}}}
		out = append(out, batch.Line{Key: llm.Key(req, 0), Model: req.Model, Messages: req.Messages})
	}
	return out
}

// run does what a batch endpoint does: it sends each line to a model and writes down what comes.
func run(t *testing.T, requests string) string {
	t.Helper()
	server := httptest.NewServer(sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		text := req.Messages[0].Content
		return "to " + text, text != "unknown" && req.Model.Temperature != nil && req.Model.MaxTokens == 9
	})))
	defer server.Close()
	var out strings.Builder
	for l := range strings.Lines(requests) {
		var in struct {
			CustomID string          `json:"custom_id"`
			Method   string          `json:"method"`
			URL      string          `json:"url"`
			Body     json.RawMessage `json:"body"`
		}
		if err := json.Unmarshal([]byte(l), &in); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), in.Method, server.URL+in.URL, bytes.NewReader(in.Body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, `{"id":"x","custom_id":%q,"response":{"status_code":%d,"request_id":"","body":%s},"error":null}`+"\n",
			in.CustomID, resp.StatusCode, bytes.TrimSpace(body))
	}
	return out.String()
}

func TestThereAndBack(t *testing.T) {
	in := lines("a", "unknown", "b\nc")
	var file strings.Builder
	if err := batch.Write(&file, in); err != nil {
		t.Fatal(err)
	}
	results, err := batch.Read(strings.NewReader(run(t, file.String())), "answers.jsonl")
	if err != nil || len(results) != 3 {
		t.Fatalf("%+v, %v", results, err)
	}
	for i, want := range []string{"to a", "", "to b\nc"} {
		r := results[i]
		if r.Key != in[i].Key || r.Line != i+1 || (r.Sample.Err == nil) != (want != "") {
			t.Errorf("%d: %+v", i, r)
		}
		if want != "" && (r.Sample.Text != want || r.Sample.Source != llm.Live || r.Sample.Usage.Prompt == 0 || r.Sample.Snapshot != "m") {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if llm.KindOf(results[1].Sample.Err) != llm.BadRequest || !strings.Contains(results[1].Sample.Err.Error(), "no answer to this prompt") {
		t.Errorf("%v", results[1].Sample.Err)
	}
}

func TestWriteRefusesKeys(t *testing.T) {
	in := lines("a", "a")
	if err := batch.Write(io.Discard, in); err == nil || !strings.Contains(err.Error(), "request 2") {
		t.Errorf("twice: %v", err)
	}
	if err := batch.Write(io.Discard, []batch.Line{{Key: "a"}}); err == nil {
		t.Error("a short key is taken")
	}
}

func TestRead(t *testing.T) {
	key := strings.Repeat("ab", 32)
	answer := func(finish, text string) string {
		return fmt.Sprintf(`{"custom_id":%q,"response":{"body":{"choices":[{"message":{"content":%q},"finish_reason":%q}]}}}`, key, text, finish)
	}
	for name, tt := range map[string]struct {
		file    string
		results int
		kind    llm.Kind // of the first result
		says    string   // in the error beside the results
	}{
		"empty":            {"", 0, "", ""},
		"blank lines":      {"\n\r\n" + answer("stop", "x") + "\r\n\n", 1, "", ""},
		"no line end, BOM": {"\ufeff" + answer("stop", "x"), 1, "", ""},
		"cut by length":    {answer("length", "x"), 1, llm.Length, ""},
		"empty answer":     {answer("stop", ""), 1, llm.Empty, ""},
		"failed":           {`{"custom_id":"` + key + `","response":null,"error":{"code":"server_error","message":"oops"}}`, 1, llm.Server, ""},
		"expired":          {`{"custom_id":"` + key + `","response":null,"error":{"code":"batch_expired","message":"late"}}`, 1, llm.Unanswered, ""},
		"refused":          {`{"custom_id":"` + key + `","response":{"status_code":429,"body":{"error":{"message":"slow"}}}}`, 1, llm.RateLimited, ""},
		"no choices":       {`{"custom_id":"` + key + `","response":{"status_code":200,"body":{}}}`, 1, llm.Empty, ""},
		"twice":            {answer("stop", "x") + "\n" + answer("stop", "y") + "\n", 1, "", "f.jsonl, line 2: custom_id " + key + " was answered in line 1"},
		"broken":           {"\n{\"custom_id\":]\n" + answer("stop", "x"), 1, "", "f.jsonl, line 2: broken JSON at column 14"},
		"cut":              {answer("stop", "x") + "\n" + answer("stop", "y")[:50], 1, "", "f.jsonl, line 2: broken JSON"},
		"other key":        {strings.Replace(answer("stop", "x"), key, "request-1", 1), 0, "", "\"request-1\" is no key"},
		"no key":           {`{"a":1}`, 0, "", "there is no custom_id"},
		"a request":        {`{"custom_id":"` + key + `","method":"POST","url":"/v1/chat/completions","body":{}}`, 0, "", "looks like a request"},
		"other shape":      {`[1]`, 0, "", "batch format"},
		"other body":       {`{"custom_id":"` + key + `","response":{"status_code":200,"body":"text"}}`, 0, "", "no chat completion"},
	} {
		results, err := batch.Read(strings.NewReader(tt.file), "f.jsonl")
		if len(results) != tt.results || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %+v, %v", name, results, err)
			continue
		}
		if len(results) > 0 {
			if got := llm.KindOf(results[0].Sample.Err); got != tt.kind || (results[0].Sample.Err == nil) != (tt.kind == "") || results[0].Key != key {
				t.Errorf("%s: %v", name, results[0].Sample.Err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"custom_id":"` + strings.Repeat("0", 64) + `","response":{"status_code":200,"body":{"choices":[{"message":{"content":"x"}}]}}}`)
	f.Add(`{"custom_id":"` + strings.Repeat("0", 64) + `","error":{}}`)
	f.Fuzz(func(t *testing.T, s string) {
		results, _ := batch.Read(strings.NewReader(s), "f")
		for _, r := range results {
			if len(r.Key) != 64 || r.Line < 1 {
				t.Errorf("%+v", r)
			}
		}
	})
}
