package run_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"papereval/llm"
	"papereval/llm/sim"
	"papereval/run"
)

// What Wrap puts into the chain sees every try and no answer that was there before; what a failed try cost is
// counted.
func TestWrapAndWaste(t *testing.T) {
	e := newEndpoint(t, usual)
	e.Faults = func(n int, _ *http.Request) sim.Fault { return sim.Fault{Empty: n == 0} }
	workspace := t.TempDir()
	var mu sync.Mutex
	var tries, wasted int
	execution := func() run.Totals {
		r := newRun(t, e, workspace, papers("p"), "p")
		r.Wrap = func(next llm.Client) llm.Client {
			return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
				mu.Lock()
				tries++
				mu.Unlock()
				return next.Complete(ctx, req)
			})
		}
		r.Waste = func(_ context.Context, _ *llm.Request, e *llm.Error) {
			mu.Lock()
			defer mu.Unlock()
			if wasted += e.Usage.Prompt + e.Usage.Completion; e.Kind != llm.Empty || e.Usage.Prompt == 0 {
				t.Errorf("%v: %+v", e, e.Usage)
			}
		}
		totals := execute(t, r)
		if stats := r.Pace(); len(stats) != 1 && tries > 0 && totals.Sent > 0 || len(stats) == 1 && stats[0].InFlight != 0 {
			t.Errorf("%+v", stats)
		}
		return totals
	}
	first := execution()
	if tries != e.Requests() || wasted == 0 || first.Failed != 0 {
		t.Errorf("%d tries of %d requests, %d tokens wasted, %+v", tries, e.Requests(), wasted, first)
	}
	e.Faults = nil
	before, paid := tries, wasted
	if again := execution(); again.Sent != 0 || tries != before || wasted != paid {
		t.Errorf("the second time %+v with %d tries", again, tries-before)
	}
	whole := newRun(t, newEndpoint(t, usual), t.TempDir(), papers("p"), "p")
	if u := execute(t, whole).Usage; first.Usage.Prompt+first.Usage.Completion != u.Prompt+u.Completion+paid {
		t.Errorf("used %+v, of which %d were wasted; without failures %+v", first.Usage, paid, u)
	}
}
