package reports

import (
	"cmp"
	"slices"
	"strings"
)

// measure is what scores can be compared and averaged in: two judges are two measures.
type measure struct{ evaluator, metric, judge string }

func (s *Score) measure() measure { return measure{s.Evaluator, s.Metric, s.JudgeModel} }

// measures are those of a run, sorted.
func (run *Run) measures() []measure {
	var ms []measure
	for _, c := range run.Cells {
		for i := range c.Scores {
			if m := c.Scores[i].measure(); !slices.Contains(ms, m) {
				ms = append(ms, m)
			}
		}
	}
	slices.SortFunc(ms, measure.compare)
	return ms
}

func (m measure) compare(o measure) int {
	return cmp.Or(strings.Compare(m.evaluator, o.evaluator), strings.Compare(m.metric, o.metric), strings.Compare(m.judge, o.judge))
}

// scale is that of the measure's values.
func (m measure) scale() scale { return scaleOf(m.evaluator) }

// in is the cell's score in a measure, nil where it has none.
func (m measure) in(c *Cell) *Score {
	for i := range c.Scores {
		if c.Scores[i].measure() == m {
			return &c.Scores[i]
		}
	}
	return nil
}

// name tells the measure from the others with as few words as that takes, joined by sep.
func (m measure) name(all []measure, sep string) string {
	name := m.evaluator
	several := func(part func(measure) string) bool {
		return slices.ContainsFunc(all, func(o measure) bool { return o.evaluator == m.evaluator && part(o) != part(m) })
	}
	if several(func(o measure) string { return o.metric }) {
		name += sep + m.metric
	}
	if several(func(o measure) string { return o.judge }) {
		name += sep + m.judge
	}
	return name
}

// head is the name over a column, with the scale where it is known.
func (m measure) head(all []measure) string {
	name, rest, _ := strings.Cut(m.name(all, "\n"), "\n")
	if s := m.scale(); s.name != "" {
		name += " " + s.name
	}
	if rest != "" {
		name += "\n" + rest
	}
	return name
}

// sorted is a copy of the cells in the order of paper, system, model and seed, with their scores in the order of
// measures: sums of costs depend on it in the last digits.
func (run *Run) sorted() []Cell {
	cells := slices.Clone(run.Cells)
	slices.SortStableFunc(cells, func(a, b Cell) int {
		return cmp.Or(strings.Compare(a.Paper, b.Paper), strings.Compare(a.System, b.System),
			strings.Compare(a.Model, b.Model), cmp.Compare(a.Seed, b.Seed))
	})
	for i, c := range cells {
		cells[i].Scores = slices.SortedStableFunc(slices.Values(c.Scores), func(a, b Score) int { return a.measure().compare(b.measure()) })
	}
	return cells
}

// distinct counts the different values that the cells have.
func distinct[T comparable](cells []Cell, of func(Cell) T) int {
	seen := map[T]bool{}
	for _, c := range cells {
		seen[of(c)] = true
	}
	return len(seen)
}

// headIf is s where it tells rows apart, empty (no column for people) otherwise.
func headIf(several bool, s string) string {
	if several {
		return s
	}
	return ""
}

// papers and seeds are those of the run, sorted.
func (run *Run) papers() []string {
	papers := slices.Clone(run.Papers)
	for _, c := range run.Cells {
		papers = append(papers, c.Paper)
	}
	slices.Sort(papers)
	return slices.Compact(papers)
}

func (run *Run) seeds() []int {
	seeds := slices.Clone(run.Seeds)
	for _, c := range run.Cells {
		seeds = append(seeds, c.Seed)
	}
	slices.Sort(seeds)
	return slices.Compact(seeds)
}
