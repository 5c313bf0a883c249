// Package monitor looks for blacklisted addresses, such as that of the authors' own code, in what a system
// wrote and did. It is a rule over text and needs no model.
//
// The rule is that of PaperBench's published program: what counts is an address near a command that fetches.
// It is a filter for what a person should look at, and neither proof nor acquittal:
//
//   - [Fetched] may be said wrongly: a README that names the repository two lines above a wget of something
//     else counts, and so does a line near the word "curly". In a file that holds a whole transcript on one line,
//     everything is near everything.
//   - [Mentioned] may be a fetch: by pip, Python's requests, `git -C folder clone`, or by a command more than
//     three lines away.
//   - Not seen at all is an address that is put together at run time, split over lines, shortened, encoded
//     (github.com%2FOWNER), that of a mirror or fork, or only a name (`gh repo clone OWNER/NAME`); nor what was
//     fetched without being written down.
//
// Papers often name their repository themselves (6 of 20 published ones), so a text that shows the paper
// mentions it.
//
// It differs from the published program in what is an address. It is stricter in that a longer name is
// another one: github.com/a/bc is not github.com/a/b, and notgithub.com not github.com. It is wider in that
// upper and lower case, ports, the forms git@github.com:a/b and git+https://, a doubled slash and a slash that
// JSON escapes make no difference, and that for github.com the hosts of single files and of the API count.
package monitor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// Kind says what an address was found with.
type Kind string

// The kinds of findings.
const (
	Fetched   Kind = "fetched"   // with `git clone`, `curl` or `wget` in its line or within 3 lines
	Mentioned Kind = "mentioned" // without
)

// Finding is a line with a blacklisted address.
type Finding struct {
	File  string `json:"file"`
	Line  int    `json:"line"`  // from 1
	Entry string `json:"entry"` // as in the blacklist
	Kind  Kind   `json:"kind"`
	// Context are the line and up to 3 before and after it, the first of which has the number First. Lines of
	// more than 400 bytes are cut to a part around the address or the command. It is text from outside.
	First   int      `json:"first"`
	Context []string `json:"context"`
}

const (
	near    = 3        // lines, as published
	shown   = 400      // bytes of a line
	piece   = 64 << 10 // bytes of a line that are looked at together
	overlap = 4 << 10  // bytes of them that are looked at twice
	reach   = 1 << 10  // bytes to either side of an address's literal in which all of it is
)

var commands = []string{"git clone", "curl", "wget"}

// Scan finds the blacklisted addresses in a text, once for each line and entry, in the order of the lines,
// which end with "\n". Its memory grows neither with the text nor with the length of lines. An error of
// reading, or that of ctx, comes last; name is for the findings and the error.
func (b *Blacklist) Scan(ctx context.Context, name string, text io.Reader) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		if len(b.entries) == 0 {
			return
		}
		var window []*line
		report := func(center int) bool {
			around := window[max(0, center-near):min(len(window), center+near+1)]
			for _, f := range window[center].findings(around) {
				f.File = name
				if !yield(f, nil) {
					return false
				}
			}
			return true
		}
		for s := (&scanner{entries: b.entries, text: bufio.NewReaderSize(text, piece)}); ; {
			l, err := s.next(ctx)
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				yield(Finding{}, fmt.Errorf("scan %s: %w", name, err))
				return
			}
			if window = append(window, l); len(window) > 2*near+1 {
				window = slices.Delete(window, 0, 1)
			}
			if len(window) > near && !report(len(window)-1-near) {
				return
			}
		}
		for center := max(0, len(window)-near); center < len(window); center++ {
			if !report(center) {
				return
			}
		}
	}
}

// line is what is kept of a line.
type line struct {
	number  int
	text    string // the line; of a long one a part with a command, or else its start
	command bool
	hits    []hit
}

type hit struct {
	entry string
	text  string // the line; of a long one the part with the address
}

// findings are those of a line, given the lines around it, itself included.
func (l *line) findings(around []*line) (findings []Finding) {
	for _, h := range l.hits {
		f := Finding{Line: l.number, Entry: h.entry, Kind: Mentioned, First: around[0].number}
		for _, other := range around {
			text := other.text
			if other == l {
				text = h.text
			}
			f.Context = append(f.Context, text)
			if other.command {
				f.Kind = Fetched
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// scanner reads lines in pieces.
type scanner struct {
	entries       []entry
	text          *bufio.Reader
	number        int
	window, lower []byte // the end of the piece before and the piece; the same in lower case
}

// next reads a line. Its error is [io.EOF] after the last one.
func (s *scanner) next(ctx context.Context) (*line, error) {
	s.number++
	l := &line{number: s.number}
	s.window = s.window[:0]
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part, err := s.text.ReadSlice('\n')
		last := !errors.Is(err, bufio.ErrBufferFull)
		if last && err != nil && (!errors.Is(err, io.EOF) || first && len(part) == 0) {
			return nil, err
		}
		if !first {
			s.window = append(s.window[:0], s.window[len(s.window)-overlap:]...)
		}
		s.window = append(s.window, part...)
		if last {
			s.window = bytes.TrimRight(s.window, "\r\n")
		}
		s.look(l, first, last)
		if last {
			return l, nil
		}
	}
}

// look looks at a piece of a line, the end of the piece before included. What stands at an end where the line
// goes on is seen whole in the piece before or after.
func (s *scanner) look(l *line, first, last bool) {
	if first {
		l.text = excerpt(s.window, 0, 0)
	}
	for _, c := range commands {
		if at := bytes.Index(s.window, []byte(c)); at >= 0 {
			l.command, l.text = true, excerpt(s.window, at, at+len(c))
		}
	}
	s.lower = append(s.lower[:0], s.window...)
	lower(s.lower)
	for _, e := range s.entries {
		if !slices.ContainsFunc(l.hits, func(h hit) bool { return h.entry == e.text }) {
			if from, to, ok := s.find(e, first, last); ok {
				l.hits = append(l.hits, hit{e.text, excerpt(s.window, from, to)})
			}
		}
	}
}

// find finds an address in the piece. A regular expression is slow, so it sees only what surrounds the literal.
func (s *scanner) find(e entry, first, last bool) (from, to int, ok bool) {
	for at := 0; at < len(s.lower); at += reach {
		i := bytes.Index(s.lower[at:], []byte(e.literal))
		if i < 0 {
			break
		}
		at += i
		start, end := max(0, at-reach), min(len(s.lower), at+2*reach)
		for _, m := range e.pattern.FindAllIndex(s.lower[start:end], -1) {
			from, to = start+m[0], start+m[1]
			// At an end that was cut, the pattern does not see what stands there.
			if (from > start || first && start == 0) && (to < end || last && end == len(s.lower)) {
				return from, to, true
			}
		}
	}
	return 0, 0, false
}

// lower makes the letters of ASCII lower case. Other letters stay, so that positions do.
func lower(text []byte) {
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
}

// excerpt is a text, or the part of a long one around a place in it.
func excerpt(text []byte, from, to int) string {
	if len(text) > shown {
		start := min(max(0, (from+to-shown)/2), len(text)-shown)
		text = text[start : start+shown]
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
