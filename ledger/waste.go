package ledger

import (
	"context"
	"fmt"
	"time"

	"papereval/ledger/db"
)

// Waste is a try that gave no answer and was paid for all the same.
type Waste struct {
	Run                             string
	Paper, System, Evaluator, Stage string
	Model                           string // its name, as prices are found by
	Source                          string // as a call's; only live ones cost money
	Kind                            string // what went wrong
	// Tokens; Cached is part of Prompt, Reasoning part of Completion.
	Prompt, Cached, Completion, Reasoning int
	Batched                               bool // it was a batch's, at half the price
	At                                    time.Time
}

// PutWaste records a try that was paid for. The run has to be in the ledger.
func (l *Ledger) PutWaste(ctx context.Context, w Waste) error {
	err := l.put(context.WithoutCancel(ctx), func(ctx context.Context, q *db.Queries) error {
		return q.PutWaste(ctx, db.PutWasteParams{
			Run: w.Run, Paper: w.Paper, System: w.System, Evaluator: w.Evaluator, Stage: w.Stage, Model: w.Model, Source: w.Source, Kind: w.Kind,
			Prompt: int64(w.Prompt), Cached: int64(w.Cached), Completion: int64(w.Completion), Reasoning: int64(w.Reasoning),
			At: stamp(w.At), Batched: flag(w.Batched),
		})
	})
	if err != nil {
		return fmt.Errorf("record a failed try of run %s: %w", w.Run, err)
	}
	return nil
}

// WasteRow sums the failed tries of a run that are alike.
type WasteRow struct {
	Paper, System, Evaluator, Stage, Model, Source, Kind string
	Batched                                              bool
	Tries                                                int
	Prompt, Cached, Completion, Reasoning                int
	Latest                                               time.Time
}

// Wasted returns the failed tries of a run that were paid for, sorted by the columns that are not sums.
func (l *Ledger) Wasted(ctx context.Context, run string) ([]WasteRow, error) {
	rows, err := l.queries.Wasted(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the failed tries of run %s: %w", run, explain(l.path, err))
	}
	waste := make([]WasteRow, len(rows))
	for i, r := range rows {
		waste[i] = WasteRow{
			Paper: r.Paper, System: r.System, Evaluator: r.Evaluator, Stage: r.Stage, Model: r.Model, Source: r.Source, Kind: r.Kind, Batched: r.Batched == 1,
			Tries: int(r.Tries), Prompt: int(r.Prompt), Cached: int(r.Cached), Completion: int(r.Completion), Reasoning: int(r.Reasoning),
			Latest: unstamp(r.Latest),
		}
	}
	return waste, nil
}
