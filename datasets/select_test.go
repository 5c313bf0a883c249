package datasets

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"papereval/paper"
)

type fake []Entry

func (fake) Name() string              { return "fake" }
func (fake) Revision() (string, error) { return "sha256:0", nil }
func (f fake) Papers() []Entry         { return f }

var papers = fake{
	{ID: "iTransformer", Splits: []string{All, "iclr", "oral"}},
	{ID: "PASTA", Splits: []string{All, "iclr", "poster"}},
	{ID: "LLARVA", Splits: []string{All, "neurips", "poster"}},
	{ID: "Transformer", Splits: []string{All}},
	{ID: "Trial", Splits: []string{"dev"}},
}

func TestSelect(t *testing.T) {
	for _, test := range []struct {
		split string
		ids   []string
		want  string
	}{
		{"", nil, "iTransformer PASTA LLARVA Transformer"},
		{All, nil, "iTransformer PASTA LLARVA Transformer"},
		{"iclr", nil, "iTransformer PASTA"},
		{"poster", nil, "PASTA LLARVA"},
		{"", []string{"Transformer", "PASTA", "PASTA"}, "PASTA Transformer"},
		{"oral", []string{"iTransformer"}, "iTransformer"},
		{"dev", nil, "Trial"},
		{"", []string{"Trial", "PASTA"}, "PASTA Trial"},
	} {
		got, err := Select(papers, test.split, test.ids)
		if err != nil {
			t.Errorf("%s %q: %v", test.split, test.ids, err)
		}
		if got := strings.Join(names(got), " "); got != test.want {
			t.Errorf("%s %q selects %s, want %s", test.split, test.ids, got, test.want)
		}
	}
	if !slices.Equal(names(papers), []string{"iTransformer", "PASTA", "LLARVA", "Transformer", "Trial"}) {
		t.Errorf("selecting changed the dataset: %q", names(papers))
	}
}

func names(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}

func TestSelectUnknown(t *testing.T) {
	for _, test := range []struct {
		split string
		ids   []string
		want  string
	}{
		{"icrl", nil, `dataset fake has no split "icrl"; there are iclr, `},
		{"", []string{"transformer"}, `dataset fake has no paper "transformer"; there are Transformer, iTransformer, `},
		{All, []string{"Trial"}, `dataset fake has no paper in its split all "Trial"; there are `},
		{"iclr", []string{"LLARVA"}, `dataset fake has no paper in its split iclr "LLARVA"; there are PASTA, iTransformer`},
	} {
		_, err := Select(papers, test.split, test.ids)
		var unknown *UnknownError
		if !errors.As(err, &unknown) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s %q: %v, want %s", test.split, test.ids, err, test.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"flaw", "lawn", 2}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%s, %s) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestEntryPaper(t *testing.T) {
	files := fstest.MapFS{
		"a.json": {Data: []byte(`{"pdf_parse":{"body_text":[{"text":"EQUATION","eq_spans":[{"start":0,"end":8,"raw_str":"x"}]}]}}`)},
		"a.md":   {Data: []byte("text of a.md")},
	}
	raw := Entry{ID: "A", FS: files, Files: map[paper.Form]string{paper.Raw: "a.json"}}
	both := Entry{ID: "A", FS: files, Files: map[paper.Form]string{paper.Raw: "a.json", paper.Markdown: "a.md"}}
	for _, test := range []struct {
		e    Entry
		form paper.Form
		want paper.Form
		text string
	}{
		{raw, "", paper.Raw, "$$ x $$"},
		{raw, paper.Cleaned, paper.Cleaned, "EQUATION"},
		{both, "", paper.Markdown, "text of a.md"},
		{both, paper.Raw, paper.Raw, "$$ x $$"},
	} {
		p, err := test.e.Paper(test.form)
		if err != nil {
			t.Error(err)
		} else if p.Form != test.want || p.ID != "A" || !strings.Contains(p.Text(), test.text) {
			t.Errorf("form %q gives %s %s %q", test.form, p.ID, p.Form, p.Text())
		}
	}
	if _, err := raw.Paper(paper.LaTeX); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "raw, cleaned") {
		t.Errorf("an absent form: %v", err)
	}
	if _, err := (Entry{ID: "A"}).Paper(""); !errors.Is(err, ErrAbsent) {
		t.Errorf("an absent paper: %v", err)
	}
	if _, _, err := raw.ReferenceTree(); !errors.Is(err, ErrAbsent) {
		t.Errorf("absent reference code: %v", err)
	}
}
