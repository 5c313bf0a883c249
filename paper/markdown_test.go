package paper

import (
	"io/fs"
	"strings"
	"testing"
)

func TestMarkdown(t *testing.T) {
	for _, test := range []struct {
		name, source, title, abstract, sections, shown string
	}{
		{"ATX", "# T\n\nJane\n\n## Abstract\n\nWe.\n\n## 1. One ##\n\nx\n\n### 1.1 Two\n\ny\n", "T", "We.", " |1 One|1.1 Two", "### 1.1 Two\n\ny"},
		{"setext", "T\n=\n\nOne\n---\nx\n\na line\nof a paragraph\n---\n", "T", "", " One", "of a paragraph\n---"},
		{"front matter", "---\ntitle: \"A: B\"\nabstract: |\n  We.\n---\n# One\nx\n", "A: B", "We.", " One", "## One"},
		{"rule, not front matter", "---\nsome text\n---\n# One\nx\n", "", "", " | One", "some text"},
		{"fences", "# T\n```sh\n# no heading\n~~~\n```\n~~~\n## nor this\n````\n~~~\n## One\n", "T", "", " | One", "# no heading"},
		{"no title", "## 1 Introduction\nx\n## 2 Method\ny\n", "", "", "1 Introduction|2 Method", "## 2 Method"},
		{"flat", "# T\n# Abstract\nWe.\n# 3.2. Deep\nx\n# A Name\ny\n# A. Proofs\nz\n# Appendix B: More\nw", "T", "We.", "3.2 Deep| A Name|A Proofs|B More", "### 3.2 Deep"},
		{"formulas", "# T\n## One\n$$\na = b\n$$\n| x |\n|---|\n| 1 |\n", "T", "", " One", "$$\na = b\n$$\n| x |\n|---|"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := readString(t, "p.md", strings.ReplaceAll(test.source, "\n", "\r\n"), "")
			if p.Title != test.title || p.Abstract != test.abstract {
				t.Errorf("title %q, abstract %q", p.Title, p.Abstract)
			}
			if got := strings.Join(headings(p), "|"); got != test.sections {
				t.Errorf("sections %q, want %q", got, test.sections)
			}
			if !strings.Contains(p.Text(), test.shown) {
				t.Errorf("the text does not show %q:\n%s", test.shown, p.Text())
			}
		})
	}
}

// Every line of a real paper must be in what is shown of it, whatever is taken for a heading.
func TestPaperBench(t *testing.T) {
	papers := shared(t, "paperbench/papers")
	names, err := fs.Glob(papers, "*/paper.md")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d papers, %v", len(names), err)
	}
	for _, name := range names {
		p, err := Read(papers, name, "")
		if err != nil {
			t.Error(err)
			continue
		}
		// bam has no such heading; that of sapg stands over nothing.
		bare := strings.HasPrefix(name, "bam/") || strings.HasPrefix(name, "sapg/")
		if p.Title == "" || (len(p.Abstract) < 500) != bare || len(p.Sections) < 10 {
			t.Errorf("%s: title %q, an abstract of %d bytes, %d sections", name, p.Title, len(p.Abstract), len(p.Sections))
		}
		content, err := fs.ReadFile(papers, name)
		if err != nil {
			t.Fatal(err)
		}
		text := p.Text()
		for line := range strings.SplitSeq(string(content), "\n") {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && !strings.Contains(text, line) {
				t.Errorf("%s: the text lost the line %q", name, line)
			}
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add("---\ntitle: x\n---\n# T\n## Abstract\na\n```\n# c\n```\nOne\n---\nx")
	f.Add("---\n---\n#\n=\n-\n~~~~")
	f.Fuzz(func(t *testing.T, source string) {
		if p, err := Read(folder("p.md", source), "p.md", ""); err == nil && p.Text() == "" {
			t.Errorf("no text from %q", source)
		}
	})
}
