package reports

import "strings"

// scale is what the values of an evaluator are like.
type scale struct {
	name   string // the range; empty where it is not known
	digits int    // behind the decimal point, for people
	leaves bool   // Asked and Valid are leaves of a rubric, not samples
}

// scaleOf knows an evaluator by its name; a variant has it with a suffix: "refbased-strict". Replication scores differ
// in the third decimal.
func scaleOf(evaluator string) scale {
	switch base, _, _ := strings.Cut(evaluator, "-"); base {
	case "refbased", "reffree":
		return scale{name: "1–5", digits: 2}
	case "replication":
		return scale{name: "0–1", digits: 3, leaves: true}
	}
	return scale{digits: 2}
}

// ScoreText is a value of an evaluator as tables show it.
func ScoreText(evaluator string, value float64) string { return scaleOf(evaluator).text(value) }

func (s scale) text(x float64) string { return fixed(x, s.digits) }

// span prints an interval.
func (s scale) span(low, high float64) string { return "[" + s.text(low) + ", " + s.text(high) + "]" }

// units says which units the scores of a run have.
type units struct{ samples, leaves bool }

func (run *Run) units() units {
	var u units
	for _, m := range run.measures() {
		if m.scale().leaves {
			u.leaves = true
		} else {
			u.samples = true
		}
	}
	return u
}

// choose is the text that fits the units; that of samples where there is no score at all.
func (u units) choose(samples, leaves, both string) string {
	switch {
	case u.samples && u.leaves:
		return both
	case u.leaves:
		return leaves
	}
	return samples
}

// mostInvalid of a rubric's weight may be invalid without a mark; a choice of ours.
const mostInvalid = 0.05

// gapped is true where a score leaves out more of the rubric's weight than that. The bounds differ by the weight of the
// invalid leaves.
func (s *Score) gapped() bool {
	const rounding = 1e-9
	return s.Status == OK && scaleOf(s.Evaluator).leaves && s.High-s.Low > mostInvalid+rounding
}

// CountInvalidAsZero has every invalid leaf count as 0 in the scores of a replication, and so a judge that failed as a
// whole. So it is in the published program (paperbench/judge/base.py), where a leaf whose grading failed has the score
// 0. The tables say so; bounds stay what they are.
func (run *Run) CountInvalidAsZero() {
	run.invalidAsZero = true
	for i := range run.Cells {
		for j := range run.Cells[i].Scores {
			s := &run.Cells[i].Scores[j]
			switch {
			case !scaleOf(s.Evaluator).leaves:
			case s.Status == OK:
				s.Value = s.Low
			case s.Status == JudgeFailed:
				s.Value, s.zeroed = 0, true
			}
		}
	}
}
