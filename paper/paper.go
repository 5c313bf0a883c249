// Package paper reads research papers and shows them to people and models as text.
package paper

import (
	"strings"

	"papereval/tokens"
)

// Form is how a paper is stored.
type Form string

// The forms of a paper.
const (
	LaTeX    Form = "latex"
	Markdown Form = "markdown"
	Raw      Form = "raw"     // S2ORC JSON, as a conversion from PDF writes it
	PDF      Form = "pdf"     // formulas and tables may be lost
	Cleaned  Form = "cleaned" // S2ORC JSON without spans, authors and bibliography: the formulas are lost
)

// Forms are all forms, from the one that keeps most of a paper to the one that keeps least.
func Forms() []Form { return []Form{LaTeX, Markdown, Raw, PDF, Cleaned} }

// Paper is one research paper. Its text is that of the form that it was read from.
type Paper struct {
	// ID names the paper in a dataset, in cells and in labels; [Read] takes it from the file's name.
	ID       string
	Title    string
	Abstract string
	Form     Form
	Sections []Section
	// Warnings say what of the paper was lost on the way here.
	Warnings []string
}

// Section is a part of a paper under one heading.
type Section struct {
	Number string // "3.2.1", or empty where the paper does not number it
	Title  string
	Text   string // paragraphs are separated by an empty line
	Level  int    // 1 for a section, 2 for a subsection, and so on
}

// Text is what a prompt shows: the paper as Markdown, with title, abstract and sections in order. Formulas
// stay as the paper's form has them.
func (p *Paper) Text() string {
	var b strings.Builder
	if p.Title != "" {
		b.WriteString("# " + p.Title + "\n\n")
	}
	if p.Abstract != "" {
		b.WriteString("## Abstract\n\n" + p.Abstract + "\n\n")
	}
	for _, s := range p.Sections {
		if heading := strings.TrimSpace(s.Number + " " + s.Title); heading != "" {
			b.WriteString(strings.Repeat("#", min(max(s.Level, 1)+1, 6)) + " " + heading + "\n\n")
		}
		if s.Text != "" {
			b.WriteString(s.Text + "\n\n")
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// Tokens is the length of [Paper.Text] in tokens, as [tokens.Count] estimates it.
func (p *Paper) Tokens() int { return tokens.Count(p.Text()) }
