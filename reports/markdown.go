package reports

import (
	"io"
	"regexp"
	"strings"
)

func renderMarkdown(w io.Writer, t *Table) error {
	var b strings.Builder
	if t.Banner != "" {
		b.WriteString("**" + escapeMarkdown(t.Banner) + "**\n\n")
	}
	b.WriteString("### " + escapeMarkdown(t.Title) + "\n\n")
	columns := t.visible()
	row := func(cell func(i int) string) {
		for _, i := range columns {
			b.WriteString("| " + cell(i) + " ")
		}
		b.WriteString("|\n")
	}
	row(func(i int) string { return escapeMarkdown(t.Columns[i].Head) })
	row(func(i int) string {
		if t.Columns[i].Right {
			return "---:"
		}
		return "---"
	})
	for _, values := range t.Rows {
		row(func(i int) string { return escapeMarkdown(strings.Join(values[i].lines(), " ")) })
	}
	b.WriteString("\n")
	for _, note := range t.Notes {
		b.WriteString("- " + escapeMarkdown(note) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// special is what Markdown, as GitHub reads it, would take for markup inside a line. A bracket closes a
// link's text only before one of three characters, so intervals can stay as they are.
var special = regexp.MustCompile("[\\\\`*_|<>&~#]|\\][(\\[:]")

func escapeMarkdown(s string) string { return special.ReplaceAllString(Plain(s), `\$0`) }
