package reports

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// renderCSV prints a table as a block of comma-separated values (RFC 4180, but lines end in LF). Lines that
// begin with # hold the title before and the notes after it; a # within a value is always quoted, so a reader
// that is told of the comments takes a block as it is. Blocks are separated by an empty line.
func renderCSV(w io.Writer, t *Table) error {
	var b strings.Builder
	if t.Banner != "" {
		b.WriteString("# " + Plain(t.Banner) + "\n")
	}
	b.WriteString("# " + Plain(t.Title) + "\n")
	var head []string
	parts := make([][]field, len(t.Columns)) // the names of the parts of a column of records
	for i, c := range t.Columns {
		for _, row := range t.Rows {
			if r, ok := row[i].raw().(record); ok {
				parts[i] = r
				break
			}
		}
		switch {
		case c.Key == "":
		case parts[i] == nil:
			head = append(head, quote(c.Key))
		default:
			for _, f := range parts[i] {
				head = append(head, quote(c.Key+"_"+f.name))
			}
		}
	}
	b.WriteString(strings.Join(head, ",") + "\n")
	for _, row := range t.Rows {
		var line []string
		for i, c := range t.Columns {
			raw := row[i].raw()
			switch r, _ := raw.(record); {
			case c.Key == "":
			case parts[i] == nil:
				line = append(line, bare(raw))
			case r == nil:
				line = append(line, make([]string, len(parts[i]))...)
			default:
				for _, f := range r {
					line = append(line, bare(f.value))
				}
			}
		}
		b.WriteString(strings.Join(line, ",") + "\n")
	}
	for _, note := range t.Notes {
		b.WriteString("# " + Plain(note) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func bare(raw any) string {
	switch v := raw.(type) {
	case nil:
		return ""
	case string:
		return quote(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []float64:
		s := make([]string, len(v))
		for i, x := range v {
			s[i] = bare(x)
		}
		return strings.Join(s, ";")
	}
	panic(fmt.Sprintf("reports: a value of type %T in a table", raw)) // see Value.raw
}

func quote(s string) string {
	if strings.ContainsAny(s, ",\"#") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
