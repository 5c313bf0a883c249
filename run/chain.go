package run

import (
	"context"
	"fmt"

	"papereval/llm"
	"papereval/llm/recording"
)

// client puts everything around the endpoints that a call passes on its way, in this order:
//
//	record     every request and answer of the run, those from the ledger too
//	observe    for the display
//	retry      what failed for a passing reason; what was answered beside it is kept at once
//	remember   never pay twice
//	waste      what failed tries cost counts, too
//	wrap       Run.Wrap
//	batch      with Run.Batch: batches, into which the budget lets calls, too; what is below is for those sent singly
//	pace       calls in flight, as many as the endpoint takes; one that waits for its next try is none
//	spending   the budget; below pace, so that nothing is reserved for a call that is not sent
//	endpoint   by the model's endpoint
func (r *Run) client() llm.Client {
	c := llm.Client(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		endpoint, ok := r.Endpoints[req.Model.Endpoint]
		if !ok {
			return nil, fmt.Errorf("run: nothing answers for the endpoint %s", req.Model.Endpoint)
		}
		return endpoint.Complete(ctx, req)
	}))
	c = r.spending(c)
	pace := llm.Pace(c, llm.PaceOptions{Max: r.Concurrency, RPM: r.RPM, TPM: r.TPM})
	r.mu.Lock()
	r.pace = pace
	r.mu.Unlock()
	c = pace
	if r.Batch != nil {
		c = r.inBatches(c)
	}
	if r.Wrap != nil {
		c = r.Wrap(c)
	}
	c = llm.Waste(c, r.wasted)
	c = llm.Remember(c, &store{ledger: r.Ledger, run: r.id, model: r.Config.Model.LLM().String(), damage: r.Damage})
	c = llm.Retry(c, func(l llm.Label, w llm.Wait) {
		r.Events(Event{Cell: cellOf(l), What: CallWaits, Label: l, Wait: w.For, Err: w.Err})
	})
	if r.sender != nil {
		c = r.sender.Watch(c)
	}
	c = r.observe(c)
	if r.Record != nil {
		c = recording.Record(c, r.Record)
	}
	return c
}

// Pace tells how fast each model is asked, for display. It may be called at any time.
func (r *Run) Pace() []llm.PaceStats {
	r.mu.Lock()
	pace := r.pace
	r.mu.Unlock()
	if pace == nil {
		return nil
	}
	return pace.Stats()
}

// observe tells of every call, and counts those that were sent.
func (r *Run) observe(next llm.Client) llm.Client {
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		e := Event{Cell: cellOf(req.Label), What: CallStarted, Label: req.Label, Samples: req.Count()}
		r.Events(e)
		resp, err := next.Complete(ctx, req)
		e.What, e.Err, e.Samples = CallDone, err, 0
		if err == nil {
			for _, s := range resp.Samples {
				switch {
				case s.Err != nil:
					e.Err = s.Err
					continue
				case s.Known:
					e.Known++
				default:
					e.Usage = e.Usage.Add(s.Usage)
					usd, unpriced := r.cost(req, s.Usage, s.Batched)
					e.CostUSD += usd
					e.Unpriced += unpriced
				}
				e.Samples++
			}
		}
		r.count(e)
		r.Events(e)
		return resp, err
	})
}

func cellOf(l llm.Label) Cell { return Cell{l.Paper, l.System, l.Seed} }

// unanswered returns an endpoint that answers nothing, and tells pending of every sample that it was asked for: so
// the calls of a run that have no answer yet are found.
func unanswered(pending func(context.Context, *llm.Request) error) llm.Client {
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		if err := pending(ctx, req); err != nil {
			return nil, err
		}
		resp := &llm.Response{Samples: make([]llm.Sample, req.Count())}
		for i := range resp.Samples {
			resp.Samples[i] = llm.Sample{Index: req.First + i, Err: &llm.Error{Kind: llm.Unanswered, Model: req.Model.String(), Message: req.Label.String()}}
		}
		return resp, nil
	})
}
