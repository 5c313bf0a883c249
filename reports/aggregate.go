package reports

import (
	"slices"
	"strings"

	"papereval/stats"
)

// level is the confidence of the intervals.
const level = 0.95

// group is the cells of one system with one model, sorted; never empty.
type group []Cell

func (run *Run) groups() []group {
	type key struct{ system, model string }
	byKey := map[key]group{}
	var keys []key
	for _, c := range run.sorted() {
		k := key{c.System, c.Model}
		if byKey[k] == nil {
			keys = append(keys, k)
		}
		byKey[k] = append(byKey[k], c)
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.system != b.system {
			return strings.Compare(a.system, b.system)
		}
		return strings.Compare(a.model, b.model)
	})
	var groups []group
	for _, k := range keys {
		groups = append(groups, byKey[k])
	}
	return groups
}

func (g group) failed() int {
	n := 0
	for _, c := range g {
		if c.State == Failed {
			n++
		}
	}
	return n
}

// usage is what one repository took on average: tokens and cost of generating, cost of judging.
func (g group) usage() []Value {
	var generating, judging Usage
	for _, c := range g {
		generating = generating.Add(c.Usage)
		for _, s := range c.Scores {
			judging = judging.Add(s.Usage)
		}
	}
	n := len(g)
	tokens := float64(generating.Prompt+generating.Completion) / float64(n)
	return []Value{average{tokens}, Cost{per(generating.cost(), n)}, Cost{per(judging.cost(), n)}}
}

func per(usd *float64, n int) *float64 {
	if usd == nil {
		return nil
	}
	x := *usd / float64(n)
	return &x
}

// aggregate is what a group scored in a measure.
type aggregate struct {
	scale     scale
	means     []float64 // of the papers that have a score, over their seeds
	low, high []float64 // the same with invalid samples at their worst and best, failed judges included

	cells, asked, valid                          int
	judgeFailed, systemFailed, skipped, unscored int // cells
	selected                                     int // cells whose score rests on a selection of files
	gapped                                       int // cells whose score leaves out more than mostInvalid
	zeroed                                       int // of judgeFailed, those that count as 0
	simulated, markSimulated                     bool
}

func (g group) in(m measure) aggregate {
	a := aggregate{cells: len(g), scale: m.scale()}
	for _, paper := range g.papers() {
		var values, low, high []float64
		for i := range paper {
			s := m.in(&paper[i])
			if s == nil {
				a.unscored++
				continue
			}
			a.asked, a.valid = a.asked+s.Asked, a.valid+s.Valid
			a.simulated = a.simulated || s.Source == simulated || paper[i].Source == simulated
			switch {
			case s.Status == JudgeFailed:
				a.judgeFailed++
			case s.Status == Skipped:
				a.skipped++
			case !s.counts():
				a.unscored++
			case s.Status == SystemFailed:
				a.systemFailed++
			}
			if s.counts() {
				if s.selected() {
					a.selected++
				}
				if s.gapped() {
					a.gapped++
				}
				if s.zeroed {
					a.zeroed++
				}
				values = append(values, s.Value)
			}
			if l, h, ok := s.bounds(); ok {
				low, high = append(low, l), append(high, h)
			}
		}
		for _, x := range []struct {
			of []float64
			to *[]float64
		}{{values, &a.means}, {low, &a.low}, {high, &a.high}} {
			if mean, warning := stats.Mean(x.of); warning == "" {
				*x.to = append(*x.to, mean)
			}
		}
	}
	return a
}

// papers splits the group by paper.
func (g group) papers() []group {
	var papers []group
	for c := range slices.Values(g) {
		if last := len(papers) - 1; last >= 0 && papers[last][0].Paper == c.Paper {
			papers[last] = append(papers[last], c)
		} else {
			papers = append(papers, group{c})
		}
	}
	return papers
}

// open is true where invalid samples leave the mean open.
func (a aggregate) open() bool { return !slices.Equal(a.low, a.high) }
