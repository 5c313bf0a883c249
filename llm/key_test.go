package llm_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"papereval/llm"
)

// marshalled is a key as encoding/json writes what it is made of.
func marshalled(t testing.TB, req *llm.Request, index int) string {
	data, err := json.Marshal(struct {
		Model    llm.Model     `json:"model"`
		Messages []llm.Message `json:"messages"`
		Schema   *llm.Schema   `json:"schema,omitempty"`
		Sample   int           `json:"sample"`
	}{req.Model, req.Messages, req.Schema, index})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

func FuzzKey(f *testing.F) {
	var all strings.Builder
	for r := range rune(0x300) {
		all.WriteRune(r)
	}
	for _, text := range []string{"", "a\nb\r\t\b\f\"\\", all.String(), "\u2028\u2029\u2030 \xff\xc3\x28 é 漢 🎉", strings.Repeat("<&>x", 3000)} {
		f.Add(text, "short", 3)
	}
	f.Fuzz(func(t *testing.T, a, b string, index int) {
		zero := 0.0
		for _, req := range []*llm.Request{
			{},
			{Model: llm.Model{Endpoint: "e", Name: b, Temperature: &zero, Context: 5}, Messages: []llm.Message{}},
			{Messages: []llm.Message{{Role: llm.System, Content: b}, {Role: llm.Role(b), Content: a}}, Schema: &llm.Schema{Name: b, JSON: []byte(`{"a": "<b>"}`)}},
		} {
			if got, want := llm.Key(req, index), marshalled(t, req, index); got != want {
				t.Fatalf("%q, %q: key %s, want %s", a, b, got, want)
			}
		}
	})
}

// TestKeysOfPromptsThatBeginAlike are those that each has alone, whatever was keyed before.
func TestKeysOfPromptsThatBeginAlike(t *testing.T) {
	keys := llm.NewKeys()
	long := strings.Repeat("A paper <with> \"quotes\"\n", 2000)
	seen := make(map[string]bool)
	for range 3 {
		for _, model := range []string{"a", "b"} {
			for _, second := range []string{long, long + "x"} {
				for _, third := range []string{"one", "two"} {
					req := &llm.Request{Model: llm.Model{Name: model}, First: 2, Samples: 3,
						Messages: []llm.Message{{Role: llm.System, Content: "s"}, {Role: llm.User, Content: second}, {Role: llm.User, Content: third}}}
					for i, key := range keys(req) {
						if want := marshalled(t, req, 2+i); key != want {
							t.Fatalf("%s %d %s, sample %d: key %s, want %s", model, len(second), third, 2+i, key, want)
						}
						seen[key] = true
					}
				}
			}
		}
	}
	for i := range 100 { // more beginnings than are remembered
		req := &llm.Request{Messages: []llm.Message{{Content: fmt.Sprint(i)}, {Content: long}, {Content: "x"}}}
		if keys(req)[0] != marshalled(t, req, 0) {
			t.Fatal("another key")
		}
	}
	if len(seen) != 8*3 {
		t.Errorf("%d keys", len(seen))
	}
}

func BenchmarkKey(b *testing.B) {
	req := &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: strings.Repeat("Some prose, as prompts have it.\n", 4000)}}}
	b.SetBytes(int64(len(req.Messages[0].Content)))
	b.ReportAllocs()
	for b.Loop() {
		llm.Key(req, 0)
	}
}
