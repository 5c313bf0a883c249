package ledger

import (
	"context"

	"papereval/ledger/db"
)

// maxBatch is how many writes may share one transaction.
const maxBatch = 256

// A write is one change, made with others in a transaction. do may be called again after a rollback, so it
// changes nothing but the database. done is told, once, how it ended.
type write struct {
	do   func(ctx context.Context, q *db.Queries) error
	done func(error)
}

// writer makes the queued changes until the queue is closed. A commit waits for the disk, so everything that
// is waiting when one begins shares it (group commit).
func (l *Ledger) writer() {
	defer close(l.stopped)
	// What is queued was paid for: no caller's cancellation takes it back.
	ctx := context.Background()
	batch := make([]write, 0, maxBatch)
	for w := range l.queue {
		batch = append(batch[:0], w)
		for waiting := true; waiting && len(batch) < maxBatch; {
			select {
			case w, ok := <-l.queue:
				if ok {
					batch = append(batch, w)
				}
				waiting = ok
			default:
				waiting = false
			}
		}
		if refused, err := l.commit(ctx, batch); !refused || len(batch) == 1 {
			for _, w := range batch {
				w.done(err)
			}
			continue
		}
		// One change was refused: made one by one, it does not cost the others.
		for i := range batch {
			_, err := l.commit(ctx, batch[i:i+1])
			batch[i].done(err)
		}
	}
}

// commit makes the changes of a batch in one transaction. refused is true where one of the changes failed
// and not the transaction itself.
func (l *Ledger) commit(ctx context.Context, batch []write) (refused bool, err error) {
	tx, err := l.sql.BeginTx(ctx, nil)
	if err != nil {
		return false, explain(l.path, err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after a commit
	q := l.queries.WithTx(tx)
	for _, w := range batch {
		if err := w.do(ctx, q); err != nil {
			return true, explain(l.path, err)
		}
	}
	return false, explain(l.path, tx.Commit())
}

// put makes one change and returns when it is on the disk. The context only ends the wait for a place in
// the queue.
func (l *Ledger) put(ctx context.Context, do func(context.Context, *db.Queries) error) error {
	result := make(chan error, 1)
	if err := l.enqueue(ctx, write{do, func(err error) { result <- err }}); err != nil {
		return err
	}
	return <-result
}

func (l *Ledger) enqueue(ctx context.Context, w write) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return explain(l.path, ErrClosed)
	}
	select {
	case l.queue <- w: // also when the context has ended: there is nothing to wait for
		return nil
	default:
	}
	select {
	case l.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
