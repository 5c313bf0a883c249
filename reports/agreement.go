package reports

import (
	"fmt"

	"papereval/stats"
)

// Agreement is how well a judge agrees with people on leaves of rubrics that are met or not.
type Agreement struct {
	Judge    string
	Category string // "" for all
	Leaves   int
	Valid    stats.Classification // over the leaves that the judge graded
	Wrong    stats.Classification // over all, where one that it did not grade counts as graded wrongly
}

// Graded is one submission as people graded it and as a judge did. Scores are from 0 to 1.
type Graded struct {
	Paper                  string
	Leaves, Valid          int
	People, Judge          float64
	JudgeLow, JudgeHigh    float64
	F1                     float64
	JudgeFailed, Simulated bool
	Usage                  Usage
}

// Agreements is the table of judges beside each other, the baselines that look at nothing among them.
func Agreements(rows []Agreement, notes ...string) Table {
	t := Table{Title: "Agreement with people, leaf by leaf", Columns: []Column{
		{Head: "Judge", Key: "judge", Wrap: true}, {Head: "Category", Key: "category"},
		{Head: "Leaves", Key: "leaves", Right: true}, {Head: "Met", Key: "met", Right: true}, {Head: "Coverage", Key: "coverage", Right: true},
		{Head: "Accuracy", Key: "accuracy", Right: true}, {Head: "Precision", Key: "precision", Right: true},
		{Head: "Recall", Key: "recall", Right: true}, {Head: "Macro-F1", Key: "f1", Right: true},
		{Head: "F1, invalid\nas wrong", Key: "f1_invalid_as_wrong", Right: true},
	}}
	for _, a := range rows {
		category := a.Category
		if category == "" {
			category = "all"
		}
		row := []Value{Text(a.Judge), Text(category), Count(a.Leaves), Count(a.Wrong.Positives), ratio(float64(a.Valid.N), float64(a.Leaves))}
		for _, x := range []float64{a.Valid.Accuracy, a.Valid.Precision, a.Valid.Recall, a.Valid.F1} {
			if a.Valid.N == 0 {
				row = append(row, Missing{})
			} else {
				row = append(row, share(x))
			}
		}
		t.Rows = append(t.Rows, append(row, share(a.Wrong.F1)))
	}
	t.Notes = append([]string{
		"Met: leaves that people graded 1. Coverage: leaves with a valid grade. Accuracy, precision, recall and F1 are over these; precision, recall and F1 are " +
			"macro averages over met and not met, as scikit-learn has them with zero_division=0.",
	}, notes...)
	return t
}

// GradedSubmissions is the table with a row for each submission.
func GradedSubmissions(rows []Graded, notes ...string) Table {
	t := Table{Title: "Submissions", Columns: []Column{
		{Head: "Paper", Key: "paper", Wrap: true}, {Head: "Leaves", Key: "leaves", Right: true}, {Head: "Coverage", Key: "coverage", Right: true},
		{Head: "Macro-F1", Key: "f1", Right: true}, {Head: "Score by\npeople", Key: "people", Right: true},
		{Head: "Score by\nthe judge", Key: "judge", Right: true}, {Key: "judge_low"}, {Key: "judge_high"},
		{Head: "Calls", Key: "calls", Right: true}, {Head: "Prompt\ntokens", Key: "prompt_tokens", Right: true},
		{Head: "Compl.\ntokens", Key: "completion_tokens", Right: true}, {Head: "Cost\nUSD", Key: "cost_usd", Right: true},
	}}
	for _, g := range rows {
		judge := Value(share(g.Judge))
		if g.JudgeFailed {
			judge = shown("judge failed")
		} else if g.Valid < g.Leaves {
			judge = bounded{g.Judge, g.JudgeLow, g.JudgeHigh}
		}
		t.Rows = append(t.Rows, []Value{Text(g.Paper), Count(g.Leaves), ratio(float64(g.Valid), float64(g.Leaves)), share(g.F1), share(g.People), judge,
			share(g.JudgeLow), share(g.JudgeHigh), Count(g.Usage.Calls), Count(g.Usage.Prompt), Count(g.Usage.Completion), Cost{g.Usage.cost()}})
	}
	t.Notes = append([]string{"The brackets hold the judge's score if every leaf without a valid grade were not met, and met."}, notes...)
	return t
}

// share is a number from 0 to 1, with three decimals for people.
type share float64

func (s share) lines() []string { return []string{fixed(float64(s), 3)} }
func (s share) raw() any        { return finite(float64(s)) }

// ratio is a share of a whole, Missing where that is nothing.
func ratio(part, whole float64) Value {
	if whole == 0 {
		return Missing{}
	}
	return share(part / whole)
}

// bounded is a score with what invalid leaves leave open.
type bounded struct{ value, low, high float64 }

func (b bounded) lines() []string {
	return []string{fixed(b.value, 3), fmt.Sprintf("[%s, %s]", fixed(b.low, 3), fixed(b.high, 3))}
}
func (b bounded) raw() any { return finite(b.value) }
