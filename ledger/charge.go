package ledger

import (
	"context"
	"fmt"

	"papereval/ledger/db"
)

// Charge counts what a run has spent without a reservation, in billionths of a US dollar: a budget that is set later
// counts it, too. It does not wait until the disk has it. The run has to be in the ledger.
func (l *Ledger) Charge(ctx context.Context, run string, spent int64) error {
	if spent < 0 {
		return fmt.Errorf("charge run %s: %d was spent, which cannot be below 0", run, spent)
	}
	err := l.enqueue(context.WithoutCancel(ctx), write{
		do: func(ctx context.Context, q *db.Queries) error {
			return q.PutBudget(ctx, db.PutBudgetParams{Run: run, Settled: spent})
		},
		done: func(error) {}, // a ledger that cannot be written fails whoever stores the answer
	})
	if err != nil {
		return fmt.Errorf("charge run %s: %w", run, err)
	}
	return nil
}
