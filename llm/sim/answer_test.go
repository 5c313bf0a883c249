package sim_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"papereval/llm"
	"papereval/llm/sim"
)

// answered is what a completion holds.
type answered struct {
	status  int
	header  http.Header
	texts   []string
	finish  []string
	usage   map[string]int
	raw     string
	message string
}

// ask posts a body to a server that runs; sample is the header of that name, or empty.
func ask(t *testing.T, server *httptest.Server, sample, body string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if sample != "" {
		req.Header.Set(llm.SampleHeader, sample)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Choices []struct {
			Message struct{ Content string }
			Finish  string `json:"finish_reason"`
		}
		Usage map[string]int
		Error struct{ Message string }
	}
	if err := json.Unmarshal(data, &in); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	a := answered{status: resp.StatusCode, header: resp.Header, usage: in.Usage, raw: string(data), message: in.Error.Message}
	for _, c := range in.Choices {
		a.texts = append(a.texts, c.Message.Content)
		a.finish = append(a.finish, c.Finish)
	}
	return a
}

func serve(t *testing.T, query string, answerers ...sim.Answerer) (*httptest.Server, *sim.Server) {
	t.Helper()
	options, err := sim.ParseOptions(query)
	if err != nil {
		t.Fatal(err)
	}
	s := sim.New(options, append(answerers, sim.Anything(options.Seed))...)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server, s
}

func body(prompt, more string) string {
	return fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]%s}`, prompt, more)
}

// TestSamplesAreTheSameTogetherAndSingly also asks in another order, of another server.
func TestSamplesAreTheSameTogetherAndSingly(t *testing.T) {
	first, _ := serve(t, "seed=3")
	second, _ := serve(t, "seed=3")
	together := ask(t, first, "", body("about graphs", `,"n":4`)).texts
	for i := 3; i >= 0; i-- {
		index := fmt.Sprint(i)
		if got := ask(t, second, index, body("about graphs", "")).texts[0]; got != together[i] {
			t.Errorf("by the header, sample %d: %q, want %q", i, got, together[i])
		}
		if got := ask(t, second, "", body("about graphs", `,"seed":`+index)).texts[0]; got != together[i] {
			t.Errorf("by the seed, sample %d: %q, want %q", i, got, together[i])
		}
	}
	if rest := ask(t, second, "2", body("about graphs", `,"n":2`)).texts; !slices.Equal(rest, together[2:]) {
		t.Errorf("the last two: %q", rest)
	}
	slices.Sort(together)
	if len(slices.Compact(together)) != 4 {
		t.Error("samples are equal")
	}
	other, _ := serve(t, "seed=4")
	if ask(t, other, "", body("about graphs", "")).texts[0] == ask(t, first, "", body("about graphs", "")).texts[0] {
		t.Error("the seed does not matter")
	}
	if ask(t, first, "", body("about trees", "")).texts[0] == ask(t, first, "", body("about graphs", "")).texts[0] {
		t.Error("the prompt does not matter")
	}
	if a := ask(t, first, "-1", body("x", "")); a.status != 400 {
		t.Errorf("an index of -1: %d", a.status)
	}
}

func TestOptionsOfAnswers(t *testing.T) {
	long := sim.AnswererFunc(func(*llm.Request) (string, bool) { return strings.Repeat("word ", 100), true })
	object := sim.AnswererFunc(func(*llm.Request) (string, bool) { return "[CONTENT]\n{\"a\": {\"b\": 1}}\n[/CONTENT]\n", true })
	for name, tt := range map[string]struct {
		query    string
		answerer sim.Answerer
		more     string
		status   int
		texts    int
		finish   string
		says     string
	}{
		"plain":            {"", long, "", 200, 1, "stop", ""},
		"marked":           {"", long, "", 200, 1, "stop", llm.SimulatedFingerprint},
		"n":                {"", long, `,"n":3`, 200, 3, "stop", ""},
		"n ignored":        {"n=ignore", long, `,"n":3`, 200, 1, "stop", ""},
		"n refused":        {"n=refuse", long, `,"n":3`, 400, 0, "", "'n' does not support 3"},
		"n of 1":           {"n=refuse", long, `,"n":1`, 200, 1, "stop", ""},
		"too long":         {"", long, `,"max_tokens":10`, 200, 1, "length", `"completion_tokens":10,`},
		"too long, newer":  {"", long, `,"max_completion_tokens":10`, 200, 1, "length", `"completion_tokens":10,`},
		"long enough":      {"", long, `,"max_tokens":1000`, 200, 1, "stop", ""},
		"schema":           {"", object, `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}}`, 200, 1, "stop", `{\"a\": {\"b\": 1}}"`},
		"another schema":   {"", object, `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"required":["b"]}}}`, 400, 0, "", "missing property 'b'"},
		"broken schema":    {"", object, `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":3}}}`, 400, 0, "", "unknown_schema"},
		"schema, of text":  {"", long, `,"response_format":{"type":"json_object"}`, 200, 1, "stop", `{\"answer\":`},
		"schema refused":   {"schema=refuse", object, `,"response_format":{"type":"json_schema"}`, 400, 0, "", "response_format"},
		"text as a format": {"schema=refuse", object, `,"response_format":{"type":"text"}`, 200, 1, "stop", "[CONTENT]"},
	} {
		server, _ := serve(t, tt.query, tt.answerer)
		a := ask(t, server, "", body("p", tt.more))
		if a.status != tt.status || len(a.texts) != tt.texts || !strings.Contains(a.raw, tt.says) || a.header.Get(llm.SimulatedHeader) != "1" {
			t.Errorf("%s: %+v", name, a)
		}
		if tt.finish != "" && a.finish[0] != tt.finish {
			t.Errorf("%s: finish reason %s", name, a.finish[0])
		}
	}
	server, _ := serve(t, "")
	if a := ask(t, server, "", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"about "},{"type":"text","text":"graphs"}]}]}`); a.texts[0] !=
		ask(t, server, "", body("about graphs", "")).texts[0] {
		t.Error("content in parts is not read as the text that it is")
	}
}

func TestUsage(t *testing.T) {
	text := strings.Repeat("some words of prose ", 1000)
	for query, want := range map[string]int{"": len(text) / 4, "usage=exact": 4001} {
		server, _ := serve(t, query)
		for range 2 {
			u := ask(t, server, "", body(text, "")).usage
			if u["prompt_tokens"] != want || u["completion_tokens"] == 0 || u["total_tokens"] != want+u["completion_tokens"] {
				t.Errorf("%s: %v, want %d", query, u, want)
			}
		}
	}
}

// events reads the events of a stream, without "data: ".
func events(r io.Reader) (all []string, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
			all = append(all, string(data))
		}
	}
	return all, lines.Err()
}

// stream returns the events of a stream and its header.
func stream(t *testing.T, query, more string) (all []string, header http.Header, err error) {
	t.Helper()
	long := sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		return fmt.Sprint(req.First) + strings.Repeat(" ünïcode", 200), true
	})
	server, _ := serve(t, query, long)
	resp, err := server.Client().Post(server.URL+"/v1/chat/completions", "application/json", strings.NewReader(body("p", `,"stream":true`+more))) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	all, err = events(resp.Body)
	return all, resp.Header, err
}

func TestStream(t *testing.T) {
	all, header, err := stream(t, "", `,"n":2,"stream_options":{"include_usage":true}`)
	if err != nil || header.Get("Content-Type") != "text/event-stream; charset=utf-8" || all[len(all)-1] != "[DONE]" {
		t.Fatalf("%v, %v, %v", err, header, all)
	}
	texts, finished, used := [2]string{}, [2]string{}, 0
	for _, event := range all[:len(all)-1] {
		var c struct {
			Object  string
			Choices []struct {
				Index  int
				Delta  struct{ Content string }
				Finish string `json:"finish_reason"`
			}
			Usage *struct {
				Total int `json:"total_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(event), &c); err != nil || c.Object != "chat.completion.chunk" {
			t.Fatalf("%v: %s", err, event)
		}
		for _, choice := range c.Choices {
			texts[choice.Index] += choice.Delta.Content
			finished[choice.Index] += choice.Finish
		}
		if c.Usage != nil {
			used += c.Usage.Total
		}
	}
	for i, text := range texts {
		if text != fmt.Sprint(i)+strings.Repeat(" ünïcode", 200) || finished[i] != "stop" {
			t.Errorf("choice %d: %q, finished %q", i, text, finished[i])
		}
	}
	if used == 0 {
		t.Error("no usage")
	}
	all, _, _ = stream(t, "", "")
	if strings.Contains(strings.Join(all, ""), `"usage":{`) {
		t.Error("usage comes without being asked for")
	}
}

func TestFaultsOfStreams(t *testing.T) {
	all, _, err := stream(t, "cut=1", "")
	if last := all[len(all)-1]; last == "[DONE]" || err == nil && json.Valid([]byte(last)) && strings.Contains(last, `"finish_reason":"stop"`) {
		t.Errorf("cut: it ends with %s, %v", last, err)
	}
	all, _, _ = stream(t, "badjson=1", "")
	if valid := func(event string) bool { return event == "[DONE]" || json.Valid([]byte(event)) }; !slices.ContainsFunc(all, func(e string) bool { return !valid(e) }) {
		t.Errorf("badjson: all events are valid")
	}
}
