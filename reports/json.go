package reports

import (
	"encoding/json"
	"io"
)

// renderJSON prints all tables as one document. Its keys stand in the order of the columns.
func renderJSON(w io.Writer, tables []Table) error {
	type column struct {
		Key  string `json:"key"`
		Head string `json:"head,omitempty"`
	}
	type table struct {
		Banner  string   `json:"banner,omitempty"`
		Title   string   `json:"title"`
		Columns []column `json:"columns"`
		Rows    []record `json:"rows"`
		Notes   []string `json:"notes"`
	}
	out := struct {
		Tables []table `json:"tables"`
	}{Tables: []table{}}
	for _, t := range tables {
		o := table{Banner: Plain(t.Banner), Title: Plain(t.Title), Columns: []column{}, Rows: []record{}, Notes: []string{}}
		for _, c := range t.Columns {
			if c.Key != "" {
				o.Columns = append(o.Columns, column{c.Key, Plain(c.Head)})
			}
		}
		for _, values := range t.Rows {
			row := record{}
			for i, c := range t.Columns {
				if c.Key != "" {
					row = append(row, field{c.Key, values[i].raw()})
				}
			}
			o.Rows = append(o.Rows, row)
		}
		for _, n := range t.Notes {
			o.Notes = append(o.Notes, Plain(n))
		}
		out.Tables = append(out.Tables, o)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}
