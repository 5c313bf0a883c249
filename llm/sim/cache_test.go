package sim_test

import (
	"strings"
	"testing"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
)

// A prompt of 2,000 tokens is shared up to a message, in steps of 128 tokens from 1,024 on; other models share nothing.
func TestCache(t *testing.T) {
	words := func(s string, n int) llm.Message {
		return llm.Message{Role: llm.User, Content: strings.Repeat(s, n)}
	}
	paper := words("a paper.", 1000) // 8 bytes are 2 tokens of a long text
	const name = "any"
	for _, query := range []string{"", "cache=off", "cache=on"} {
		server, s := serve(t, query)
		client := openai.New(server.URL+"/v1", "", nil)
		for i, c := range []struct {
			model    string
			messages []llm.Message
			want     int
		}{
			{name, []llm.Message{paper, words("first", 1)}, 0},
			{name, []llm.Message{paper, words("second", 1)}, 1920},
			{name, []llm.Message{paper, words("second", 1), words("third", 1)}, 1920},
			{name, []llm.Message{{Role: llm.System, Content: paper.Content}, words("first", 1)}, 0},
			{name, []llm.Message{words("a paper.", 999), words("first", 1)}, 0},
			{"other", []llm.Message{paper, words("first", 1)}, 0},
			{name, []llm.Message{words("a paper.", 250), words("first", 1)}, 0},
			{name, []llm.Message{words("a paper.", 250), words("second", 1)}, 0},
		} {
			if query != "cache=on" {
				c.want = 0
			}
			sample, err := llm.One(t.Context(), client, &llm.Request{Model: llm.Model{Endpoint: sim.Endpoint, Name: c.model}, Messages: c.messages})
			if err != nil {
				t.Fatal(err)
			}
			if sample.Usage.Cached != c.want {
				t.Errorf("%q, request %d: %+v, want %d cached", query, i, sample.Usage, c.want)
			}
		}
		_, m := post(t, s, "/v1/chat/completions", body("x", ""))
		if _, said := m["usage"].(map[string]any)["prompt_tokens_details"]; said != (query == "cache=on") {
			t.Errorf("%q: %v", query, m["usage"])
		}
	}
}
