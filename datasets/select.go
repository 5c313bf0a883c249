package datasets

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Select is the papers of a split that have one of the given ids, in the dataset's order; no ids are all of the
// split. Without a split ("") the ids may name any paper of the dataset, and no ids are the split [All]. An
// unknown split or id is an [*UnknownError].
func Select(ds Dataset, split string, ids []string) ([]Entry, error) {
	if split == "" && len(ids) == 0 {
		split = All
	}
	splits := Splits(ds)
	if split != "" && !slices.Contains(splits, split) {
		return nil, &UnknownError{Dataset: ds.Name(), Kind: "split", Name: split, Valid: nearest(split, splits)}
	}
	var in []Entry
	var names []string
	for _, e := range ds.Papers() {
		if split == "" || slices.Contains(e.Splits, split) {
			in = append(in, e)
			names = append(names, e.ID)
		}
	}
	for _, id := range ids {
		if !slices.Contains(names, id) {
			kind := "paper"
			if split != "" {
				kind = "paper in its split " + split
			}
			return nil, &UnknownError{Dataset: ds.Name(), Kind: kind, Name: id, Valid: nearest(id, names)}
		}
	}
	if len(ids) == 0 {
		return in, nil
	}
	return slices.DeleteFunc(in, func(e Entry) bool { return !slices.Contains(ids, e.ID) }), nil
}

// Splits are the names of a dataset's splits, [All] first and the others in the order of its papers.
func Splits(ds Dataset) []string {
	splits := []string{All}
	for _, e := range ds.Papers() {
		for _, s := range e.Splits {
			if !slices.Contains(splits, s) {
				splits = append(splits, s)
			}
		}
	}
	return splits
}

// UnknownError is a name that a dataset does not have.
type UnknownError struct {
	Dataset string
	Kind    string // "split", "paper"
	Name    string
	Valid   []string // the names that it has, the nearest first
}

func (e *UnknownError) Error() string {
	const shown = 12
	list := strings.Join(e.Valid[:min(len(e.Valid), shown)], ", ")
	if more := len(e.Valid) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	if list == "" {
		list = "none"
	}
	return fmt.Sprintf("dataset %s has no %s %q; there are %s", e.Dataset, e.Kind, e.Name, list)
}

// nearest sorts names by their edit distance to what was asked for.
func nearest(to string, names []string) []string {
	names = slices.Clone(names)
	distances := make(map[string]int, len(names))
	for _, n := range names {
		distances[n] = distance(strings.ToLower(to), strings.ToLower(n))
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(distances[a], distances[b]) })
	return names
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
