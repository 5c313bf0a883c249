package llm_test

import (
	"math"
	"strings"
	"testing"

	"papereval/llm"
)

func TestParseModel(t *testing.T) {
	m, err := llm.ParseModel("o3-mini?reasoning_effort=high&temperature=0&max_tokens=10")
	if err != nil || m.Name != "o3-mini" || m.ReasoningEffort != "high" || m.Temperature == nil || *m.Temperature != 0 ||
		m.MaxTokens != 10 || m.Context != 200_000 || m.String() != "o3-mini-high" {
		t.Errorf("%+v, %v", m, err)
	}
	for s, context := range map[string]int{
		"gpt-4o-mini-2024-07-18":      128_000,
		"gpt-4.1":                     1_047_576,
		"org/model:latest":            llm.DefaultContext,
		"org/model?context=5":         5,
		"o3-mini?context=1&context=2": 2,
	} {
		if m, err := llm.ParseModel(s); err != nil || m.Context != context || m.Temperature != nil {
			t.Errorf("%s: %+v, %v", s, m, err)
		}
	}
	for s, says := range map[string]string{
		"":                           "no name",
		"?temperature=0":             "no name",
		"m?temperature=2.1":          "between 0 and 2",
		"m?temperature=NaN":          "between 0 and 2",
		"m?temperature=hot":          "temperature=hot",
		"m?reasoning_effort=extreme": "low, medium or high",
		"m?max_tokens=0":             "above 0",
		"m?context=many":             "context=many",
		"m?temprature=1":             "no such option",
		"m?z=1&temperature=9":        "temperature=9", // always the same of two errors
		"m?a=%zz":                    "options are written",
	} {
		if _, err := llm.ParseModel(s); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "model ") {
			t.Errorf("%s: %v, want %q", s, err, says)
		}
	}
}

func FuzzParseModel(f *testing.F) {
	f.Add("o3-mini?reasoning_effort=high")
	f.Add("m?temperature=1e-300&context=9")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := llm.ParseModel(s)
		if err == nil {
			llm.Key(&llm.Request{Model: m}, 0) // does not panic
			if m.Name == "" || m.Context <= 0 {
				t.Errorf("%q: %+v", s, m)
			}
		}
	})
}

func TestCatalogue(t *testing.T) {
	c := llm.Catalogue()
	if c.Date == "" || c.Source == "" || len(c.Models) == 0 {
		t.Fatalf("%+v", c)
	}
	for name, info := range c.Models {
		if info.Context <= 0 || info.Input <= 0 || info.Cached <= 0 || info.Cached > info.Input || info.Output < info.Input {
			t.Errorf("%s: %+v", name, info)
		}
	}
	for name, known := range map[string]bool{"o3-mini": true, "o3-mini-2025-01-31": true, "o3-mini-a-b-c": false, "x": false, "": false} {
		if _, ok := c.Find(name); ok != known {
			t.Errorf("%s: %t", name, ok)
		}
	}
	// Of 1,000,000 prompt tokens 400,000 are cached: 0.6 * 1.10 + 0.4 * 0.55 + 0.1 * 4.40.
	usd, ok := c.Cost("o3-mini-2025-01-31", llm.Usage{Prompt: 1_000_000, Cached: 400_000, Completion: 100_000, Reasoning: 90_000}, false)
	if !ok || math.Abs(usd-1.32) > 1e-9 {
		t.Errorf("%f, %t", usd, ok)
	}
	// In a batch: half of 1 * 1.10 + 0.1 * 4.40, what is cached or not.
	usd, ok = c.Cost("o3-mini", llm.Usage{Prompt: 1_000_000, Cached: 400_000, Completion: 100_000}, true)
	if !ok || math.Abs(usd-0.77) > 1e-9 {
		t.Errorf("in a batch: %f, %t", usd, ok)
	}
	if _, ok := c.Cost("x", llm.Usage{Prompt: 1}, true); ok {
		t.Error("the price of an unknown model is known")
	}
}

func TestKey(t *testing.T) {
	zero, warm := 0.0, 1.0
	base := llm.Request{Model: llm.Model{Endpoint: "https://a/v1", Name: "m"},
		Messages: []llm.Message{{Role: llm.System, Content: "s"}, {Role: llm.User, Content: "u"}}}
	// The keys of paid answers must never change: this is the digest of
	// {"model":{"endpoint":"https://a/v1","name":"m"},"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"sample":3}
	const want = "9413077c4ebf96444a4778537d2f170fdd99f43e0b12ffcdce1f588dcabf3516"
	if got := llm.Key(&base, 3); got != want {
		t.Errorf("the key is %s and was %s", got, want)
	}
	seen := map[string]string{llm.Key(&base, 3): "base"}
	for name, change := range map[string]func(*llm.Request){
		"endpoint":    func(r *llm.Request) { r.Model.Endpoint = "https://b/v1" },
		"name":        func(r *llm.Request) { r.Model.Name = "n" },
		"temperature": func(r *llm.Request) { r.Model.Temperature = &zero },
		"warm":        func(r *llm.Request) { r.Model.Temperature = &warm },
		"effort":      func(r *llm.Request) { r.Model.ReasoningEffort = "low" },
		"max tokens":  func(r *llm.Request) { r.Model.MaxTokens = 1 },
		"role": func(r *llm.Request) {
			r.Messages = []llm.Message{{Role: llm.User, Content: "s"}, {Role: llm.User, Content: "u"}}
		},
		"content": func(r *llm.Request) {
			r.Messages = []llm.Message{{Role: llm.System, Content: "s"}, {Role: llm.User, Content: "u "}}
		},
		"fewer": func(r *llm.Request) { r.Messages = r.Messages[:1] },
	} {
		r := base
		change(&r)
		key := llm.Key(&r, 3)
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[key] = name
	}
	if _, ok := seen[llm.Key(&base, 4)]; ok {
		t.Error("the sample's index is not in the key")
	}
	same := base
	same.Label, same.Samples, same.First, same.Model.Context = llm.Label{Paper: "p"}, 8, 2, 5
	if llm.Key(&same, 3) != want {
		t.Error("label, number of samples or context are in the key")
	}
}

func TestLabel(t *testing.T) {
	for want, l := range map[string]llm.Label{
		"":                                 {Run: "r"},
		"P papercoder coding a.py":         {Paper: "P", System: "papercoder", Stage: "coding", File: "a.py"},
		"P s refbased judge (asked again)": {Paper: "P", System: "s", Evaluator: "refbased", Stage: "judge", Again: true},
	} {
		if l.String() != want {
			t.Errorf("%q, want %q", l, want)
		}
	}
}

func TestOne(t *testing.T) {
	if _, err := llm.One(t.Context(), nil, &llm.Request{Samples: 2}); err == nil {
		t.Error("two samples are one")
	}
}
