package llm_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"papereval/llm"
	"papereval/llm/sim"
)

func TestLimit(t *testing.T) {
	for _, tt := range []struct{ n, samples, requests int }{{1, 1, 6}, {3, 1, 12}, {4, 2, 12}, {2, 5, 4}, {0, 1, 3}} {
		var now, most atomic.Int64
		below := endpoint(t, sim.NewServer(sim.AnswererFunc(echo)))
		c := llm.Limit(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			n := now.Add(int64(req.Count()))
			defer now.Add(-int64(req.Count()))
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			return below.Complete(ctx, req)
		}), tt.n)
		var wg sync.WaitGroup
		for range tt.requests {
			wg.Go(func() {
				if _, err := c.Complete(t.Context(), request("p", 0, tt.samples)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got, want := int(most.Load()), max(tt.n, tt.samples, 1); got > want {
			t.Errorf("%+v: %d samples in flight", tt, got)
		}
	}
}

func TestLimitWaitsNoLongerThanItsContext(t *testing.T) {
	g := newGate()
	c := llm.Limit(endpoint(t, sim.NewServer(g)), 1)
	done := make(chan error, 1)
	go func() {
		_, err := llm.One(t.Context(), c, request("p", 0, 1))
		done <- err
	}()
	<-g.arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := llm.One(ctx, c, request("q", 0, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(g.open)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
