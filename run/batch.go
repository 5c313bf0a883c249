package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/batch"
)

// BatchesDir is the folder, below a run's, of its batches that are under way.
const BatchesDir = "batches"

// inBatches puts batches before what answers singly.
func (r *Run) inBatches(single llm.Client) llm.Client {
	o := *r.Batch
	o.Run, o.Dir, o.Live = r.id, filepath.Join(r.Dir(), BatchesDir), single
	o.Store = &batchStore{r}
	notify := o.Notify
	o.Notify = func(e batch.Event) {
		r.Events(Event{What: BatchWaits, Batch: &e})
		if notify != nil {
			notify(e)
		}
	}
	o.Fail = func(err error) { r.failed(err) }
	r.sender = batch.NewSender(o)
	return r.sender
}

// batching does the run's work, with its batches looked after meanwhile.
func (r *Run) batching(ctx context.Context, work func(context.Context) error) error {
	if r.sender == nil {
		return work(ctx)
	}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.failed = cancel // before anything is sent
	if err := r.sender.Start(own); err != nil {
		return err
	}
	err := work(own)
	r.sender.Close()
	var failed *batch.FailedError
	if ctx.Err() == nil && errors.As(context.Cause(own), &failed) {
		return failed
	}
	if cause := context.Cause(own); ctx.Err() == nil && cause != nil {
		return cause
	}
	return err
}

// OpenBatches are the batches that go on at the endpoint; the run picks them up when it is executed again.
func (r *Run) OpenBatches() []batch.Event {
	if r.sender == nil {
		return nil
	}
	return r.sender.Open()
}

// Waves is how many waves of batches the run has sent.
func (r *Run) Waves() int {
	if r.sender == nil {
		return 0
	}
	return r.sender.Waves()
}

// working says that a cell is worked on, until done is called.
func (r *Run) working(ctx context.Context) (worked context.Context, done func()) {
	if r.sender == nil {
		return ctx, func() {}
	}
	return r.sender.Work(ctx)
}

// cellsAtOnce is how many cells are worked on at a time: all of them where each wave takes hours.
func (r *Run) cellsAtOnce() int {
	if r.sender != nil {
		return -1
	}
	return max(r.Concurrency, 1)
}

// batchStore keeps calls that are in batches in the ledger, as calls that wait for their answer.
type batchStore struct{ run *Run }

var _ batch.Store = (*batchStore)(nil)

// Asked records a call without an answer.
func (s *batchStore) Asked(ctx context.Context, req *llm.Request, index int) error {
	if err := s.run.Ledger.PutPending(ctx, s.run.id, newCall(req, index, llm.Key(req, index))); err != nil {
		return &LedgerError{err}
	}
	return nil
}

// Answered records the answer to such a call.
func (s *batchStore) Answered(ctx context.Context, sample *llm.Sample, started time.Time, awaited bool) error {
	call, err := s.run.Ledger.Asked(ctx, sample.Key)
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("%w: %w", llm.ErrUnknown, err)
	}
	if err != nil {
		return &LedgerError{err}
	}
	fill(call, sample, started)
	if err := s.run.Ledger.PutCall(ctx, call); err != nil {
		return &LedgerError{err}
	}
	if awaited {
		return nil
	}
	var p params // nobody else counts what it did cost
	if err := json.Unmarshal([]byte(call.Params), &p); err != nil {
		return fmt.Errorf("call %s: %w", call.Key, err)
	}
	req := &llm.Request{Model: p.Model}
	if spent, ok := s.run.prices().Spent(req, &llm.Response{Samples: []llm.Sample{*sample}}, nil); ok && spent > 0 {
		if err := s.run.Ledger.Charge(ctx, s.run.id, int64(spent)); err != nil {
			return &LedgerError{err}
		}
	}
	return nil
}
