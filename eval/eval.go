// Package eval scores repositories.
package eval

import (
	"context"
	"errors"

	"papereval/eval/monitor"
	"papereval/llm"
	"papereval/paper"
	"papereval/repo"
	"papereval/rubric"
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
	// Rubric is what a replication is graded by; nil where the paper has none.
	Rubric *rubric.Node
	// Addendum clarifies the paper, and JudgeAddendum how it is to be judged; mostly "".
	Addendum, JudgeAddendum string
	// AddendaMissing is true where there are addenda that are not at hand.
	AddendaMissing bool
	// Blacklist are addresses that a system must not use for the paper; nil for none.
	Blacklist *monitor.Blacklist
	// Reproduction is what running the repository's reproduce.sh did; nil where it was not run.
	Reproduction *Reproduction
	// Label names the cell in requests.
	Label llm.Label
	// Slots holds something for each call that an evaluator of many calls has under way, over all subjects: what
	// cannot be sent yet is not begun. Nil is for no limit.
	Slots chan struct{}
}

// Reproduction is what running a repository's reproduce.sh did.
type Reproduction struct {
	Log string // what it printed
	// Touched are the files of the repository that it made or changed, by path.
	Touched map[string]bool
}

// Need is what a stage of an evaluation is expected to take: calls, and tokens of all of them together.
type Need struct {
	Stage                     string
	Calls, Prompt, Completion int
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
	Source llm.Source `json:"source"` // live, recorded, simulated, imported; later human
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

// ErrNoRoom is a paper or a repository that does not fit the judge's context.
var ErrNoRoom = errors.New("no room in the judge's context")

// JudgesFault tells a judge that failed from an evaluation that could not be done: a ledger that cannot be
// written, a key that is refused, a context that has ended.
func JudgesFault(err error) bool {
	kind := llm.KindOf(err)
	return errors.Is(err, ErrNoRoom) || kind != "" && !llm.Hopeless(kind)
}

// Weakest is the source that a score rests on when its answers differ: one simulated answer makes it simulated.
func Weakest(a, b llm.Source) llm.Source {
	order := map[llm.Source]int{"": 0, llm.Live: 1, llm.Recorded: 2, llm.Imported: 3, llm.Simulated: 4}
	if order[b] > order[a] {
		return b
	}
	return a
}
