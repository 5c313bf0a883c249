package paper

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func folder(name, content string) fstest.MapFS {
	return fstest.MapFS{name: {Data: []byte(content)}, "folder.json/x": {}}
}

func TestReadErrors(t *testing.T) {
	for _, test := range []struct {
		about, name, content string
		form                 Form
		want                 []string
	}{
		{"missing", "other.json", "", "", []string{"other.json", "no such file"}},
		{"directory", "folder.json", "", "", []string{"folder.json is a folder"}},
		{"unknown form", "p.json", "{}", "word", []string{`"word"`, "latex, markdown, raw, pdf, cleaned"}},
		{"no text", "p.md", "# Only a title\n", "", []string{"p.md", "no text"}},
		{"empty", "p.tex", "", "", []string{"p.tex", "no text"}},
		{"empty S2ORC", "p.json", `{"title":"T","pdf_parse":{"body_text":[{"text":" "}]}}`, "", []string{"p.json", "no text"}},
		{"broken JSON", "p.json", "{\n  \"title\": \"é\", oops\n}", "", []string{"p.json:2:17:", "mend"}},
		{"cut JSON", "p.json", "{\"title\": \"x\",\n", "", []string{"p.json:2:1:", "too early"}},
		{"two values", "p.json", "{\"pdf_parse\": {}}\n{}", "", []string{"p.json:2:1:", "delete"}},
		{"wrong kind", "p.json", "{\"pdf_parse\":\n{\"body_text\": 7}}", "", []string{"p.json:2:", "body_text", "an array"}},
		{"JSON list", "p.json", "[]", "", []string{"p.json:1:1", "an object"}},
		{"other JSON", "p.json", `{"a": 1}`, "", []string{"p.json", "no paper in S2ORC form", "pdf_parse"}},
		{"not UTF-8", "p.tex", "ab\ncd\xe9", "", []string{"p.tex:2:3:", "UTF-8"}},
		{"LFS", "p.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "", []string{"p.json", "git lfs pull"}},
		{"HTML", "p.pdf", "\n<!DOCTYPE html><html>", "", []string{"p.pdf", "web page"}},
		{"PDF as LaTeX", "p.tex", "%PDF-1.5\n", "", []string{"p.tex is a PDF", "latex"}},
	} {
		t.Run(test.about, func(t *testing.T) {
			stored := test.name
			if test.about == "missing" || test.about == "directory" {
				stored = "p.json"
			}
			p, err := Read(folder(stored, test.content), test.name, test.form)
			if err == nil {
				t.Fatalf("no error, but the paper %+v", p)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestErrorTypes(t *testing.T) {
	var place *SyntaxError
	if _, err := Read(folder("p.json", "{\n!"), "p.json", ""); !errors.As(err, &place) || place.Line != 2 || place.Column != 1 || place.File != "p.json" {
		t.Errorf("%v is no SyntaxError at p.json:2:1", err)
	}
	if _, err := Read(folder("p.md", ""), "p.md", ""); !errors.Is(err, ErrEmpty) {
		t.Errorf("%v is not ErrEmpty", err)
	}
	if _, err := Read(folder("p.md", ""), "q.md", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestFormIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		form    Form
	}{
		"a.tex":            {"text", LaTeX},
		"a.md":             {"text", Markdown},
		"a.txt":            {"text", Markdown},
		"b.txt":            {`\documentclass{article}\begin{document}text\end{document}`, LaTeX},
		"c":                {`{"pdf_parse":{"body_text":[{"text":"x","eq_spans":[]}]}}`, Raw},
		"d/X_cleaned.json": {`{"pdf_parse":{"body_text":[{"text":"x"}]}}`, Cleaned},
		"e.json":           {"\uFEFF" + `{"pdf_parse":{"body_text":[{"text":"x"}],"bib_entries":{}}}`, Raw},
	} {
		p, err := Read(folder(name, test.content), name, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if p.Form != test.form {
			t.Errorf("%s is told to be %s, not %s", name, p.Form, test.form)
		}
	}
}

func TestID(t *testing.T) {
	for name, want := range map[string]string{
		"examples/Transformer_cleaned.json": "Transformer",
		"Transformer.json":                  "Transformer",
		"a_cleaned.tex":                     "a",
		"v1.2.pdf":                          "v1.2",
	} {
		if got := ID(name); got != want {
			t.Errorf("ID(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestText(t *testing.T) {
	p := &Paper{Title: "T", Abstract: "A.", Sections: []Section{
		{Number: "1", Title: "One", Text: "x", Level: 1}, {Number: "1.1", Title: "Sub", Level: 2}, {Text: "y"},
	}}
	want := "# T\n\n## Abstract\n\nA.\n\n## 1 One\n\nx\n\n### 1.1 Sub\n\ny\n"
	if got := p.Text(); got != want {
		t.Errorf("Text() = %q, want %q", got, want)
	}
	if p.Tokens() < 10 || p.Tokens() > 40 {
		t.Errorf("Tokens() = %d", p.Tokens())
	}
}
