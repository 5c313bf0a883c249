package reports

import (
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// terminalWidth is how many columns of characters a table should fit into, narrowest how narrow a column
// of text may become for that.
const (
	terminalWidth = 120
	narrowest     = 8
)

func renderTerminal(w io.Writer, t *Table) error {
	var b strings.Builder
	if t.Banner != "" {
		b.WriteString(Plain(t.Banner) + "\n")
	}
	b.WriteString(Plain(t.Title) + "\n")
	columns := t.visible()
	grid := [][][]string{nil} // row, column, line; the first row is the head
	var aligns []tw.Align
	for _, i := range columns {
		var head []string
		for line := range strings.SplitSeq(t.Columns[i].Head, "\n") {
			head = append(head, Plain(line))
		}
		grid[0] = append(grid[0], head)
		align := tw.AlignLeft
		if t.Columns[i].Right {
			align = tw.AlignRight
		}
		aligns = append(aligns, align)
	}
	for _, values := range t.Rows {
		var row [][]string
		for _, i := range columns {
			row = append(row, values[i].lines())
		}
		grid = append(grid, row)
	}
	stack(grid)
	t.narrow(grid, columns)

	off, on := tw.Off, tw.On
	cell := func(aligns []tw.Align) tw.CellConfig {
		return tw.CellConfig{
			Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: off},
			Padding:    tw.CellPadding{Global: tw.PaddingNone},
			Alignment:  tw.CellAlignment{PerColumn: aligns},
		}
	}
	table := tablewriter.NewTable(&b,
		tablewriter.WithEastAsian(off), // the locale must not change a recorded table
		tablewriter.WithConfig(tablewriter.Config{Header: cell(aligns), Row: cell(aligns)}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Lines:      tw.Lines{ShowTop: off, ShowBottom: off, ShowHeaderLine: on, ShowFooterLine: off},
				Separators: tw.Separators{ShowHeader: on, ShowFooter: off, BetweenRows: off, BetweenColumns: on},
			},
		})),
	)
	for i, row := range grid {
		cells := make([]string, len(row))
		for j, lines := range row {
			cells[j] = strings.Join(lines, "\n")
		}
		if i == 0 {
			table.Header(cells)
		} else if err := table.Append(cells); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	text := strings.Split(b.String(), "\n")
	for i, line := range text {
		text[i] = strings.TrimRight(line, " ")
	}
	b.Reset()
	b.WriteString(strings.Join(text, "\n"))
	for _, note := range t.Notes {
		for i, line := range wrap(Plain(note), terminalWidth-2) {
			if i > 0 {
				line = "  " + line
			}
			b.WriteString(line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// narrow breaks the values of the columns that allow it, the widest first, until the table fits.
func (t *Table) narrow(grid [][][]string, columns []int) {
	total := len(columns) - 1 // the lines between the columns
	widths := make([]int, len(columns))
	for _, row := range grid {
		for j, lines := range row {
			for _, line := range lines {
				widths[j] = max(widths[j], width(line))
			}
		}
	}
	for _, n := range widths {
		total += n
	}
	for ; total > terminalWidth; total-- {
		widest := -1
		for j, i := range columns {
			if t.Columns[i].Wrap && widths[j] > narrowest && (widest < 0 || widths[j] > widths[widest]) {
				widest = j
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	for _, row := range grid {
		for j, i := range columns {
			if t.Columns[i].Wrap {
				row[j] = wrap(strings.Join(row[j], " "), widths[j])
			}
		}
	}
}

// widestHead is how wide the head of a column may be that has narrower values.
const widestHead = 16

// stack breaks heads that are wider than what stands below them.
func stack(grid [][][]string) {
	for j, head := range grid[0] {
		limit := widestHead
		for _, row := range grid[1:] {
			for _, line := range row[j] {
				limit = max(limit, width(line))
			}
		}
		var lines []string
		for _, line := range head {
			lines = append(lines, wrap(line, limit)...)
		}
		grid[0][j] = lines
	}
}

// wrap breaks a text into lines: after a space or hyphen where there is one, anywhere otherwise.
func wrap(s string, limit int) []string {
	var lines []string
	line, word := "", ""
	flush := func() {
		if line != "" && width(line+strings.TrimRight(word, " ")) > limit {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += word
		word = ""
	}
	for _, r := range s {
		if width(word+string(r)) > limit && r != ' ' {
			flush()
		}
		word += string(r)
		if strings.ContainsRune(" -_/", r) {
			flush()
		}
	}
	flush()
	return append(lines, strings.TrimRight(line, " "))
}

func width(s string) int { return twwidth.WidthWithOptions(s, twwidth.Options{}) }
