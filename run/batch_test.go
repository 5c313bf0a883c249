package run_test

import (
	"context"
	"math"
	"testing"

	"papereval/llm/batch"
	"papereval/llm/openai"
	"papereval/reports/recorded"
	"papereval/run"
)

// inBatches has a run's calls answered in batches.
func inBatches(r *run.Run) *run.Run {
	r.Batch = &batch.Options{Endpoints: map[string]func(context.Context) (*openai.Client, error){}}
	for name, client := range r.Endpoints {
		live, ok := client.(*openai.Client)
		if !ok {
			panic("no endpoint that takes batches")
		}
		r.Batch.Endpoints[name] = func(context.Context) (*openai.Client, error) { return live, nil }
	}
	return r
}

// What batches answer costs half wherever a cost is shown: while the run goes on, in the tables, in the budget and in
// the estimate.
func TestBatchesCostHalf(t *testing.T) {
	e := newEndpoint(t, usual)
	workspace, files := t.TempDir(), papers("p")
	files["references/p/main.py"] = files["p.md"]
	start := func() *run.Run { return inBatches(pricedAs(newRun(t, e, workspace, files, "p"), 5)) }
	r := start()
	estimate, err := r.Estimate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range estimate.Rows {
		want, _ := row.Price.Cost(row.Usage, false)
		if got, ok := row.CostUSD(); !ok || got != want/2 {
			t.Errorf("estimate: %v, %t, want half of %v", got, ok, want)
		}
	}
	totals := execute(t, r)
	if totals.Sent != 5 || e.Requests() != 0 {
		t.Fatalf("%+v, %d asked for singly", totals, e.Requests())
	}
	want, _ := r.Prices.Cost("m", totals.Usage, false)
	want /= 2
	loaded, err := recorded.Load(t.Context(), r.Ledger, r.Config.ID(), r.Prices)
	if err != nil {
		t.Fatal(err)
	}
	u := loaded.Cells[0].Usage
	for _, s := range loaded.Cells[0].Scores {
		u = u.Add(s.Usage)
	}
	spent, lost, err := r.Spent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]float64{"the last line": totals.CostUSD, "the tables": *u.CostUSD, "the budget": spent.USD()} {
		if math.Abs(got-want) > 1e-8 || want == 0 { // a budget rounds every call up
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if lost != 0 || len(loaded.Notes) != 1 {
		t.Errorf("%v set aside, notes %q", lost, loaded.Notes)
	}
	again := execute(t, start())
	if s, _, err := r.Spent(t.Context()); err != nil || s != spent || again.Sent != 0 || again.CostUSD != 0 {
		t.Errorf("once more: %s, %v, %+v", s, err, again)
	}
}
