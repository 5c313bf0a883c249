package paper

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// line is a heading or a line of text of a Markdown file.
type line struct {
	text  string // of a heading: without its marks
	level int    // 0 for text
}

func readMarkdown(source string) *Paper {
	p := &Paper{Form: Markdown}
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = p.frontMatter(source)
	lines := markdownLines(source)
	lines = p.takeTitle(lines)

	// The shallowest heading is a section, whatever the number of its marks.
	top := 7
	for _, l := range lines {
		if l.level > 0 {
			top = min(top, l.level)
		}
	}
	sections := []Section{{Level: 1}}
	var text strings.Builder
	for _, l := range lines {
		if l.level == 0 {
			text.WriteString(l.text + "\n")
			continue
		}
		sections[len(sections)-1].Text = text.String()
		text.Reset()
		s := Section{Title: tidy(l.text), Level: l.level - top + 1}
		if m := numberedHeading.FindStringSubmatch(s.Title); m != nil {
			s.Number, s.Title = m[1]+m[2], m[3]
			s.Level = max(s.Level, 1+strings.Count(s.Number, "."))
		}
		sections = append(sections, s)
	}
	sections[len(sections)-1].Text = text.String()
	for _, s := range sections {
		s.Text = strings.Trim(s.Text, "\n")
		if p.Abstract == "" && abstractHeading.MatchString(s.Title) {
			p.Abstract = s.Text
			continue
		}
		if s.Title != "" || strings.TrimSpace(s.Text) != "" {
			p.Sections = append(p.Sections, s)
		}
	}
	return p
}

var (
	// "3.2. Method", "A.1 Proofs", "B. Data", "Appendix C: Code". A bare letter needs its full stop.
	numberedHeading = regexp.MustCompile(`^(?:(?:Appendix|APPENDIX)\s+)?(?:(\d{1,2}(?:\.\d{1,2})*|[A-Z](?:\.\d{1,2})+)[.:]?|([A-Z])[.:])\s+(\S.*)$`)
	abstractHeading = regexp.MustCompile(`(?i)^[*_]*abstract[*_]*[.:]?$`)
	atx             = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$`)
	setext          = regexp.MustCompile(`^ {0,3}(=+|-{2,})[ \t]*$`)
	fence           = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})([^`]*)$")
	notParagraph    = regexp.MustCompile(`^(?: {4}|\t| {0,3}(?:[-*+>|] |>|\||\d+[.)] |<))`)
)

func markdownLines(source string) []line {
	var out []line
	open := "" // the fence that we are in
	for text := range strings.SplitSeq(source, "\n") {
		if m := fence.FindStringSubmatch(text); m != nil {
			switch {
			case open == "":
				open = m[1]
			case strings.HasPrefix(m[1], open) && strings.TrimSpace(m[2]) == "":
				open = ""
			}
			out = append(out, line{text: text})
			continue
		}
		if open != "" {
			out = append(out, line{text: text})
			continue
		}
		if m := atx.FindStringSubmatch(text); m != nil {
			out = append(out, line{text: m[2], level: len(m[1])})
			continue
		}
		// A line that is underlined is a heading if it stands alone; a paragraph over a rule is none here.
		if m := setext.FindStringSubmatch(text); m != nil && len(out) > 0 {
			last := &out[len(out)-1]
			alone := len(out) == 1 || out[len(out)-2].level > 0 || strings.TrimSpace(out[len(out)-2].text) == ""
			if last.level == 0 && strings.TrimSpace(last.text) != "" && alone && !notParagraph.MatchString(last.text) {
				last.level = 1
				if m[1][0] == '-' {
					last.level = 2
				}
				continue
			}
		}
		out = append(out, line{text: text})
	}
	return out
}

// frontMatter takes title and abstract from the YAML between --- at a file's beginning.
func (p *Paper) frontMatter(source string) string {
	after, ok := strings.CutPrefix(source, "---\n")
	if !ok {
		return source
	}
	header, body, ok := strings.Cut(after, "\n---")
	if !ok {
		return source
	}
	_, body, _ = strings.Cut(body, "\n")
	var meta struct {
		Title    string `yaml:"title"`
		Abstract string `yaml:"abstract"`
	}
	if err := yaml.Unmarshal([]byte(header), &meta); err != nil {
		return source // text between two rules
	}
	p.Title, p.Abstract = tidy(meta.Title), strings.TrimSpace(meta.Abstract)
	return body
}

// takeTitle takes the first heading as the title if nothing but blank lines stands before it.
func (p *Paper) takeTitle(lines []line) []line {
	for i, l := range lines {
		if l.level == 0 && strings.TrimSpace(l.text) == "" {
			continue
		}
		name := tidy(l.text)
		if l.level != 1 || abstractHeading.MatchString(name) || numberedHeading.MatchString(name) && name[0] <= '9' {
			break
		}
		if p.Title == "" {
			p.Title = name
		}
		if p.Title == name {
			return lines[i+1:]
		}
		break
	}
	return lines
}
