package paper

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// refEntry is a figure or a table of S2ORC.
type refEntry struct {
	Text    loose `json:"text"` // the caption
	Kind    loose `json:"type_str"`
	Number  loose `json:"num"`
	Figure  loose `json:"fig_num"`
	Content loose `json:"content"` // a table in HTML
	HTML    loose `json:"html"`    // the same in other versions of the format
}

// showRefs lists the captions of figures, and tables with their captions.
func showRefs(entries map[string]*refEntry) string {
	var parts []string
	for _, id := range inOrder(entries) {
		e := entries[id]
		if e == nil {
			continue
		}
		caption := e.caption()
		source := string(e.Content)
		if source == "" {
			source = string(e.HTML)
		}
		table := markdownTable(source)
		if part := strings.TrimSpace(caption + "\n\n" + table); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n\n")
}

// caption begins with what it is the caption of, because that is lost in the captions of tables.
func (e *refEntry) caption() string {
	text := tidy(string(e.Text))
	kind := string(e.Kind)
	if kind == "" || text == "" || strings.HasPrefix(strings.ToLower(text), kind) {
		return text
	}
	label := strings.ToUpper(kind[:1]) + kind[1:]
	for _, number := range []loose{e.Figure, e.Number} {
		if n := tidy(string(number)); n != "" && n != "null" {
			label += " " + n
			break
		}
	}
	return label + ": " + text
}

// maxColumns bounds what a table with absurd spans can grow to.
const maxColumns = 200

// markdownTable writes an HTML table as a Markdown table whose first row is the header. A cell over several
// columns is followed by empty ones; spans over rows are not kept.
func markdownTable(source string) string {
	if !strings.Contains(source, "<") {
		return tidy(source)
	}
	rows := tableRows(source)
	width := 0
	for _, row := range rows {
		width = max(width, len(row))
	}
	if width == 0 {
		return ""
	}
	var b strings.Builder
	for i, row := range rows {
		for len(row) < width {
			row = append(row, "")
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", width) + "|\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func tableRows(source string) [][]string {
	var rows [][]string
	var cell strings.Builder
	open, span := false, 1
	finish := func() {
		if open {
			if len(rows) == 0 {
				rows = append(rows, nil)
			}
			row := &rows[len(rows)-1]
			if len(*row)+span <= maxColumns {
				*row = append(*row, strings.ReplaceAll(tidy(cell.String()), "|", `\|`))
				*row = append(*row, make([]string, span-1)...)
			}
		}
		cell.Reset()
		open, span = false, 1
	}
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			finish()
			return rows
		}
		token := z.Token()
		isCell := token.Data == "td" || token.Data == "th"
		switch {
		case kind == html.TextToken:
			if !open && strings.TrimSpace(token.Data) != "" {
				open = true // text outside of any cell is one
			}
			cell.WriteString(token.Data)
		case token.Data == "tr" && kind != html.EndTagToken:
			finish()
			rows = append(rows, nil)
		case isCell && kind == html.EndTagToken:
			finish()
		case isCell:
			finish()
			open, span = true, columns(token.Attr)
			if kind == html.SelfClosingTagToken {
				finish()
			}
		case token.Data == "br":
			cell.WriteByte(' ')
		}
	}
}

func columns(attributes []html.Attribute) int {
	for _, a := range attributes {
		if n, err := strconv.Atoi(strings.TrimSpace(a.Val)); a.Key == "colspan" && err == nil && n > 0 && n <= maxColumns {
			return n
		}
	}
	return 1
}
