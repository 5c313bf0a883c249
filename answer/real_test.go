package answer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"papereval/answer"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestRealCodingAnswers(t *testing.T) {
	for _, m := range models(t) {
		for _, file := range slices.Sorted(maps.Keys(m.coding)) {
			got, err := answer.Code(m.coding[file], file)
			if err != nil {
				t.Errorf("%s %s: %v", m.name, file, err)
			} else if digest(got) != m.digests[file] {
				t.Errorf("%s %s: the content differs from what was published; it has %d bytes and begins %.80q", m.name, file, len(got), got)
			}
		}
	}
}

func TestRealCodingAnswersWithWindowsLineEndings(t *testing.T) {
	for _, m := range models(t) {
		for file, text := range m.coding {
			got, err := answer.Code(strings.ReplaceAll(text, "\n", "\r\n"), file)
			if err != nil || digest(got) != m.digests[file] {
				t.Errorf("%s %s: differs with CRLF: %v", m.name, file, err)
			}
		}
	}
}

func TestRealConfiguration(t *testing.T) {
	for _, m := range models(t) {
		got, err := answer.YAML(m.planning[3])
		if err != nil || digest(got) != m.digests["config.yaml"] {
			t.Errorf("%s: config.yaml differs from what was published: %v\n%s", m.name, err, got)
		}
	}
}

func TestRealPlans(t *testing.T) {
	tests := map[string]struct {
		files, tasks []string
		repaired     [2]bool
	}{
		"transformer-o3-mini": {
			files: []string{"main.py", "dataset_loader.py", "model.py", "trainer.py", "evaluation.py", "config.py", "utils.py"},
			tasks: []string{"config.py", "utils.py", "dataset_loader.py", "model.py", "trainer.py", "evaluation.py", "main.py"},
		},
		"transformer-r1-distill-qwen-14b": {
			files:    []string{"main.py", "model.py", "trainer.py", "evaluation.py", "dataset_loader.py"},
			tasks:    []string{"dataset_loader.py", "model.py", "trainer.py", "evaluation.py", "main.py"},
			repaired: [2]bool{true, false},
		},
	}
	for _, m := range models(t) {
		want := tests[m.name]
		for i, lookup := range []struct {
			turn int
			keys []string
			want []string
		}{{1, []string{"File list"}, want.files}, {2, []string{"Task list"}, want.tasks}} {
			obj, repaired, err := answer.Object(m.planning[lookup.turn])
			if err != nil {
				t.Errorf("%s turn %d: %v", m.name, lookup.turn, err)
				continue
			}
			if repaired != want.repaired[i] {
				t.Errorf("%s turn %d: repaired is %v", m.name, lookup.turn, repaired)
			}
			raw, _ := answer.Lookup(obj, lookup.keys...)
			if got := answer.Strings(raw); !slices.Equal(got, lookup.want) {
				t.Errorf("%s turn %d: %v is %q, want %q", m.name, lookup.turn, lookup.keys, got, lookup.want)
			}
		}
		obj, _, err := answer.Object(m.planning[2])
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := answer.Lookup(obj, "logic_analysis")
		if got := answer.Strings(raw); len(got) != len(want.tasks) {
			t.Errorf("%s: the logic analysis is about %q", m.name, got)
		}
	}
}

func TestRealThinkingIsNotVisible(t *testing.T) {
	for _, m := range models(t) {
		for i, text := range append(slices.Clone(m.planning), slices.Collect(maps.Values(m.analysis))...) {
			got := answer.Visible(text)
			if strings.Contains(got, "think>") || len(got) < 500 {
				t.Errorf("%s %d: visible are %d of %d bytes, beginning %.60q", m.name, i, len(got), len(text), got)
			}
			if _, after, ok := strings.Cut(text, "</think>"); ok && got != strings.TrimSpace(after) && strings.TrimSpace(got) != strings.TrimSpace(after) {
				t.Errorf("%s %d: visible is not what follows the thinking", m.name, i)
			}
			if !strings.Contains(text, "think>") && got != text {
				t.Errorf("%s %d: an answer without thinking was changed", m.name, i)
			}
		}
	}
}
