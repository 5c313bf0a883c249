package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is a way to print tables.
type Format string

// The formats.
const (
	FormatTable    Format = "table" // for a terminal
	FormatMarkdown Format = "markdown"
	FormatCSV      Format = "csv"
	FormatJSON     Format = "json"
)

// Formats are the formats that [Render] knows.
func Formats() []Format { return []Format{FormatTable, FormatMarkdown, FormatCSV, FormatJSON} }

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("format %q is not known; the formats are %s", name, strings.Join(names, ", "))
}

// Render prints tables. json and csv hold every value in full precision; csv leaves a place empty where
// there is none, json has null there.
func Render(w io.Writer, format Format, tables []Table) error {
	if _, err := ParseFormat(string(format)); err != nil {
		return err
	}
	if format == FormatJSON {
		return renderJSON(w, tables)
	}
	render := map[Format]func(io.Writer, *Table) error{
		FormatTable: renderTerminal, FormatMarkdown: renderMarkdown, FormatCSV: renderCSV,
	}[format]
	for i := range tables {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := render(w, &tables[i]); err != nil {
			return fmt.Errorf("table %q as %s: %w", tables[i].Title, format, err)
		}
	}
	return nil
}

// visible are the indexes of the columns that people see.
func (t *Table) visible() []int {
	var is []int
	for i, c := range t.Columns {
		if c.Head != "" {
			is = append(is, i)
		}
	}
	return is
}
