package llm_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
)

// Five in a hundred of each fault in transport at once: whatever is returned is right, and what is not has a
// name. (Faults in content are for whoever reads the answers.)
func TestManyFaultsAtOnce(t *testing.T) {
	const calls = 1000
	options := sim.Options{Seed: 1, Rates: map[string]float64{}}
	for _, name := range []string{"rate429", "rate429after", "rate500", "rate502html", "timeout", "stall", "cut", "reset", "badjson", "empty", "wrongusage"} {
		options.Rates[name] = 0.05
	}
	answer := func(prompt string) string { return strings.Repeat("to "+prompt+". ", 100) }
	s := sim.New(options, sim.AnswererFunc(func(req *llm.Request) (string, bool) { return answer(req.Messages[0].Content), true }))
	server := httptest.NewServer(s)
	defer server.Close()
	client := openai.New(server.URL+"/v1", "", nil)
	client.Limits = openai.Limits{Answer: 10 * time.Second, First: 300 * time.Millisecond, Stall: 300 * time.Millisecond}
	shelf := newShelf()
	var mu sync.Mutex
	var wasted llm.Usage
	var c llm.Client = llm.Pace(client, llm.PaceOptions{Max: 64})
	c = llm.Waste(c, func(_ context.Context, _ *llm.Request, e *llm.Error) {
		mu.Lock()
		defer mu.Unlock()
		wasted = wasted.Add(e.Usage)
	})
	c = llm.Remember(c, shelf)
	c = llm.RetryWithSleep(c, nil, func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
	var wg sync.WaitGroup
	named := map[llm.Kind]int{}
	for i := range calls {
		wg.Go(func() {
			prompt := fmt.Sprintf("prompt %d", i)
			sample, err := llm.One(t.Context(), c, request(prompt, 0, 1))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil && llm.KindOf(err) == "":
				t.Errorf("an error without a name: %v", err)
			case err != nil:
				named[llm.KindOf(err)]++
			case sample.Text != answer(prompt):
				t.Errorf("%s was answered %.100q", prompt, sample.Text)
			case sample.Usage.Prompt <= 0 || sample.Usage.Prompt > 100 || sample.Usage.Completion < 100 || sample.Usage.Completion > 2000 || sample.Source != llm.Simulated:
				t.Errorf("%s: %+v", prompt, sample.Usage)
			}
		})
	}
	wg.Wait()
	failed := 0
	for _, n := range named {
		failed += n
	}
	if kept := len(shelf.keys()); kept != calls-failed {
		t.Errorf("%d answers are kept of %d calls with %d failures", kept, calls, failed)
	}
	if failed > calls/20 || wasted.Prompt == 0 {
		t.Errorf("failed: %v; wasted: %+v", named, wasted)
	}
	t.Logf("%d requests; failed: %v; wasted: %+v; %s", s.Requests(), named, wasted, s.Counts())
}
