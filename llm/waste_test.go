package llm_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"

	"papereval/llm"
	"papereval/llm/sim"
)

func TestWaste(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   sim.Fault
		samples int
		kinds   []llm.Kind
	}{
		"nothing":  {sim.Fault{}, 2, nil},
		"refused":  {sim.Fault{Status: 500}, 1, nil},
		"page":     {sim.Fault{HTML: true}, 1, nil},
		"cut":      {sim.Fault{Cut: true}, 1, []llm.Kind{llm.CutShort}},
		"length":   {sim.Fault{Finish: "length"}, 1, []llm.Kind{llm.Length}},
		"filtered": {sim.Fault{Finish: "content_filter"}, 1, []llm.Kind{llm.Filtered}},
		"empty":    {sim.Fault{Empty: true}, 1, []llm.Kind{llm.Empty}},
		"one":      {sim.Fault{Empty: true}, 3, []llm.Kind{llm.Empty}},
	} {
		server := sim.NewServer(sim.AnswererFunc(echo))
		server.Faults = func(int, *http.Request) sim.Fault { return tt.fault }
		var mu sync.Mutex
		var kinds []llm.Kind
		req := request("a prompt", 0, tt.samples)
		c := llm.Waste(endpoint(t, server), func(_ context.Context, r *llm.Request, e *llm.Error) {
			mu.Lock()
			defer mu.Unlock()
			kinds = append(kinds, e.Kind)
			if r != req || e.Usage.Prompt+e.Usage.Completion <= 0 {
				t.Errorf("%s: %+v for %+v", name, e.Usage, r)
			}
		})
		_, _ = c.Complete(t.Context(), req)
		if !slices.Equal(kinds, tt.kinds) {
			t.Errorf("%s: %q, want %q", name, kinds, tt.kinds)
		}
	}
}
