package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"papereval/ledger/db"
)

// Use says that a cell of a run rests on a call. A call counts once for a cell and evaluator; Stage and
// File are those of its first use there.
type Use struct {
	Run, Key             string
	Paper, System, Model string // Model is the cell's
	Seed                 int
	Evaluator            string // empty while generating
	Stage, File          string
}

// Use records a use soon and does not wait for the disk. What is put after it is on the disk no earlier
// than the use itself, and a cell one of whose uses could not be recorded does not become [Done]: PutCell
// then returns the reason.
func (l *Ledger) Use(ctx context.Context, u Use) error {
	key, _ := binaryKey(u.Key)
	return l.enqueue(ctx, write{
		do: func(ctx context.Context, q *db.Queries) error {
			return q.PutUse(ctx, db.PutUseParams{
				Run: u.Run, Paper: u.Paper, System: u.System, Model: u.Model, Seed: int64(u.Seed),
				Evaluator: u.Evaluator, Key: key, Stage: u.Stage, File: u.File,
			})
		},
		done: func(err error) {
			if err == nil {
				return
			}
			l.lostMu.Lock()
			defer l.lostMu.Unlock()
			l.lost[cellID{u.Run, u.Paper, u.System, u.Model, u.Seed}] = fmt.Errorf("record the use of call %s: %w", u.Key, err)
		},
	})
}

// UsageRow sums the answered calls of one stage of one cell that were answered by the same model.
type UsageRow struct {
	Paper, System, Model string // Model is the cell's
	Seed                 int
	Evaluator, Stage     string
	CallModel            string // the model that was asked
	Snapshot             string // the model that answered
	Source               string
	Batched              bool // batches answered, at half the price

	Calls int
	// Tokens; Cached is part of Prompt, Reasoning part of Completion.
	Prompt, Cached, Completion, Reasoning int
	// Elapsed is the sum of the calls' times, also of calls that ran side by side or in an earlier run.
	Elapsed time.Duration
}

// Usage returns what the cells of a run rest on, sorted by all columns that are not sums. A call that
// several cells rest on is in the sums of each.
func (l *Ledger) Usage(ctx context.Context, run string) ([]UsageRow, error) {
	rows, err := l.queries.Usage(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the usage of run %s: %w", run, explain(l.path, err))
	}
	usage := make([]UsageRow, len(rows))
	for i, r := range rows {
		usage[i] = UsageRow{
			Paper: r.Paper, System: r.System, Model: r.Model, Seed: int(r.Seed),
			Evaluator: r.Evaluator, Stage: r.Stage,
			CallModel: r.CallModel, Snapshot: r.Snapshot, Source: r.Source, Batched: r.Batched == 1,
			Calls: int(r.Calls), Prompt: int(r.Prompt), Cached: int(r.Cached),
			Completion: int(r.Completion), Reasoning: int(r.Reasoning),
			Elapsed: time.Duration(r.Elapsed),
		}
	}
	return usage, nil
}

// CallsOf returns the keys of the answered calls that a run rests on, in the order of recording.
func (l *Ledger) CallsOf(ctx context.Context, run string) ([]string, error) {
	found, err := l.queries.AnsweredKeysOfRun(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the calls of run %s: %w", run, explain(l.path, err))
	}
	keys := make([]string, len(found))
	for i, key := range found {
		keys[i] = hex.EncodeToString(key)
	}
	return keys, nil
}

// Answered sums all answers, each once, by CallModel, Snapshot, Source and Batched; the other columns are empty.
func (l *Ledger) Answered(ctx context.Context) ([]UsageRow, error) {
	rows, err := l.queries.Answered(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the answers: %w", explain(l.path, err))
	}
	answered := make([]UsageRow, len(rows))
	for i, r := range rows {
		answered[i] = UsageRow{
			CallModel: r.Model, Snapshot: r.Snapshot, Source: r.Source, Batched: r.Batched == 1, Calls: int(r.Calls), Prompt: int(r.Prompt), Cached: int(r.Cached),
			Completion: int(r.Completion), Reasoning: int(r.Reasoning), Elapsed: time.Duration(r.Elapsed),
		}
	}
	return answered, nil
}
