package answer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"papereval/answer"
)

// fuzz runs check on real answers, on their beginnings, and on what has every piece of syntax.
func fuzz(f *testing.F, check func(t *testing.T, text string)) {
	for _, text := range all(f) {
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	for _, text := range []string{
		"", "```", "~~~\n```\n", "<think>", "</think>", "<think>\n```python\nx\n</think>", "{", "{\"a\":'", "{\"a\": \"\\", "}{", "{]}", "[CONTENT]{",
		"## Code: a.py\n```python\nx = 1\n```\n", "```a\n```a\n```\n", "```md\n```\n```\n```\n", "a: [1, 2", "a: &x [*x]", "<!--", "\xff\xfe{\"a\": \"\xff\"}",
		"{'a': \"\"\"b\"\"\", // c\n# d\n\"e\": True, \"f\": \"\\alpha\\theta\",}", "- \"a\"\n- b", strings.Repeat("{[", 500), strings.Repeat("```a\n", 50),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		check(t, text)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%d bytes took %v", len(text), d)
		}
	})
}

func FuzzVisible(f *testing.F) {
	fuzz(f, func(t *testing.T, text string) {
		got := answer.Visible(text)
		if !strings.HasSuffix(text, got) && got != "" {
			t.Errorf("visible is no end of the answer: %q", got)
		}
	})
}

func FuzzCode(f *testing.F) {
	fuzz(f, func(t *testing.T, text string) {
		for _, path := range []string{"a.py", "README.md", "x.html", "src/__init__.py"} {
			got, err := answer.Code(text, path)
			if err != nil && got != "" || err == nil && len(got) > len(text) {
				t.Errorf("%s: %d bytes of %d, %v", path, len(got), len(text), err)
			}
		}
	})
}

func FuzzYAML(f *testing.F) {
	fuzz(f, func(t *testing.T, text string) {
		got, err := answer.YAML(text)
		if err != nil && got != "" || len(got) > len(text) {
			t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
		}
	})
}

func FuzzFiles(f *testing.F) {
	fuzz(f, func(t *testing.T, text string) {
		files, err := answer.Files(text)
		if (err == nil) != (len(files) > 0) {
			t.Errorf("%d files, %v", len(files), err)
		}
		total := 0
		seen := map[string]bool{}
		for _, file := range files {
			total += len(file.Content)
			if file.Path == "" || seen[file.Path] {
				t.Errorf("the path %q is blank or repeats", file.Path)
			}
			seen[file.Path] = true
		}
		if total > len(text) {
			t.Errorf("%d bytes of %d", total, len(text))
		}
	})
}

func FuzzObject(f *testing.F) {
	fuzz(f, func(t *testing.T, text string) {
		obj, _, err := answer.Object(text)
		if err != nil {
			return
		}
		total := 0
		for _, m := range obj.Members {
			total += len(m.Key) + len(m.Value)
			if !json.Valid(m.Value) {
				t.Errorf("%q holds what is no JSON: %q", m.Key, m.Value)
			}
			answer.Strings(m.Value)
			answer.Lookup(obj, m.Key+" ")
		}
		if total > 6*len(text)+100 {
			t.Errorf("%d bytes of %d", total, len(text))
		}
		data, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		if _, repaired, err := answer.Object(string(data)); err != nil || repaired {
			t.Errorf("%s read again: %v, repaired %v", data, err, repaired)
		}
	})
}

func FuzzStrings(f *testing.F) {
	fuzz(f, func(t *testing.T, text string) {
		quoted, _ := json.Marshal(text)
		for _, raw := range [][]byte{[]byte(text), quoted} {
			total := 0
			for _, s := range answer.Strings(raw) {
				total += len(s)
			}
			if total > 6*len(raw) {
				t.Errorf("%d bytes of %d", total, len(raw))
			}
		}
	})
}

func FuzzIsHTML(f *testing.F) {
	fuzz(f, func(_ *testing.T, text string) { answer.IsHTML(text) })
}

// What a hostile answer can hold the most of must take linear time.
func TestLargeAnswersAreReadFast(t *testing.T) {
	for _, unit := range []string{"```\n", "```a\n", "```a\n```a\n```\n", "```md\n", "~~~\n```\n", "<think>", "</think>\n", "<think></think>", "{", "{}", "{\"", "{\"a\":1}", "'", "\\theta", "`a.py`", "\n", "{\"a\": [",
		"## Code: a.py\n", "<!-- -->", "- [", "[CONTENT]", "\n\n```a\n", "/* ", "\" \"", "{'a': ", "a: b\n", "&a [*a, ", "${", "[CONTENT]{\"a\":[\"b\"},", "<think>\n```\n</think>\n"} {
		text := strings.Repeat(unit, 200_000/len(unit))
		start := time.Now()
		answer.Visible(text)
		_, _ = answer.Code(text, "a.py")
		_, _ = answer.Code(text, "a.md")
		_, _ = answer.YAML(text)
		_, _ = answer.Files(text)
		_, _, _ = answer.Object(text)
		answer.Strings(json.RawMessage(text))
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q repeated: %v", unit, d)
		} else {
			t.Logf("%q repeated: %v", unit, d)
		}
	}
}
