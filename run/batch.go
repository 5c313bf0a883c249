package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

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

// batchStore keeps calls that are in batches in the ledger, as calls that wait for their answer, and counts what they
// cost: in the place of what the budget has reserved, or, without one, for a budget that is set later.
type batchStore struct{ run *Run }

var _ batch.Store = (*batchStore)(nil)

// Reserve lets a request through that fits the budget.
func (s *batchStore) Reserve(ctx context.Context, req *llm.Request) ([]int64, error) {
	if s.run.budget == nil {
		return nil, nil
	}
	return s.run.budget.ReserveUnsent(ctx, req)
}

// Waits tells whether any call waits for the budget.
func (s *batchStore) Waits() bool { return s.run.budget != nil && s.run.budget.Waits() }

// Release gives back what was reserved.
func (s *batchStore) Release(ctx context.Context, reserved []int64) error {
	var group errgroup.Group
	group.SetLimit(64) // those that share commits
	for _, id := range reserved {
		group.Go(func() error { return s.settle(ctx, id, 0) })
	}
	return group.Wait()
}

// TakeOver makes reservations of a dead process those of this one.
func (s *batchStore) TakeOver(ctx context.Context, reserved []int64) (open []int64, err error) {
	left, err := s.run.Ledger.Reservations(ctx, s.run.id)
	if err != nil {
		return nil, &LedgerError{err}
	}
	wanted := map[int64]bool{}
	for _, id := range reserved {
		wanted[id] = true
	}
	for _, r := range left {
		if !wanted[r.ID] {
			continue
		}
		open = append(open, r.ID)
		if s.run.account != nil {
			s.run.account.takeOver(r)
		}
	}
	return open, nil
}

func (s *batchStore) settle(ctx context.Context, id int64, spent llm.Dollars) error {
	if s.run.budget != nil {
		return s.run.budget.Settle(ctx, id, spent)
	}
	return failure(ctx, s.run.Ledger.Settle(ctx, id, int64(spent)))
}

// Asked records a call without an answer.
func (s *batchStore) Asked(ctx context.Context, req *llm.Request, index int, reserved int64) error {
	err := s.run.Ledger.PutPending(ctx, s.run.id, newCall(req, index, llm.Key(req, index)))
	if err == nil && reserved > 0 {
		err = s.run.Ledger.Sending(ctx, reserved)
	}
	return failure(ctx, err)
}

// Request reads such a call.
func (s *batchStore) Request(ctx context.Context, key string) (*llm.Request, error) {
	call, err := s.run.Ledger.Asked(ctx, key)
	if err == nil {
		call.Messages, err = s.run.Ledger.Messages(ctx, key)
	}
	if errors.Is(err, ledger.ErrNotFound) || errors.As(err, new(*ledger.DamagedError)) {
		return nil, fmt.Errorf("%w: %w", llm.ErrUnknown, err)
	}
	if err != nil {
		return nil, &LedgerError{err}
	}
	req, err := request(call)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", key, err)
	}
	req.Label.Run = s.run.id
	return req, nil
}

// Answered records an answer.
func (s *batchStore) Answered(ctx context.Context, req *llm.Request, sample *llm.Sample, started time.Time, reserved int64) error {
	known := false // because an earlier process has taken it in
	if reserved == 0 {
		_, err := s.run.Ledger.Call(ctx, sample.Key)
		known = err == nil
	}
	call, err := s.run.Ledger.Asked(ctx, sample.Key)
	if errors.Is(err, ledger.ErrNotFound) { // it was pruned meanwhile
		call, err = newCall(req, sample.Index, sample.Key), nil
	}
	if err == nil {
		fill(call, sample, started)
		err = s.run.Ledger.PutCall(ctx, call)
	}
	if err != nil {
		return &LedgerError{err}
	}
	if known {
		return nil
	}
	return s.count(ctx, req, *sample, reserved)
}

// Failed counts what came to nothing.
func (s *batchStore) Failed(ctx context.Context, req *llm.Request, e *llm.Error, reserved int64, awaited bool) error {
	if !awaited && reserved != batch.Settled && e.Usage != (llm.Usage{}) {
		s.run.wasted(ctx, req, e)
	}
	return s.count(ctx, req, llm.Sample{Err: e}, reserved)
}

// count counts what a sample cost.
func (s *batchStore) count(ctx context.Context, req *llm.Request, sample llm.Sample, reserved int64) error {
	spent, ok := s.run.prices().Spent(req, &llm.Response{Samples: []llm.Sample{sample}}, nil)
	switch {
	case reserved == batch.Settled:
		return nil
	case reserved > 0 && ok:
		return s.settle(ctx, reserved, spent)
	case reserved > 0: // nobody knows: the worst case is spent
		if s.run.account == nil {
			return nil
		}
		return s.settle(ctx, reserved, s.run.account.tookOver(reserved))
	case spent > 0:
		if err := s.run.Ledger.Charge(ctx, s.run.id, int64(spent)); err != nil {
			return &LedgerError{err}
		}
	}
	return nil
}
