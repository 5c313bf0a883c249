package run_test

import (
	"context"
	"errors"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/batch"
	"papereval/llm/openai"
	"papereval/llm/sim"
	"papereval/reports/recorded"
	"papereval/run"
)

// newBatchEndpoint is an endpoint whose batches take so long.
func newBatchEndpoint(t *testing.T, delay time.Duration) *endpoint {
	e := &endpoint{Server: sim.New(sim.Options{BatchDelay: delay}, sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		return usual(req.Messages[len(req.Messages)-1].Content), true
	}))}
	server := httptest.NewServer(e.Server)
	t.Cleanup(server.Close)
	e.url = server.URL + "/v1"
	return e
}

// inBatches has a run's calls answered in batches.
func inBatches(r *run.Run) *run.Run {
	r.Batch = &batch.Options{Settle: 50 * time.Millisecond, Endpoints: map[string]func(context.Context) (*openai.Client, error){}}
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
	e := newBatchEndpoint(t, 10*time.Millisecond)
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

// spentBy is what a run has spent; nothing may be set aside any more.
func spentBy(t *testing.T, r *run.Run) llm.Dollars {
	t.Helper()
	spent, lost, err := r.Spent(t.Context())
	if err != nil || lost != 0 {
		t.Errorf("%s spent, %s set aside, %v", spent, lost, err)
	}
	return spent
}

// A run in batches ends at its budget in order, and goes on with a higher one: what fits goes into the wave.
func TestBatchesUnderABudget(t *testing.T) {
	e := newBatchEndpoint(t, 10*time.Millisecond)
	workspace, files := t.TempDir(), papers("a", "b")
	start := func(budget float64) *run.Run {
		return inBatches(pricedAs(newRun(t, e, workspace, files, "a", "b"), budget))
	}
	// One call has a worst case of 32,768 tokens at the full price, $0.144, of which it needs few.
	var over *llm.OverBudget
	r := start(0.1)
	if totals, err := r.Execute(t.Context()); !errors.As(err, &over) || totals.Sent != 0 || r.Waves() != 0 {
		t.Errorf("%v, %+v", err, totals)
	}
	r = start(0.3)
	totals, err := r.Execute(t.Context())
	if spent := spentBy(t, r); !errors.As(err, &over) && err != nil || totals.Sent == 0 || spent > *r.Budget || totals.Failed+totals.JudgesFailed != 0 {
		t.Errorf("%v, %+v, %s spent", err, totals, spent)
	}
	r = start(5)
	execute(t, r)
	whole := pricedAs(newRun(t, newBatchEndpoint(t, 10*time.Millisecond), t.TempDir(), files, "a", "b"), -1)
	execute(t, inBatches(whole))
	if a, b := spentBy(t, r), spentBy(t, whole); a != b || e.Requests() != 0 {
		t.Errorf("%s spent in parts, %s at once; %d asked for singly", a, b, e.Requests())
	}
}

// A run that is interrupted while a batch is under way finds what is reserved for its calls, which would not fit twice.
func TestWhatABatchHasReservedIsTakenOver(t *testing.T) {
	e := newBatchEndpoint(t, time.Second)
	workspace, files := t.TempDir(), papers("a", "b", "c")
	start := func() *run.Run {
		return inBatches(pricedAs(newRun(t, e, workspace, files, "a", "b", "c"), 3*0.146))
	}
	r := start()
	ctx, cancel := context.WithCancel(t.Context())
	r.Events = func(e run.Event) {
		if e.What == run.BatchWaits {
			cancel()
		}
	}
	if totals, err := r.Execute(ctx); !errors.Is(err, context.Canceled) || len(r.OpenBatches()) != 1 {
		t.Fatalf("%v, %+v, %v", err, totals, r.OpenBatches())
	}
	if spent, open, err := r.Spent(t.Context()); err != nil || spent != 0 || open < llm.USD(3*0.144) {
		t.Errorf("%s spent, %s reserved, %v", spent, open, err)
	}
	again := start()
	totals, err := again.Execute(t.Context())
	if errors.As(err, new(*llm.OverBudget)) {
		t.Fatalf("%+v, %v", totals, err)
	}
	if spent := spentBy(t, again); err != nil || spent == 0 || totals.Failed+totals.JudgesFailed != 0 {
		t.Errorf("%+v, %v, %s spent", totals, err, spent)
	}
}
