package run_test

import (
	"errors"
	"net/http"
	"testing"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/sim"
	"papereval/run"
)

// pricedAs lets a run's calls cost what o3-mini's do, with answers of at most 200 tokens.
func pricedAs(r *run.Run, budget float64) *run.Run {
	prices := *llm.Catalogue()
	info, _ := prices.Find("o3-mini")
	prices.Models = map[string]llm.ModelInfo{"m": info}
	r.Prices = &prices
	if budget >= 0 {
		limit := llm.USD(budget)
		r.Budget = &limit
	}
	return r
}

// A run ends at its budget in order, whoever asks, and goes on with a higher one: what earlier executions spent
// counts, also those without a budget.
func TestRunEndsAtItsBudget(t *testing.T) {
	e := newEndpoint(t, usual)
	workspace := t.TempDir()
	files := papers("a", "b", "c", "d")
	start := func(budget float64) (*run.Run, run.Totals, error) {
		r := pricedAs(newRun(t, e, workspace, files, "a", "b", "c", "d"), budget)
		totals, err := r.Execute(t.Context())
		return r, totals, err
	}
	spent := func(r *run.Run) llm.Dollars {
		s, lost, err := r.Spent(t.Context())
		if err != nil || lost != 0 {
			t.Fatal(s, lost, err)
		}
		return s
	}
	var over *llm.OverBudget
	r, totals, err := start(0.001)
	if !errors.As(err, &over) || totals.Sent != 0 || e.Requests() != 0 {
		t.Fatalf("%v, %+v", err, totals)
	}
	// One call has a worst case of 32,768 tokens, $0.144, of which it needs few.
	before := e.Requests()
	for _, budget := range []float64{0.146, 0.147, 0.148} {
		r, totals, err = start(budget)
		if err == nil {
			break
		}
		if !errors.As(err, &over) || totals.Failed != 0 || totals.JudgesFailed != 0 {
			t.Fatalf("%v, %+v", err, totals)
		}
		if got := spent(r); got > *r.Budget || got < *r.Budget-over.Worst {
			t.Errorf("%s spent of %s, the next call may cost %s", got, *r.Budget, over.Worst)
		}
		cells, err := r.Ledger.Cells(t.Context(), r.Config.ID())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			if c.State != ledger.Done && c.State != ledger.Running {
				t.Errorf("%+v", c)
			}
		}
	}
	if e.Requests() == before {
		t.Error("nothing was asked for")
	}
	earlier := spent(r)
	r, totals, err = start(-1)
	if err != nil || totals.Failed+totals.JudgesFailed != 0 {
		t.Fatalf("%v, %+v", err, totals)
	}
	if got := spent(r); totals.Sent > 0 && got <= earlier {
		t.Errorf("%s spent before, %s after an execution without a budget", earlier, got)
	}
	whole := pricedAs(newRun(t, newEndpoint(t, usual), t.TempDir(), files, "a", "b", "c", "d"), -1)
	execute(t, whole)
	if spent(whole) != spent(r) {
		t.Errorf("%s spent in parts, %s at once", spent(r), spent(whole))
	}
	// All is known: a budget of nothing is enough.
	if _, totals, err = start(0); err != nil || totals.Sent != 0 {
		t.Errorf("%v, %+v", err, totals)
	}
}

func TestFailedTriesAreInTheLedger(t *testing.T) {
	e := newEndpoint(t, usual)
	e.Faults = func(n int, _ *http.Request) sim.Fault { return sim.Fault{Empty: n == 0} }
	r := pricedAs(newRun(t, e, t.TempDir(), papers("p"), "p"), 5)
	totals := execute(t, r)
	waste, err := r.Ledger.Wasted(t.Context(), r.Config.ID())
	if err != nil || len(waste) != 1 || waste[0].Tries != 1 || waste[0].Prompt == 0 || waste[0].Kind != string(llm.Empty) || waste[0].Source != string(llm.Live) {
		t.Errorf("%+v, %v", waste, err)
	}
	if w := totals.Wasted; w.Tries != 1 || w.Usage.Prompt != waste[0].Prompt || w.CostUSD <= 0 || totals.CostUSD <= w.CostUSD || totals.Unpriced != 0 {
		t.Errorf("%+v", totals)
	}
	spent, _, err := r.Spent(t.Context())
	if diff := spent.USD() - totals.CostUSD; err != nil || diff < 0 || diff > 1e-6 {
		t.Errorf("%s in the ledger, %v shown, %v", spent, totals.CostUSD, err)
	}
}

func TestAnUnknownPriceIsNotNothing(t *testing.T) {
	r := newRun(t, newEndpoint(t, usual), t.TempDir(), papers("p"), "p")
	if totals := execute(t, r); totals.CostUSD != 0 || totals.Unpriced != totals.Sent || totals.Sent == 0 {
		t.Errorf("%+v", totals)
	}
}

func TestEstimate(t *testing.T) {
	r := pricedAs(newRun(t, newEndpoint(t, usual), t.TempDir(), papers("p", "q"), "p", "q"), -1)
	estimate := func() (calls, known int, usd float64) {
		e, err := r.Estimate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range e.Rows {
			known += row.Known
			if (row.Calls == 0) != (row.Usage == llm.Usage{}) {
				t.Errorf("%+v", row)
			}
		}
		calls, _, usd, ok := e.Total()
		if !ok {
			t.Error("the cost is unknown")
		}
		return calls, known, usd
	}
	// Per paper one call writes and two samples judge without a reference; refbased is skipped.
	if calls, known, usd := estimate(); calls != 6 || known != 0 || usd < 2*7590*4.4e-6 || usd > 1 {
		t.Errorf("%d calls, %d known, $%v", calls, known, usd)
	}
	execute(t, r)
	if calls, known, usd := estimate(); calls != 0 || known != 6 || usd != 0 {
		t.Errorf("after the run: %d calls, %d known, $%v", calls, known, usd)
	}
	r.Prices = nil
	r.Config.Seeds = []int{5}
	e, err := r.Estimate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, usd, ok := e.Total(); ok || usd != 0 {
		t.Errorf("an unknown price: $%v", usd)
	}
}
