package llm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"papereval/llm"
	"papereval/tokens"
)

func TestMaxCompletion(t *testing.T) {
	words := func(n int) string { return strings.Repeat("word ", n) } // a token each
	for name, tt := range map[string]struct {
		model     llm.Model
		prompt    string
		low, high int
	}{
		"known":                    {llm.Model{Name: "gpt-4o-2024-08-06"}, "x", 16_384, 16_384},
		"unknown":                  {llm.Model{Name: "x"}, "x", 32_768, 32_768},
		"set":                      {llm.Model{Name: "gpt-4o", MaxTokens: 99_999}, words(120_000), 99_999, 99_999},
		"long prompt":              {llm.Model{Name: "gpt-4o"}, words(80_000), 16_384, 16_384},
		"little room":              {llm.Model{Name: "gpt-4o"}, words(120_000), 7_900, 8_000},
		"no room":                  {llm.Model{Name: "gpt-4o"}, words(140_000), 1024, 1024},
		"other vocabulary":         {llm.Model{Name: "x"}, words(90_000), 15_400, 15_500},
		"small window":             {llm.Model{Name: "x", Context: 8192}, "x", 8100, 8192},
		"large window":             {llm.Model{Name: "x", Context: 1 << 20}, words(120_000), 32_768, 32_768},
		"the user's window counts": {llm.Model{Name: "gpt-4o", Context: 10_000}, "x", 9900, 10_000},
	} {
		req := &llm.Request{Model: tt.model, Messages: []llm.Message{{Role: llm.User, Content: tt.prompt}}}
		if got := llm.MaxCompletion(req); got < tt.low || got > tt.high {
			t.Errorf("%s: %d, want %d to %d", name, got, tt.low, tt.high)
		}
	}
}

func TestCeiling(t *testing.T) {
	for _, text := range []string{"", "word ", "α≤β 中文 😀", "0.123, 0.456; ", "qzxjkv", "\x00\x01", "aGVsbG8gd29ybGQh", "</s>"} {
		text = strings.Repeat(text, 500)
		req := &llm.Request{Model: llm.Model{Name: "x"}, Samples: 3, Messages: []llm.Message{{Role: llm.System, Content: text}, {Role: llm.User, Content: text}},
			Schema: &llm.Schema{Name: "s", JSON: json.RawMessage(`{"type":"object"}`)}}
		prompt, completion := llm.Ceiling(req)
		if used := 3 * llm.PromptTokens(req); prompt < used || used < 6*tokens.Count(text) {
			t.Errorf("%.8q: at most %d tokens, and %d were used", text, prompt, used)
		}
		if completion != 3*llm.MaxCompletion(req) {
			t.Errorf("%d tokens of answers", completion)
		}
	}
	long := &llm.Request{Model: llm.Model{Name: "gpt-4o"}, Messages: []llm.Message{{Content: strings.Repeat("word ", 100_000)}}}
	if prompt, _ := llm.Ceiling(long); prompt != 128_000 {
		t.Errorf("a prompt of %d tokens in a window of 128,000", prompt)
	}
}

func TestEveryModelHasALongestAnswer(t *testing.T) {
	for name, info := range llm.Catalogue().Models {
		if info.MaxOutput <= 0 || info.MaxOutput >= info.Context {
			t.Errorf("%s: %+v", name, info)
		}
	}
}

func TestSchemaIsPartOfTheKey(t *testing.T) {
	base := request("p", 0, 1)
	seen := map[string]bool{llm.Key(base, 0): true}
	for _, s := range []llm.Schema{{Name: "a", JSON: json.RawMessage(`{}`)}, {Name: "b", JSON: json.RawMessage(`{}`)}, {Name: "a", JSON: json.RawMessage(`{"a":1}`)}} {
		req := *base
		req.Schema = &s
		if key := llm.Key(&req, 0); seen[key] {
			t.Errorf("%+v has the key of another", s)
		} else {
			seen[key] = true
		}
	}
	a, b := *base, *base
	a.Schema = &llm.Schema{Name: "a", JSON: json.RawMessage(`{"a": 1}`)}
	b.Schema = &llm.Schema{Name: "a", JSON: json.RawMessage("{\n\"a\":1}")}
	if llm.Key(&a, 0) != llm.Key(&b, 0) {
		t.Error("white space in a schema changes the key")
	}
}
