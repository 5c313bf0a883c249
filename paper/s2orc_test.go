package paper

import (
	"encoding/json"
	"strings"
	"testing"
)

func readString(t testing.TB, name, content string, form Form) *Paper {
	t.Helper()
	p, err := Read(folder(name, content), name, form)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func body(paragraphs string) string {
	return `{"title":"T","pdf_parse":{"abstract":[],"body_text":[` + paragraphs + `],"bib_entries":{}}}`
}

func TestEquations(t *testing.T) {
	for name, test := range map[string]struct{ paragraph, want string }{
		"alone": {
			`{"text":"EQUATION","eq_spans":[{"start":0,"end":8,"raw_str":"a = b","eq_num":"(1)"}]}`,
			"$$ a = b $$ (1)",
		},
		"several, out of order, after characters of several bytes": {
			`{"text":"α𝛼 EQUATION so EQUATION.","eq_spans":[{"start":15,"end":23,"raw_str":"y","eq_num":null},{"start":3,"end":11,"raw_str":"x","eq_num":2}]}`,
			"α𝛼\n\n$$ x $$ 2\n\nso\n\n$$ y $$\n\n.",
		},
		"offsets in UTF-16": {
			`{"text":"𝛼 EQUATION so","eq_spans":[{"start":3,"end":11,"raw_str":"x"}]}`,
			"𝛼\n\n$$ x $$\n\nso",
		},
		"offsets outside": {
			`{"text":"EQUATION","eq_spans":[{"start":-4,"end":4000,"raw_str":"x"}]}`,
			"$$ x $$",
		},
		"overlapping": {
			`{"text":"EQUATION","eq_spans":[{"start":0,"end":8,"raw_str":"x"},{"start":0,"end":8,"raw_str":"y"}]}`,
			"$$ x $$",
		},
	} {
		p := readString(t, "p.json", body(test.paragraph), "")
		if len(p.Sections) != 1 || p.Sections[0].Text != test.want {
			t.Errorf("%s: %q, want %q", name, p.Sections[0].Text, test.want)
		}
		if len(p.Warnings) != 0 {
			t.Errorf("%s: warnings %q", name, p.Warnings)
		}
	}
}

func TestLostEquation(t *testing.T) {
	source := body(`{"text":"EQUATION and EQUATION","eq_spans":[{"start":0,"end":8,"raw_str":""},{"start":13,"end":21,"raw_str":"x"}]}`)
	p := readString(t, "p.json", source, "")
	if len(p.Warnings) != 1 || !strings.HasPrefix(p.Warnings[0], "1 displayed formula is lost") {
		t.Errorf("warnings %q", p.Warnings)
	}
	p = readString(t, "p.json", source, Cleaned)
	if len(p.Warnings) != 1 || !strings.HasPrefix(p.Warnings[0], "2 displayed formulas are lost") {
		t.Errorf("warnings %q", p.Warnings)
	}
}

func TestSectionsAreMerged(t *testing.T) {
	p := readString(t, "p.json", body(`{"text":"a","section":"One","sec_num":"1"},{"text":"b","section":"One","sec_num":"1"},
		{"text":"c","section":"Two","sec_num":"1.1."},{"text":"d","section":"","sec_num":null},{"text":"e","section":"One","sec_num":1}`), "")
	want := []Section{
		{"1", "One", "a\n\nb", 1}, {"1.1", "Two", "c", 2}, {"", "", "d", 1}, {"1", "One", "e", 1},
	}
	if len(p.Sections) != len(want) {
		t.Fatalf("sections %+v", p.Sections)
	}
	for i := range want {
		if p.Sections[i] != want[i] {
			t.Errorf("section %d is %+v, want %+v", i, p.Sections[i], want[i])
		}
	}
}

func TestTables(t *testing.T) {
	for source, want := range map[string]string{
		`<table><tr><td>a</td><td colspan="2">b | c</td></tr><tr><td/><td>1</td><td>2 &amp; 3</td></tr></table>`: "| a | b \\| c |  |\n|---|---|---|\n|  | 1 | 2 & 3 |",
		`<table><tr><th>a</th></tr><tr><td>b</td><td>c</td></tr></table>`:                                        "| a |  |\n|---|---|\n| b | c |",
		`<tr><td colspan="2">a</td><td>b</td></tr><tr><td>1</td><td>2</td><td>3</td></tr>`:                       "| a |  | b |\n|---|---|---|\n| 1 | 2 | 3 |",
		`<td>a<td>b`: "| a | b |\n|---|---|",
		`<table><tr><td colspan="999999999">a</td></tr></table>`: "| a |\n|---|",
		`plain  text`:     "plain text",
		``:                "",
		`<table></table>`: "",
	} {
		if got := markdownTable(source); got != want {
			t.Errorf("%s\ngives %q\nwant  %q", source, got, want)
		}
	}
}

func TestTransformer(t *testing.T) {
	examples := shared(t, "paper2code/examples")
	raw, err := Read(examples, "Transformer.json", "")
	if err != nil {
		t.Fatal(err)
	}
	cleaned, err := Read(examples, "Transformer_cleaned.json", "")
	if err != nil {
		t.Fatal(err)
	}
	reduced, err := Read(examples, "Transformer.json", Cleaned)
	if err != nil {
		t.Fatal(err)
	}
	latex, err := Read(examples, "Transformer_cleaned.tex", "")
	if err != nil {
		t.Fatal(err)
	}
	for form, p := range map[Form]*Paper{Raw: raw, Cleaned: cleaned, LaTeX: latex} {
		if p.Form != form || p.ID != "Transformer" || !strings.HasPrefix(p.Abstract, "The dominant sequence transduction models") {
			t.Errorf("%s is read as %s, %s, %.40q", form, p.Form, p.ID, p.Abstract)
		}
		if n := p.Tokens(); n < 7000 || n > 14000 {
			t.Errorf("%s has %d tokens", form, n)
		}
	}
	if latex.Title != "Attention Is All You Need" {
		t.Errorf("the LaTeX title is %q", latex.Title)
	}
	if !strings.HasPrefix(raw.Title, "Provided proper attribution") {
		t.Errorf("the raw title is %q", raw.Title)
	}
	if want := "$$ Attention(Q, K, V ) = softmax( QK T √ d k )V $$ (1)"; !strings.Contains(raw.Text(), want) {
		t.Errorf("the raw text does not show %s", want)
	}
	if want := `\mathrm{Attention}(Q, K, V) = \mathrm{softmax}(\frac{QK^T}{\sqrt{d_k}})V`; !strings.Contains(latex.Text(), want) {
		t.Errorf("the LaTeX text does not show %s", want)
	}
	if want := "| Transformer (big) | 28.4 | 41.8 |"; !strings.Contains(cleaned.Text(), want) {
		t.Errorf("the cleaned text does not show %s", want)
	}
	if strings.Contains(cleaned.Text(), "softmax( QK") || strings.Contains(raw.Text(), equation) {
		t.Error("formulas are in the cleaned text, or placeholders in the raw one")
	}
	if len(raw.Warnings)+len(latex.Warnings) != 0 {
		t.Errorf("warnings %q %q", raw.Warnings, latex.Warnings)
	}
	if len(cleaned.Warnings) != 1 || !strings.HasPrefix(cleaned.Warnings[0], "3 displayed formulas are lost") {
		t.Errorf("warnings of the cleaned form %q", cleaned.Warnings)
	}
	if reduced.Text() != cleaned.Text() || reduced.Form != Cleaned {
		t.Error("the raw file asked for as cleaned differs from the cleaned file")
	}
	want := "1 Introduction|2 Background|3 Model Architecture|3.1 Encoder and Decoder Stacks|3.2 Attention|3.2.1 Scaled Dot-Product Attention|3.2.2 Multi-Head Attention|3.2.3 Applications of Attention in our Model|3.3 Position-wise Feed-Forward Networks|3.4 Embeddings and Softmax|3.5 Positional Encoding|4 Why Self-Attention|5 Training|5.1 Training Data and Batching|5.2 Hardware and Schedule|5.3 Optimizer|5.4 Regularization"
	for form, p := range map[Form]*Paper{Raw: raw, Cleaned: cleaned, LaTeX: latex} {
		if got := strings.Join(headings(p), "|"); !strings.HasPrefix(got, want) {
			t.Errorf("%s has the sections %s", form, got)
		}
	}
	if !strings.Contains(strings.Join(headings(latex), "|"), "6 Results|6.1 Machine Translation|6.2 Model Variations|6.3 English Constituency Parsing|7 Conclusion| Attention Visualizations") {
		t.Errorf("the LaTeX ends with %q", headings(latex)[17:])
	}
	if !strings.Contains(raw.Text(), "- [13] Sepp Hochreiter and Jürgen Schmidhuber. Long short-term memory.") {
		t.Error("the raw text has no bibliography")
	}
}

func headings(p *Paper) []string {
	var out []string
	for _, s := range p.Sections {
		out = append(out, s.Number+" "+s.Title)
	}
	return out
}

func FuzzS2ORC(f *testing.F) {
	f.Add([]byte(body(`{"text":"EQUATION","eq_spans":[{"start":0,"end":8,"raw_str":"a","eq_num":"(1)"}]}`)))
	f.Add([]byte(`{"abstract":["a"],"pdf_parse":{"body_text":null,"ref_entries":{"TABREF0":{"content":"<td colspan=3>","type_str":"table","text":"x"},"F":null}}}`))
	f.Add([]byte(`{"pdf_parse":{"body_text":[{"text":7,"section":[],"cite_spans":[{"text":"[1]"}]}],"bib_entries":{"BIBREF99999999999999999999":{}}}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, form := range []Form{"", Cleaned} {
			p, err := Read(folder("p.json", string(content)), "p.json", form)
			if err == nil && (p.Text() == "" || p.Form == "") {
				t.Errorf("no text, or no form, from %q", content)
			}
			if err == nil && !json.Valid(content) && !strings.HasPrefix(string(content), "\uFEFF") {
				t.Errorf("%q is no JSON", content)
			}
		}
	})
}
