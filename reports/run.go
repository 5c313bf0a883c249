// Package reports turns the record of a run into tables, and tables into text for people and machines.
//
// It is given plain data and calls nothing: the same run gives the same bytes every time.
package reports

import "time"

// Run is everything that a report is made from.
type Run struct {
	ID                string
	Dataset, Revision string
	Model, JudgeModel string
	Samples           int      // samples that were asked of a judge for each score
	Notes             []string // what else a reader has to know; printed below every table
	// Papers and Seeds are those of the run, also where no cell was begun of them.
	Papers []string
	Seeds  []int
	Cells  []Cell

	invalidAsZero bool // see CountInvalidAsZero
}

// Cell is one repository that a system wrote, or failed to write, with its scores.
type Cell struct {
	Paper, Title, Venue, System, Model string

	Seed   int
	State  string // Done, Failed or Broken, or running in a run that was interrupted
	Error  string // why it is Failed or Broken
	Source string // of the answers it was generated from: live, recorded, simulated; empty where not known
	Files  int    // in the repository
	Tokens int    // of the repository's files
	Usage  Usage  // generating
	Scores []Score
}

// The states of a cell.
const (
	Done   = "done"
	Failed = "failed"
	// Broken is a cell that could not be worked on: no answer came, the paper cannot be read. The system is
	// not to blame, so it has no scores.
	Broken = "broken"
)

// Usage is what some calls of a model took. Cached tokens are part of the prompt's.
type Usage struct {
	Calls                      int
	Prompt, Cached, Completion int      // tokens
	CostUSD                    *float64 // nil where it is not known
	Elapsed                    time.Duration
}

// Score is a value with its validity; a cell has at most one for an evaluator, metric and judge model.
type Score struct {
	Evaluator, Metric, JudgeModel string
	Status                        string // one of the constants below
	Source                        string // live, recorded, simulated, imported or human
	Reason                        string // why Status is not OK, or what a score that is OK lacks
	Value                         float64
	Low, High                     float64 // the value if every invalid sample were the worst, and the best
	Asked, Valid                  int     // samples; of a replication, leaves of the rubric
	Shown, Files                  int     // Shown of Files files were shown to the judge
	Samples                       []float64
	Usage                         Usage // judging

	zeroed bool // a judge that failed and yet counts, as 0
}

// The statuses of a score. Only OK and SystemFailed have a value; of SystemFailed it is the minimum.
const (
	OK           = "ok"
	SystemFailed = "system-failed"
	JudgeFailed  = "judge-failed"
	Skipped      = "skipped"
)

// Sources of answers that tables tell apart.
const (
	live      = "live"
	simulated = "simulated"
)

// counts is true where the score has a value.
func (s *Score) counts() bool {
	return (s.Status == OK || s.Status == SystemFailed || s.zeroed) && finite(s.Value) != nil
}

// selected is true where the judge did not see every file.
func (s *Score) selected() bool { return s.Shown < s.Files }

// bounds are what invalid samples leave open; ok is false where nothing is known of the score.
func (s *Score) bounds() (low, high float64, ok bool) {
	switch {
	case s.counts() && (s.Status == OK && s.Valid >= s.Asked || s.Status == SystemFailed):
		return s.Value, s.Value, true
	case s.Status == OK, s.Status == JudgeFailed:
		return s.Low, s.High, s.Low < s.High
	}
	return 0, 0, false
}

// Add sums two usages. A cost that is not known makes the sum's unknown.
func (u Usage) Add(v Usage) Usage {
	sum := Usage{
		Calls: u.Calls + v.Calls, Prompt: u.Prompt + v.Prompt, Cached: u.Cached + v.Cached,
		Completion: u.Completion + v.Completion, Elapsed: u.Elapsed + v.Elapsed,
	}
	if a, b := u.cost(), v.cost(); a != nil && b != nil {
		cost := *a + *b
		sum.CostUSD = &cost
	}
	return sum
}

// cost is CostUSD, or 0 where no model was called.
func (u Usage) cost() *float64 {
	if u.CostUSD == nil && u.Calls+u.Prompt+u.Completion == 0 {
		return new(float64)
	}
	return u.CostUSD
}
