package llm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Account is where a budget is kept, which several processes may share. It is safe for concurrent use.
type Account interface {
	// Reserve sets the worst case of a call aside, so that it counts as spent until Settle replaces it by what
	// the call did cost. Where it does not fit, the error is an [*OverBudget] and nothing changes.
	Reserve(ctx context.Context, worst Dollars) (id int64, err error)
	// ReserveUnsent is Reserve for a call that is not sent yet, in equal parts, at least 1, that are settled one by one.
	ReserveUnsent(ctx context.Context, worst Dollars, parts int) (ids []int64, err error)
	// Settle ends a reservation, also where ctx has ended.
	Settle(ctx context.Context, id int64, spent Dollars) error
}

// OverBudget is a call that may cost more than what is left of a budget.
type OverBudget struct {
	Cap      Dollars
	Spent    Dollars // what calls did cost, or may have cost where nobody knows
	Lost     Dollars // reserved by processes that ended before they could settle: it may have been spent
	InFlight Dollars // reserved for calls under way: some of it may become free
	Worst    Dollars // what the call may cost
	Label    Label   // says what it is for
	// Elsewhere is true where a part of InFlight is another process's, whose settling nobody tells of.
	Elsewhere bool
}

// Enough is the smallest budget in whole cents with which the call would have been let through.
func (e *OverBudget) Enough() Dollars {
	const cent = 1e7
	return (e.Spent + e.Lost + e.InFlight + e.Worst + cent - 1) / cent * cent
}

func (e *OverBudget) Error() string {
	s := fmt.Sprintf("the budget of %s is reached: %s spent", e.Cap, e.Spent)
	if e.Lost > 0 {
		s += fmt.Sprintf(", %s set aside for calls that were under way when bench was ended and may have been charged", e.Lost)
	}
	if e.InFlight > 0 {
		s += fmt.Sprintf(", %s reserved for calls under way", e.InFlight)
	}
	s += fmt.Sprintf("; the next call (%s) may cost up to %s", e.Label, e.Worst)
	return s + fmt.Sprintf("; what was answered is kept, and the same command with --budget %.2f or more continues", e.Enough().USD())
}

// UnpricedError is a call under a budget to a model whose price is not known.
type UnpricedError struct{ Model string }

func (e *UnpricedError) Error() string {
	return fmt.Sprintf("the price of the model %s is not known, so no budget can be kept: give it in a file with --prices FILE (%s)", e.Model, pricesForm)
}

// elsewhere is how often it is looked whether another process has settled what keeps a call waiting. Within a
// process nobody looks: whoever settles tells.
const elsewhere = time.Second

// Budget returns a client that lets a call through only where its worst case (see [Models.Worst]) fits what is left
// of an account, counting the calls in flight. A call that does not fit now, but may when calls in flight are
// settled, waits for them; who comes first is served first. When one does not fit with nothing in flight, it and all
// that come after it end with an [*OverBudget], which [Retry] does not repeat; calls in flight end as usual.
//
// After an answer or a failed try the reservation is settled with what it did cost: see [Models.Spent].
//
// notify, unless nil, is told when a call waits. The client belongs directly above the endpoint, so that nothing is
// reserved for a call that is not sent. Calls that cost nothing pass.
func Budget(next Client, prices *Models, account Account, notify func(*OverBudget)) *Budgeter {
	if notify == nil {
		notify = func(*OverBudget) {}
	}
	return &Budgeter{next: next, prices: prices, account: account, notify: notify,
		turn: make(chan struct{}, 1), settled: make(chan struct{})}
}

// Budgeter is what [Budget] returns.
type Budgeter struct {
	next    Client
	prices  *Models
	account Account
	notify  func(*OverBudget)

	waiting atomic.Int64  // calls that wait, or are about to
	turn    chan struct{} // held by the one that waits for money; the others wait for it

	mu      sync.Mutex
	settled chan struct{} // closed and renewed when something was settled
	over    *OverBudget   // once the budget is reached
	broken  error         // once the account could not be settled
}

var _ Client = (*Budgeter)(nil)

// Complete asks when the budget lets it.
func (b *Budgeter) Complete(ctx context.Context, req *Request) (resp *Response, err error) {
	price := b.prices.PriceOf(req.Model)
	if !price.Known {
		return nil, &UnpricedError{req.Model.Name}
	}
	if price.Free() {
		return b.next.Complete(ctx, req)
	}
	worst := b.prices.worst(req, price)
	var id int64
	err = b.reserve(ctx, req, worst, func() (err error) {
		id, err = b.account.Reserve(ctx, worst)
		return err
	})
	if err != nil {
		return nil, err
	}
	spent := worst // where next panics
	defer func() { b.settle(ctx, id, spent) }()
	resp, err = b.next.Complete(ctx, req)
	spent = b.prices.spent(req, price, worst, resp, err)
	return resp, err
}

// ReserveUnsent lets a request through as Complete does, for whoever has it answered in another way. It returns a
// reservation for each sample, to be settled with [Budgeter.Settle]; none where the request costs nothing.
func (b *Budgeter) ReserveUnsent(ctx context.Context, req *Request) (ids []int64, err error) {
	price := b.prices.PriceOf(req.Model)
	if !price.Known {
		return nil, &UnpricedError{req.Model.Name}
	}
	if price.Free() {
		return nil, nil
	}
	worst := b.prices.worst(req, price)
	err = b.reserve(ctx, req, worst, func() (err error) {
		ids, err = b.account.ReserveUnsent(ctx, worst, req.Count())
		return err
	})
	return ids, err
}

func (b *Budgeter) reserve(ctx context.Context, req *Request, worst Dollars, reserve func() error) error {
	if b.waiting.Load() == 0 {
		over, _, err := b.try(req, worst, reserve)
		if over == nil || err != nil {
			return err
		}
	}
	b.waiting.Add(1)
	defer b.waiting.Add(-1)
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for told := false; ; {
		over, settled, err := b.try(req, worst, reserve)
		if over == nil || err != nil {
			return err
		}
		if !told {
			b.notify(over)
			told = true
		}
		var look <-chan time.Time
		if over.Elsewhere {
			look = time.After(elsewhere)
		}
		select {
		case <-settled:
		case <-look:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try reserves what a call may cost. Where it does not fit now, over says so, and settled is closed when that may
// have changed; an error is final.
func (b *Budgeter) try(req *Request, worst Dollars, reserve func() error) (over *OverBudget, settled <-chan struct{}, err error) {
	b.mu.Lock()
	settled = b.settled
	over, err = b.over, b.broken
	b.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	if over != nil {
		own := *over
		own.Worst, own.Label = worst, req.Label
		return nil, nil, &own
	}
	if err = reserve(); !errors.As(err, &over) {
		return nil, nil, err
	}
	over.Label = req.Label
	if over.InFlight > 0 && worst <= over.Cap-over.Spent-over.Lost {
		return over, settled, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over == nil {
		b.over = over
	}
	return nil, nil, over
}

func (b *Budgeter) settle(ctx context.Context, id int64, spent Dollars) {
	if err := b.Settle(ctx, id, spent); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.broken == nil {
			b.broken = fmt.Errorf("settling what a call of %s cost: %w", spent, err)
		}
	}
}

// Waits tells whether any call waits for what becomes free.
func (b *Budgeter) Waits() bool { return b.waiting.Load() > 0 }

// Settle ends a reservation, also where ctx has ended; calls that wait for what becomes free are let through.
func (b *Budgeter) Settle(ctx context.Context, id int64, spent Dollars) error {
	err := b.account.Settle(context.WithoutCancel(ctx), id, spent)
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.settled)
	b.settled = make(chan struct{})
	return err
}

// Worst is the most that all samples of a request can cost together; ok is false where the price is not known. The
// prompt is taken as not cached and, since samples may have to be asked for singly, counted once for each; each
// answer is taken as long as the endpoint is told to allow, see [MaxCompletion].
//
// For models of the built-in list, whose vocabulary is known, a prompt has the tokens that are counted and a tenth
// more, but no fewer than a fourth of its bytes, and 50 for each message. For others it has as many as bytes: no
// vocabulary in use has more.
func (m *Models) Worst(req *Request) (worst Dollars, ok bool) {
	price := m.PriceOf(req.Model)
	return m.worst(req, price), price.Known
}

func (m *Models) worst(req *Request, price Price) Dollars {
	prompt, completion := Ceiling(req)
	if _, known := Catalogue().Find(req.Model.Name); known {
		const message = 50
		counted := max(PromptTokens(req)*11/10, promptBytes(req)/4) + message*len(req.Messages)
		prompt = min(prompt, req.Count()*counted)
	}
	return USD((float64(prompt)*max(price.Input, price.Cached) + float64(completion)*price.Output) / 1e6)
}

// Spent is what a request did cost by its response or error; ok is false where the price is not known. What failed
// tries were charged counts. Where it is not known whether and what the endpoint charged, because the connection or
// the request ended before the answer did, the worst case is taken: an endpoint may go on writing an answer that
// nobody reads.
func (m *Models) Spent(req *Request, resp *Response, err error) (spent Dollars, ok bool) {
	price := m.PriceOf(req.Model)
	if !price.Known || price.Free() {
		return 0, price.Known
	}
	return m.spent(req, price, m.worst(req, price), resp, err), true
}

func (m *Models) spent(req *Request, price Price, worst Dollars, resp *Response, err error) Dollars {
	if err != nil {
		return failed(price, worst, err)
	}
	each := Dollars(math.Ceil(float64(worst) / float64(req.Count())))
	spent := Dollars(0)
	for _, s := range resp.Samples {
		if s.Err != nil {
			spent += failed(price, each, s.Err)
		} else {
			spent += charge(price, s.Usage, s.Batched)
		}
	}
	return spent
}

func failed(price Price, worst Dollars, err error) Dollars {
	var e *Error
	if !errors.As(err, &e) || e.Estimated {
		return worst
	}
	return charge(price, e.Usage, e.Batched)
}

func charge(price Price, u Usage, batched bool) Dollars {
	usd, _ := price.Cost(u, batched) // it is known
	return USD(usd)
}
