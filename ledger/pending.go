package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"papereval/ledger/db"
)

// PutPending records a call without an answer, for which a run waits. It changes nothing where the answer
// is known.
func (l *Ledger) PutPending(ctx context.Context, run string, c *Call) error {
	parts, err := l.cutUp(ctx, c)
	if err != nil {
		return fmt.Errorf("record pending call %s of run %s: %w", c.Key, run, err)
	}
	var asked asked
	err = l.putThen(ctx, func(ctx context.Context, q *db.Queries) (err error) {
		if asked, err = l.putRequest(ctx, q, c, parts); err != nil {
			return err
		}
		if !asked.fresh {
			if known, err := l.intact(ctx, q, asked.id); known || err != nil {
				return err
			}
			// A damaged answer is as good as none.
			if err := q.DeleteAnswer(ctx, asked.id); err != nil {
				return err
			}
		}
		return q.PutPending(ctx, db.PutPendingParams{Request: asked.id, Run: run})
	}, func() { asked.remember(l) })
	if err != nil {
		return fmt.Errorf("record pending call %s of run %s: %w", c.Key, run, err)
	}
	return nil
}

// DropPending forgets which calls a run waits for.
func (l *Ledger) DropPending(ctx context.Context, run string) error {
	if err := l.put(ctx, func(ctx context.Context, q *db.Queries) error { return q.DeletePendingOfRun(ctx, run) }); err != nil {
		return fmt.Errorf("forget the pending calls of run %s: %w", run, err)
	}
	return nil
}

// Pending returns the calls that a run waits for, without their messages, in the order of paper, system,
// evaluator, stage, file, sample and key.
func (l *Ledger) Pending(ctx context.Context, run string) ([]*Call, error) {
	rows, err := l.queries.Pending(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the pending calls of run %s: %w", run, explain(l.path, err))
	}
	calls := make([]*Call, len(rows))
	for i, row := range rows {
		calls[i] = request(row.Request, row.Model)
	}
	return calls, nil
}

// PendingCall returns a call that some run waits for, without its messages. The error wraps [ErrNotFound]
// where no run does.
func (l *Ledger) PendingCall(ctx context.Context, key string) (*Call, error) {
	binary, ok := binaryKey(key)
	if !ok {
		return nil, fmt.Errorf("pending call %s: %w", key, ErrNotFound)
	}
	row, err := l.queries.PendingCall(ctx, binary)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("pending call %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read pending call %s: %w", key, explain(l.path, err))
	}
	return request(row.Request, row.Model), nil
}
