package sim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"papereval/llm"
	"papereval/llm/sim"
)

func post(t *testing.T, s *sim.Server, path, body string) (int, map[string]any) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
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
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return resp.StatusCode, m
}

func TestAnswerersAreAskedInOrder(t *testing.T) {
	var seen []*llm.Request
	knows := func(word string) sim.Answerer {
		return sim.AnswererFunc(func(req *llm.Request) (string, bool) {
			seen = append(seen, req)
			return word + "!", strings.Contains(req.Messages[0].Content, word)
		})
	}
	s := sim.NewServer(knows("tea"), knows("coffee"))
	status, m := post(t, s, "/v1/chat/completions",
		`{"model":"any","temperature":0,"max_completion_tokens":9,"messages":[{"role":"user","content":"coffee, please"}],"n":2}`)
	choices, _ := m["choices"].([]any)
	if status != 200 || len(choices) != 2 || m["model"] != "any" {
		t.Fatalf("%d %v", status, m)
	}
	if text := choices[1].(map[string]any)["message"].(map[string]any)["content"]; text != "coffee!" {
		t.Errorf("answered %v", text)
	}
	if last := seen[3]; last.First != 1 || last.Count() != 1 || last.Model.Name != "any" || *last.Model.Temperature != 0 ||
		last.Model.MaxTokens != 9 || last.Model.Endpoint != sim.Endpoint || last.Label != (llm.Label{}) {
		t.Errorf("the answerer saw %+v", last)
	}
	usage := m["usage"].(map[string]any)
	if usage["prompt_tokens"].(float64) <= 0 || usage["completion_tokens"].(float64)+usage["prompt_tokens"].(float64) != usage["total_tokens"].(float64) {
		t.Errorf("usage %v", usage)
	}
}

func TestRefusals(t *testing.T) {
	const message = `"messages":[{"role":"user","content":"x"}]`
	for name, tt := range map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"no JSON":        {"/v1/chat/completions", `{"model":`, 400, "invalid_json"},
		"no model":       {"/v1/chat/completions", `{` + message + `}`, 400, "missing_required_parameter"},
		"no messages":    {"/v1/chat/completions", `{"model":"m"}`, 400, "missing_required_parameter"},
		"too many":       {"/v1/chat/completions", `{"model":"m","n":1000,` + message + `}`, 400, "invalid_value"},
		"no index":       {"/v1/chat/completions", `{"model":"m","n":-1,` + message + `}`, 400, "invalid_value"},
		"unknown prompt": {"/v1/chat/completions", `{"model":"m",` + message + `}`, 400, "unknown_prompt"},
		"unknown path":   {"/v2/x", `{}`, 404, "unknown_url"},
	} {
		status, m := post(t, sim.NewServer(), tt.path, tt.body)
		e, _ := m["error"].(map[string]any)
		if status != tt.status || e["code"] != tt.code || e["message"] == "" {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
}

func TestModels(t *testing.T) {
	status, m := post(t, sim.NewServer(), "/v1/models", "")
	if data, _ := m["data"].([]any); status != 200 || len(data) != 1 || data[0].(map[string]any)["id"] != sim.Model {
		t.Errorf("%d %v", status, m)
	}
}
