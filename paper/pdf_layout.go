package paper

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	pdfAbstract = regexp.MustCompile(`(?i)^abstract(?:\s*[.:—–-]\s*(.*)|)$`)
	pdfNumbered = regexp.MustCompile(`^(\d{1,2}(?:\.\d{1,2}){0,3}|[A-Z](?:\.\d{1,2}){0,3})\.?\s+(\p{Lu}.{1,90})$`)
	pdfNamed    = regexp.MustCompile(`(?i)^(introduction|references|bibliography|acknowledge?ments?|appendix|appendices)\.?$`)
	pageNumber  = regexp.MustCompile(`^\d{1,4}$`)
	pdfBroken   = regexp.MustCompile(`(\p{L})(?:\x02|\x{FFFE}|\x{00AD})\n?(\p{Ll})`)
	fileTitle   = regexp.MustCompile(`(?i)^(untitled|microsoft word|.*\.(dvi|tex|docx?|pdf|ps|rtf|indd)$)`)
)

// layOut finds title, abstract and headings in the text of a PDF, line by line. What it takes for no heading
// stays text, so nothing is lost by its doubts.
func layOut(text, title string) *Paper {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = pdfBroken.ReplaceAllString(text, "$1$2")
	lines := strings.Split(text, "\n")

	p := &Paper{Form: PDF, Title: tidy(title)}
	if !strings.Contains(p.Title, " ") || fileTitle.MatchString(p.Title) {
		p.Title = firstLines(lines)
	}
	var abstract, body strings.Builder
	sections := []Section{{Level: 1}}
	inAbstract, last := false, ""
	for _, text := range lines {
		text = strings.TrimSpace(text)
		if pageNumber.MatchString(text) {
			continue
		}
		if m := pdfAbstract.FindStringSubmatch(text); m != nil && abstract.Len() == 0 && last == "" {
			inAbstract = true
			abstract.WriteString(m[1] + "\n")
			continue
		}
		if s, ok := pdfHeading(text, last); ok {
			inAbstract = false
			if s.Number != "" {
				last = s.Number
			}
			sections[len(sections)-1].Text = body.String()
			body.Reset()
			sections = append(sections, s)
			continue
		}
		if inAbstract {
			abstract.WriteString(text + "\n")
		} else {
			body.WriteString(text + "\n")
		}
	}
	sections[len(sections)-1].Text = body.String()
	p.Abstract = strings.TrimSpace(abstract.String())
	for _, s := range sections {
		if s.Text = strings.TrimSpace(s.Text); s.Text != "" || s.Title != "" {
			p.Sections = append(p.Sections, s)
		}
	}
	return p
}

// pdfHeading takes a line for a heading if it begins with the number that can follow the last one, which
// rows of tables, steps of algorithms and axes of plots rarely do, or if it is a usual name.
func pdfHeading(text, last string) (Section, bool) {
	if pdfNamed.MatchString(text) {
		return Section{Title: strings.TrimSuffix(text, "."), Level: 1}, true
	}
	m := pdfNumbered.FindStringSubmatch(text)
	if m == nil || strings.ContainsAny(m[2][len(m[2])-1:], ".,;") || goesOn.MatchString(m[2]) || !follows(m[1], last) {
		return Section{}, false
	}
	return Section{Number: m[1], Title: tidy(m[2]), Level: 1 + strings.Count(m[1], ".")}, true
}

// follows reports whether a section's number can come next: after 3.2 these are 3.2.1, 3.3, 4 and A.
func follows(number, last string) bool {
	if last == "" {
		return number == "1"
	}
	if number == "A" && last[0] <= '9' || number == last+".1" {
		return true
	}
	for last != "" {
		parent, own := "", last
		if i := strings.LastIndexByte(last, '.'); i >= 0 {
			parent, own = last[:i], last[i+1:]
		}
		var next string
		if n, err := strconv.Atoi(own); err == nil {
			next = strconv.Itoa(n + 1)
		} else {
			next = string(own[0] + 1)
		}
		if parent != "" {
			next = parent + "." + next
		}
		if number == next {
			return true
		}
		last = parent
	}
	return false
}

// firstLines is the title as far as text without sizes shows it: the first line, with the next one where it
// clearly goes on.
func firstLines(lines []string) string {
	title := ""
	for _, l := range lines {
		l = tidy(l)
		if l == "" || pageNumber.MatchString(l) {
			continue
		}
		title = strings.TrimSpace(title + " " + l)
		if !goesOn.MatchString(title) || len(title) > 200 {
			break
		}
	}
	return title
}

var goesOn = regexp.MustCompile(`(?i)([:,–—-]|\b(a|an|and|by|for|from|in|into|of|on|or|the|to|via|with|without))$`)
