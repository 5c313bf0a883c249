// Package eval scores repositories.
package eval

import (
	"context"

	"papereval/llm"
	"papereval/paper"
	"papereval/repo"
)

// An Evaluator scores one repository. A judge that fails yields an invalid score, never a zero; an error
// is returned only when the evaluation as a whole could not be done (a cancelled context, a ledger that
// cannot be written).
type Evaluator interface {
	Name() string
	Evaluate(ctx context.Context, s *Subject) (*Result, error)
}

// Subject is what is evaluated.
type Subject struct {
	Paper *paper.Paper
	// Repository is what the system wrote; nil where it wrote none, which scores the minimum.
	Repository *repo.Tree
	// Reference is what the authors published; nil where it is not at hand.
	Reference *repo.Tree
	// Label names the cell in requests.
	Label llm.Label
}

// Result is what an evaluator found.
type Result struct {
	Scores []Score
	// Detail is what the scores rest on, for people to read: it is stored as JSON. Its type is the
	// evaluator's own.
	Detail any
}

// Status says what became of a score.
type Status string

// The statuses of a score. Only OK and SystemFailed have a value.
const (
	OK           Status = "ok"
	SystemFailed Status = "system-failed" // the system wrote no repository: the minimum
	JudgeFailed  Status = "judge-failed"
	Skipped      Status = "skipped" // what the evaluator needs is not there
)

// Score is a value with its validity.
type Score struct {
	Metric string     `json:"metric"`
	Status Status     `json:"status"`
	Source llm.Source `json:"source"` // live, recorded, simulated; later imported and human
	// Value is meaningless unless Status is OK or SystemFailed.
	Value float64 `json:"value"`
	// Asked is how many samples or leaves were asked for, Valid how many of these could be used.
	Asked int `json:"asked"`
	Valid int `json:"valid"`
	// Low and High are the score if every invalid sample were the worst and the best possible.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Samples are the values of the valid samples that Value is the mean of.
	Samples []float64 `json:"samples"`
	// Shown of Files files were shown to the judge; fewer than all means that the score rests on a
	// selection. For a judge that sees two repositories, both are counted.
	Shown int `json:"shown,omitempty"`
	Files int `json:"files,omitempty"`
	// Reason says why Status is not OK.
	Reason string `json:"reason,omitempty"`
}
