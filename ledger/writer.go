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

// writer makes the queued changes until the queues are closed. A commit waits for the disk, so everything that
// is waiting when one begins shares it (group commit). Urgent changes, which are few and small, go first and by
// themselves: they wait for no more than the commit that is under way.
func (l *Ledger) writer() {
	defer close(l.stopped)
	urgent, queue := l.urgent, l.queue
	batch := make([]write, 0, maxBatch)
	for {
		batch = waiting(batch[:0], &urgent)
		l.makeAll(batch)
		urgents := len(batch)
		batch = waiting(batch[:0], &queue)
		l.makeAll(batch)
		if urgents+len(batch) > 0 {
			continue
		}
		if urgent == nil && queue == nil {
			return
		}
		select {
		case w, ok := <-urgent:
			if ok {
				l.makeAll(waiting(append(batch, w), &urgent))
			}
		case w, ok := <-queue:
			if ok {
				l.makeAll(waiting(append(batch, w), &queue))
			}
		}
	}
}

// waiting adds what is in a queue to a batch; a queue that is closed becomes nil.
func waiting(batch []write, queue *chan write) []write {
	for len(batch) < maxBatch {
		select {
		case w, ok := <-*queue:
			if !ok {
				*queue = nil
				return batch
			}
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// makeAll makes the changes of a batch and tells how it went.
func (l *Ledger) makeAll(batch []write) {
	if len(batch) == 0 {
		return
	}
	defer func() {
		if l.packer.due() {
			go l.packSmall()
		}
	}()
	// What is queued was paid for: no caller's cancellation takes it back.
	ctx := context.Background()
	refused, err := l.commit(ctx, batch)
	if !refused || len(batch) == 1 {
		for _, w := range batch {
			w.done(err)
		}
		return
	}
	// One change was refused: made one by one, it does not cost the others.
	for i := range batch {
		_, err := l.commit(ctx, batch[i:i+1])
		batch[i].done(err)
	}
}

// commit makes the changes of a batch in one transaction. refused is true where one of the changes failed
// and not the transaction itself.
func (l *Ledger) commit(ctx context.Context, batch []write) (refused bool, err error) {
	tx, err := l.writing.BeginTx(ctx, nil)
	if err != nil {
		return false, explain(l.path, err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after a commit
	q := l.changes.WithTx(tx)
	prunes, err := q.Prunes(ctx)
	if err != nil {
		return false, explain(l.path, err)
	}
	if prunes != l.prunes { // some of what was known may be gone
		l.prunes = prunes
		l.chunks.clear()
		l.models.clear()
	}
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

// putThen is put; then is called by the writer, before it makes further changes, when the change is on the disk.
func (l *Ledger) putThen(ctx context.Context, do func(context.Context, *db.Queries) error, then func()) error {
	result := make(chan error, 1)
	w := write{do, func(err error) {
		if err == nil {
			then()
		}
		result <- err
	}}
	if err := l.enqueue(ctx, w); err != nil {
		return err
	}
	return <-result
}

// putUrgent is put for a change that others wait for with their work.
func (l *Ledger) putUrgent(ctx context.Context, do func(context.Context, *db.Queries) error) error {
	result := make(chan error, 1)
	if err := l.enqueueIn(ctx, l.urgent, write{do, func(err error) { result <- err }}); err != nil {
		return err
	}
	return <-result
}

func (l *Ledger) enqueue(ctx context.Context, w write) error { return l.enqueueIn(ctx, l.queue, w) }

func (l *Ledger) enqueueIn(ctx context.Context, queue chan<- write, w write) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return explain(l.path, ErrClosed)
	}
	select {
	case queue <- w: // also when the context has ended: there is nothing to wait for
		return nil
	default:
	}
	select {
	case queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
