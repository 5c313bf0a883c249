package run

import (
	"cmp"
	"context"
	"errors"
	"time"

	"papereval/ledger"
	"papereval/llm"
)

// prices are those that costs are counted by.
func (r *Run) prices() *llm.Models { return cmp.Or(r.Prices, llm.Catalogue()) }

// spending puts the budget around the endpoints. Where there is none, what is spent is only counted, for one that is
// set when the run is continued.
func (r *Run) spending(next llm.Client) llm.Client {
	if r.account != nil {
		r.budget = llm.Budget(next, r.prices(), r.account, func(over *llm.OverBudget) {
			r.Events(Event{Cell: cellOf(over.Label), What: CallWaits, Label: over.Label, Err: over})
		})
		return r.budget
	}
	r.budget = nil
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		resp, err := next.Complete(ctx, req)
		if spent, ok := r.prices().Spent(req, resp, err); ok && spent > 0 {
			if err := r.Ledger.Charge(ctx, r.id, int64(spent)); err != nil {
				return nil, &LedgerError{err}
			}
		}
		return resp, err
	})
}

// noteOverBudget keeps for each cell that a call of it was over budget: a judge takes any error of a call for one of
// its samples.
func (r *Run) noteOverBudget(next llm.Client) llm.Client {
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		resp, err := next.Complete(ctx, req)
		note := func(err error) {
			var over *llm.OverBudget
			if errors.As(err, &over) {
				r.mu.Lock()
				r.over[cellOf(req.Label)] = over
				r.firstOver = cmp.Or(r.firstOver, over)
				r.mu.Unlock()
			}
		}
		if note(err); err == nil {
			for _, s := range resp.Samples {
				note(s.Err)
			}
		}
		return resp, err
	})
}

// overBudget returns why a cell cannot be finished, or nil.
func (r *Run) overBudget(c Cell) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if over := r.over[c]; over != nil {
		return over
	}
	return nil
}

// full tells whether the budget is reached.
func (r *Run) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.firstOver != nil
}

// stopped returns why no further cell is begun, or nil; what is spent is what it comes to when the last call has
// ended.
func (r *Run) stopped(ctx context.Context) error {
	r.mu.Lock()
	first := r.firstOver
	r.mu.Unlock()
	if first == nil {
		return nil
	}
	over := *first
	if spent, lost, err := r.Spent(ctx); err == nil {
		over.Spent, over.Lost, over.InFlight = spent, lost, 0
	}
	return &over
}

// Spent is what the run has spent in all its executions, and what calls may have cost whose outcome is not known
// because bench was ended during them.
func (r *Run) Spent(ctx context.Context) (spent, lost llm.Dollars, err error) {
	settled, open, err := r.Ledger.Spent(ctx, r.Config.ID())
	return llm.Dollars(settled), llm.Dollars(open), err
}

// wasted counts what a failed try cost.
func (r *Run) wasted(ctx context.Context, req *llm.Request, failure *llm.Error) {
	u := failure.Usage
	e := Event{Usage: u}
	e.CostUSD, e.Unpriced = r.cost(req, u, failure.Batched)
	r.count(e)
	r.mu.Lock()
	r.totals.Wasted.Tries++
	r.totals.Wasted.Usage = r.totals.Wasted.Usage.Add(u)
	r.totals.Wasted.CostUSD += e.CostUSD
	r.mu.Unlock()
	source := llm.Live
	if req.Model.Endpoint == llm.SimulatedEndpoint {
		source = llm.Simulated
	}
	l := req.Label
	// A ledger that cannot be written fails whoever stores the next answer.
	_ = r.Ledger.PutWaste(ctx, ledger.Waste{Run: r.id, Paper: l.Paper, System: l.System, Evaluator: l.Evaluator, Stage: l.Stage,
		Model: req.Model.Name, Source: string(source), Kind: string(failure.Kind),
		Prompt: u.Prompt, Cached: u.Cached, Completion: u.Completion, Reasoning: u.Reasoning, Batched: failure.Batched, At: time.Now()})
	if r.Waste != nil {
		r.Waste(ctx, req, failure)
	}
}

// cost is what tokens cost in US dollars; unpriced is 1 where nobody knows.
func (r *Run) cost(req *llm.Request, u llm.Usage, batched bool) (usd float64, unpriced int) {
	usd, ok := r.prices().PriceOf(req.Model).Cost(u, batched)
	if !ok {
		return 0, 1
	}
	return usd, 0
}
