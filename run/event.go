package run

import (
	"time"

	"papereval/eval"
	"papereval/llm"
	"papereval/llm/batch"
)

// Cell is the unit of work of a run: one repository. The model is the run's.
type Cell struct {
	Paper  string
	System string
	Seed   int
}

// Event is something that happened in a run, for whoever displays it. Events of different cells come
// concurrently.
type Event struct {
	Cell Cell
	What What
	// Label says what a call is for.
	Label llm.Label
	// Samples are what was answered: of these Known were in the ledger.
	Samples, Known int
	Usage          llm.Usage // of the samples that were not in the ledger
	CostUSD        float64   // of these, as far as the price is known
	Unpriced       int       // how many of these have a cost that is not known
	Wait           time.Duration
	Scores         []eval.Score
	Err            error
	Batch          *batch.Event // of BatchWaits
}

// What says what happened.
type What int

// What can happen, in the order in which it does.
const (
	PaperWarning What = iota // Err says what of a paper was lost when it was read
	CellStarted
	CallStarted
	CallWaits // a call failed and is tried again after Wait; or Err is a *llm.OverBudget, and it waits for others
	CallDone
	StepDone // a step of the generator: Label has stage and file
	Scored   // an evaluator has finished
	CellDone // Err says why the system failed, or nil
	// BatchWaits may come at any time, for no cell: Batch says how a batch is doing.
	BatchWaits
)
