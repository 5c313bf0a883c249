package paper

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The S2ORC format is described at https://github.com/allenai/s2orc; s2orc-doc2json writes it from PDF.
type s2orc struct {
	Title    loose           `json:"title"`
	Abstract json.RawMessage `json:"abstract"`
	Parse    *struct {
		Abstract   []paragraph          `json:"abstract"`
		Body       []paragraph          `json:"body_text"`
		Back       []paragraph          `json:"back_matter"`
		References map[string]bibEntry  `json:"bib_entries"`
		Refs       map[string]*refEntry `json:"ref_entries"`
	} `json:"pdf_parse"`
}

type paragraph struct {
	Text    loose  `json:"text"`
	Section loose  `json:"section"`
	Number  loose  `json:"sec_num"`
	Cites   []span `json:"cite_spans"`
	Eqs     []span `json:"eq_spans"`
}

// span is a stretch of a paragraph, by offsets in characters.
type span struct {
	Start  int   `json:"start"`
	End    int   `json:"end"`
	Text   loose `json:"text"`
	ID     loose `json:"ref_id"`
	Raw    loose `json:"raw_str"`
	Number loose `json:"eq_num"`
}

type bibEntry struct {
	Raw   loose `json:"raw_text"`
	Title loose `json:"title"`
	Year  loose `json:"year"`
}

// loose is text that some converters write as a number or as null.
type loose string

func (l *loose) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		*l = loose(s)
	} else if b[0] != '{' && b[0] != '[' {
		*l = loose(b)
	}
	return nil
}

func readS2ORC(name string, content []byte, form Form) (*Paper, error) {
	var doc s2orc
	if err := DecodeJSON(name, content, &doc); err != nil {
		return nil, err
	}
	parse := doc.Parse
	if parse == nil {
		return nil, fmt.Errorf("%s is JSON, but no paper in S2ORC form: it has no \"pdf_parse\"; convert the paper with s2orc-doc2json, or give it as LaTeX, Markdown or PDF", name)
	}
	p := &Paper{Title: tidy(string(doc.Title)), Form: form}
	spans := parse.References != nil
	for _, par := range slices.Concat(parse.Body, parse.Abstract, parse.Back) {
		spans = spans || par.Eqs != nil || par.Cites != nil
	}
	if !spans && form == Raw {
		p.Form = Cleaned
	}
	var texts []string
	for _, par := range parse.Abstract {
		texts = append(texts, par.show(p.Form))
	}
	p.Abstract = strings.TrimSpace(strings.Join(texts, "\n\n"))
	if p.Abstract == "" {
		var abstract loose
		_ = json.Unmarshal(doc.Abstract, &abstract) // absent, or a list as in older versions of the format
		p.Abstract = strings.TrimSpace(string(abstract))
	}
	p.Sections = sections(slices.Concat(parse.Body, parse.Back), p.Form)
	lost := strings.Count(p.Abstract, equation)
	for _, s := range p.Sections {
		lost += strings.Count(s.Text, equation)
	}
	if lost > 0 {
		p.Warnings = append(p.Warnings, lostFormulas(lost, p.Form))
	}
	if refs := showRefs(parse.Refs); refs != "" {
		p.Sections = append(p.Sections, Section{Title: "Figures and Tables", Level: 1, Text: refs})
	}
	if p.Form == Raw && len(parse.References) > 0 {
		list := bibliography(parse.References, slices.Concat(parse.Abstract, parse.Body, parse.Back))
		p.Sections = append(p.Sections, Section{Title: "References", Level: 1, Text: list})
	}
	return p, nil
}

func lostFormulas(n int, form Form) string {
	formulas := "formulas are lost and read"
	if n == 1 {
		formulas = "formula is lost and reads"
	}
	why := "the file does not hold what it stands for"
	if form == Cleaned {
		why = "the cleaned form does not keep formulas, the forms latex, markdown and raw do"
	}
	return fmt.Sprintf("%d displayed %s EQUATION: %s", n, formulas, why)
}

// sections merges the paragraphs that follow each other under one heading.
func sections(paragraphs []paragraph, form Form) []Section {
	var out []Section
	for i, par := range paragraphs {
		text := strings.TrimSpace(par.show(form))
		number := strings.TrimSuffix(tidy(string(par.Number)), ".")
		title := tidy(string(par.Section))
		if i > 0 && par.Section == paragraphs[i-1].Section && par.Number == paragraphs[i-1].Number {
			last := &out[len(out)-1]
			last.Text = strings.TrimSpace(last.Text + "\n\n" + text)
			continue
		}
		level := 1
		if number != "" {
			level += strings.Count(number, ".")
		}
		out = append(out, Section{Number: number, Title: title, Text: text, Level: level})
	}
	return out
}

// equation is what the converter writes in place of a displayed formula.
const equation = "EQUATION"

// show is a paragraph's text with its displayed formulas, unless these are asked to be left out.
func (p paragraph) show(form Form) string {
	text := []rune(string(p.Text))
	if form == Cleaned || len(p.Eqs) == 0 {
		return string(text)
	}
	var b strings.Builder
	done := 0
	eqs := slices.SortedStableFunc(slices.Values(p.Eqs), func(x, y span) int { return cmp.Compare(x.Start, y.Start) })
	for _, eq := range eqs {
		start, end, ok := eq.in(text, done)
		if raw := tidy(string(eq.Raw)); ok && raw != "" {
			b.WriteString(string(text[done:start]))
			b.WriteString("\n\n" + strings.TrimSpace("$$ "+raw+" $$ "+tidy(string(eq.Number))) + "\n\n")
			done = end
		}
	}
	b.WriteString(string(text[done:]))
	return blankLines.ReplaceAllString(strings.TrimSpace(b.String()), "\n\n")
}

var blankLines = regexp.MustCompile(`[ \t]*\n[ \t]*\n\s*`)

// in finds a formula's place in the text from done on: by its offsets where they point at the placeholder,
// else at the next placeholder, because some converters count in other units.
func (s span) in(text []rune, done int) (start, end int, ok bool) {
	if s.Start >= done && s.Start <= s.End && s.End <= len(text) && string(text[s.Start:s.End]) == equation {
		return s.Start, s.End, true
	}
	mark := []rune(equation)
	for i := done; i+len(mark) <= len(text); i++ {
		if slices.Equal(text[i:i+len(mark)], mark) {
			return i, i + len(mark), true
		}
	}
	return 0, 0, false
}

// bibliography lists the works that the paper cites, each with the mark by which the text cites it.
func bibliography(entries map[string]bibEntry, paragraphs []paragraph) string {
	marks := make(map[string]string)
	for _, p := range paragraphs {
		for _, c := range p.Cites {
			if m := numbered.FindStringSubmatch(string(c.Text)); m != nil {
				marks[string(c.ID)] = "[" + m[1] + "]"
			}
		}
	}
	var lines []string
	for _, id := range inOrder(entries) {
		e := entries[id]
		text := tidy(string(e.Raw))
		if text == "" {
			text = tidy(string(e.Title) + " " + string(e.Year))
		}
		if text != "" {
			lines = append(lines, "- "+strings.TrimSpace(marks[id]+" "+text))
		}
	}
	return strings.Join(lines, "\n")
}

// A work may be cited as "[7]", or among others as "[7,", "7," or "7]".
var numbered = regexp.MustCompile(`^\[?(\d+)[\],;]?$`)

// inOrder sorts keys such as BIBREF2 and BIBREF10 by their kind and number.
func inOrder[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	split := func(k string) (string, int) {
		kind := strings.TrimRight(k, "0123456789")
		n, _ := strconv.Atoi(k[len(kind):])
		return kind, n
	}
	slices.SortFunc(keys, func(a, b string) int {
		kindA, a2 := split(a)
		kindB, b2 := split(b)
		return cmp.Or(strings.Compare(kindA, kindB), cmp.Compare(a2, b2), strings.Compare(a, b))
	})
	return keys
}

// tidy is a text on one line.
func tidy(s string) string { return strings.Join(strings.Fields(s), " ") }
