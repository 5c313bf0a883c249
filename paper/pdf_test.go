package paper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// makePDF writes a PDF with the given lines on each page, in the simplest form that the format has.
func makePDF(title, encrypt string, pages ...[]string) string {
	var b strings.Builder
	var offsets []int
	object := func(format string, args ...any) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n"+format+"\nendobj\n", slices.Concat([]any{len(offsets)}, args)...)
	}
	b.WriteString("%PDF-1.4\n")
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 5+2*i)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [%s] /Count %d >>", kids, len(pages))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	object("<< /Title (%s) >>", title)
	for _, lines := range pages {
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F 3 0 R >> >> >>", len(offsets)+2)
		stream := "BT /F 11 Tf 14 TL 72 720 Td\n"
		for _, l := range lines {
			stream += "(" + strings.NewReplacer(`(`, `\(`, `)`, `\)`).Replace(l) + ") Tj T*\n"
		}
		stream += "ET"
		object("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R %s>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, encrypt, start)
	return b.String()
}

var pdfPages = [][]string{{
	"Damped Widgets for", "Faster Convergence", "Jane Roe", "Abstract", "We propose a widget.", "1 Introduction",
	"Old problems (see 5.2) need", "2 Bananas, and", "patience.", "1.1 Related work", "None.", "1",
}, {
	"2 Method", "We use x = y + z.", "7 Steps Are Not a Section", "2.1.1 Nor Is This", "3. Results", "Good.", "References", "[1] J. Roe.", "A Proofs", "Trivial.",
}}

func TestPDF(t *testing.T) {
	p := readString(t, "w.pdf", makePDF("untitled", "", pdfPages...), "")
	if p.Title != "Damped Widgets for Faster Convergence" || p.Abstract != "We propose a widget." {
		t.Errorf("title %q, abstract %q", p.Title, p.Abstract)
	}
	if got, want := strings.Join(headings(p), "|"), " |1 Introduction|1.1 Related work|2 Method|3 Results| References|A Proofs"; got != want {
		t.Errorf("sections %q, want %q", got, want)
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "formulas") {
		t.Errorf("warnings %q", p.Warnings)
	}
	for _, want := range []string{"Jane Roe", "Old problems (see 5.2) need", "2 Bananas, and", "x = y + z", "7 Steps", "2.1.1 Nor"} {
		if !strings.Contains(p.Text(), want) {
			t.Errorf("the text does not show %q:\n%s", want, p.Text())
		}
	}
	if p := readString(t, "w.pdf", makePDF("Widgets Reconsidered", "", pdfPages...), ""); p.Title != "Widgets Reconsidered" {
		t.Errorf("title %q, not that of the metadata", p.Title)
	}
}

func TestPDFErrors(t *testing.T) {
	const locked = "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <0000000000000000000000000000000000000000000000000000000000000000> /U <0000000000000000000000000000000000000000000000000000000000000000> >> /ID [<00> <00>] "
	for name, test := range map[string]struct{ content, want string }{
		"encrypted": {makePDF("t", locked, pdfPages...), "p.pdf is encrypted"},
		"broken":    {"%PDF-1.4\nnothing", "p.pdf is broken"},
		"no PDF":    {"plain text", "p.pdf is broken or no PDF"},
		"pictures":  {makePDF("t", "", nil, nil), "2 pages are pictures"},
	} {
		_, err := Read(folder("p.pdf", test.content), "p.pdf", "")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if (name == "pictures") != errors.Is(err, ErrEmpty) {
			t.Errorf("%s: ErrEmpty or not: %v", name, err)
		}
	}
}

func TestFollows(t *testing.T) {
	for _, test := range []struct {
		last, number string
		want         bool
	}{
		{"", "1", true}, {"", "2", false}, {"1", "2", true}, {"1", "1.1", true}, {"1", "3", false},
		{"3.2", "3.2.1", true}, {"3.2", "3.3", true}, {"3.2", "4", true}, {"3.2", "A", true}, {"3.2", "3.4", false},
		{"3.2.1", "4", true}, {"A", "B", true}, {"A", "A.1", true}, {"B.2", "C", true}, {"B", "A", false}, {"9", "10", true},
	} {
		if got := follows(test.number, test.last); got != test.want {
			t.Errorf("%s after %q: %v", test.number, test.last, got)
		}
	}
}
