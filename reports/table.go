package reports

import (
	"encoding/json"
	"fmt"
)

// Table is a table before it has a format.
type Table struct {
	// Banner is a first line that nobody may miss; mostly empty.
	Banner  string
	Title   string
	Columns []Column
	Rows    [][]Value // as long as Columns
	Notes   []string  // what the numbers rest on; printed below
}

// Column describes the values below it.
type Column struct {
	// Head is what people read; its lines are stacked where a format can do that. A column without a head
	// is only in csv and json.
	Head string
	// Key is the column's name in csv and json. A column without a key is only in table and markdown.
	Key string
	// Right aligns to the right, as numbers should be.
	Right bool
	// Wrap allows the terminal to break the values where the table would be too wide.
	Wrap bool
}

// Value is what stands in one place of a table.
type Value interface {
	// lines are the value as people read it.
	lines() []string
	// raw is the value as machines read it: nil where there is none, or a string, int, float64, []float64
	// or record. No float in it is NaN or infinite.
	raw() any
}

// record is a value of several named parts. Its parts have the same names in every row of a column: in csv
// each is a column.
type record []field

type field struct {
	name  string
	value any
}

// MarshalJSON keeps the order of the fields.
func (r record) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, f := range r {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}
