package llm_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"papereval/llm"
	"papereval/llm/sim"
)

// server is an endpoint in synctest's time: it takes a while, and says no where its limits are passed.
type server struct {
	latency  time.Duration
	atOnce   int           // samples in flight; 0 for no limit
	every    time.Duration // one request in this time, and a burst of 5; 0 for no limit
	says     time.Duration // Retry-After
	sometime float64       // share of requests that are refused without a reason

	mu       sync.Mutex
	random   *rand.Rand
	now      int
	most     int
	requests int
	refused  int
	free     time.Time // when the next request is due
}

func (s *server) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if ok := s.begin(req.Count()); !ok {
		defer s.end(req.Count())
		time.Sleep(s.latency / 4)
		return nil, &llm.Error{Kind: llm.RateLimited, Status: 429, RetryAfter: s.says}
	}
	defer s.end(req.Count())
	select {
	case <-time.After(s.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &llm.Response{Samples: make([]llm.Sample, req.Count())}, nil
}

func (s *server) begin(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.now += n
	s.most = max(s.most, s.now)
	refuse := s.atOnce > 0 && s.now > s.atOnce
	if s.sometime > 0 {
		if s.random == nil {
			s.random = rand.New(rand.NewPCG(1, 2))
		}
		refuse = refuse || s.random.Float64() < s.sometime
	}
	if s.every > 0 {
		if due := time.Now().Add(-5 * s.every); s.free.Before(due) {
			s.free = due
		}
		if s.free.After(time.Now()) {
			refuse = true
		} else {
			s.free = s.free.Add(s.every)
		}
	}
	if refuse {
		s.refused++
	}
	return !refuse
}

func (s *server) end(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now -= n
}

// each sends n requests at the same time and returns how many failed.
func each(t *testing.T, c llm.Client, n, samples int) (failed int) {
	var wg sync.WaitGroup
	var failures atomic.Int32
	for range n {
		wg.Go(func() {
			if _, err := c.Complete(t.Context(), request("p", 0, samples)); err != nil {
				failures.Add(1)
			}
		})
	}
	wg.Wait()
	return int(failures.Load())
}

func TestPaceRampsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: 200 * time.Millisecond}
		p := llm.Pace(s, llm.PaceOptions{Max: 128})
		var full time.Duration
		started := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			each(t, p, 4000, 1)
		}()
		for full == 0 {
			time.Sleep(10 * time.Millisecond)
			if st := p.Stats(); len(st) == 1 && st[0].InFlight == 128 {
				full = time.Since(started)
			}
		}
		if st := p.Stats()[0]; st.Limit != 128 || st.Waiting == 0 || !st.Until.IsZero() || st.Model != "sim" || st.Endpoint != sim.Endpoint {
			t.Errorf("%+v", st)
		}
		<-done
		if full > 1300*time.Millisecond || s.most != 128 {
			t.Errorf("%d in flight, 128 of them after %s", s.most, full)
		}
		if took, best := time.Since(started), 4000/128*200*time.Millisecond; took > best+1500*time.Millisecond {
			t.Errorf("took %s, at best %s", took, best)
		}
		if st := p.Stats()[0]; st.InFlight != 0 || st.Waiting != 0 {
			t.Errorf("in the end %+v", st)
		}
	})
}

func TestPaceFindsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: 200 * time.Millisecond, atOnce: 40}
		p := llm.Pace(s, llm.PaceOptions{Max: 128})
		started := time.Now()
		failed := each(t, p, 6000, 1)
		// A few are refused each time the limit is felt for; the rate stays above three quarters of the best.
		if took, best := time.Since(started), 6000/40*200*time.Millisecond; failed > 300 || took > best*4/3 {
			t.Errorf("%d of 6000 were refused, in %s (at best %s)", failed, took, best)
		}
	})
}

func TestPaceBearsRefusalsByChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: 200 * time.Millisecond, sometime: 0.02, says: time.Second}
		p := llm.Pace(s, llm.PaceOptions{Max: 64})
		started := time.Now()
		each(t, p, 4000, 1)
		if took := time.Since(started); took > 60*time.Second {
			t.Errorf("took %s, %s a sample", took, took/4000) // 12.5 s without refusals
		}
	})
}

// A server of one request a second, and no --rpm: whoever is refused comes again, and everybody gets an answer.
func TestPaceBelowOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: 50 * time.Millisecond, every: time.Second, says: time.Second}
		c := llm.Retry(llm.Pace(s, llm.PaceOptions{Max: 64}), nil)
		started := time.Now()
		failed := each(t, c, 300, 1)
		if took := time.Since(started); failed > 0 || took > 450*time.Second || s.refused > 300 {
			t.Errorf("%d failed, %d refusals, %s", failed, s.refused, took)
		}
	})
}

// Without a hint how long to wait, a server of one request a second is asked ever more slowly.
func TestPaceSlowsDownByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: 50 * time.Millisecond, every: time.Second}
		p := llm.Pace(s, llm.PaceOptions{Max: 64})
		started := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				for {
					if _, err := p.Complete(t.Context(), request("p", 0, 1)); err == nil {
						return
					}
				}
			})
		}
		wg.Wait()
		if took := time.Since(started); s.refused > 100 || took > 160*time.Second {
			t.Errorf("%d refusals, %s", s.refused, took)
		}
	})
}

func TestPaceKeepsTheEndpointsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := 10 * time.Second
		p := llm.Pace(llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			return nil, &llm.Error{Kind: llm.RateLimited, RetryAfter: said}
		}), llm.PaceOptions{Max: 1})
		for i, want := range []time.Duration{0, 10 * time.Second, 5 * time.Minute} {
			if i > 0 {
				said = time.Hour // too long for a pace: Retry gives up
			}
			started := time.Now()
			done := make(chan struct{})
			go func() { defer close(done); each(t, p, 1, 1) }()
			synctest.Wait()
			if st := p.Stats()[0]; want > 0 && (st.Waiting != 1 || !st.Until.Equal(started.Add(want))) {
				t.Errorf("%+v, want it to wait for %s", st, want)
			}
			<-done
			if took := time.Since(started); took != want {
				t.Errorf("it was sent after %s, want %s", took, want)
			}
		}
	})
}

func TestPaceShrinksOnceARoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := false
		p := llm.Pace(llm.ClientFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			no := refuse
			time.Sleep(time.Second)
			if no {
				return nil, &llm.Error{Kind: llm.Overloaded}
			}
			return &llm.Response{Samples: make([]llm.Sample, 1)}, nil
		}), llm.PaceOptions{Max: 100})
		each(t, p, 2000, 1)
		for _, want := range []int{70, 49, 34} {
			refuse = true
			each(t, p, 30, 1)
			if got := p.Stats()[0].Limit; got != want {
				t.Errorf("after 30 refusals at once the limit is %d, want %d", got, want)
			}
		}
		refuse = false
		each(t, p, 1, 1)
		if got := p.Stats()[0].Limit; got != 34 {
			t.Errorf("a single request made the limit %d", got)
		}
		each(t, p, 34, 1)
		if got := p.Stats()[0].Limit; got != 35 && got != 36 {
			t.Errorf("a round trip that went well made the limit %d", got)
		}
	})
}

func TestPaceDoesNotGrowUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := llm.Pace(&server{latency: time.Second}, llm.PaceOptions{Max: 100})
		for range 50 {
			each(t, p, 1, 1)
		}
		if got := p.Stats()[0].Limit; got != 4 {
			t.Errorf("the limit is %d", got)
		}
	})
}

func TestPaceKeepsToRates(t *testing.T) {
	t.Run("requests", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &server{latency: 50 * time.Millisecond, every: 500 * time.Millisecond}
			p := llm.Pace(s, llm.PaceOptions{Max: 64, RPM: 120})
			started := time.Now()
			failed := each(t, p, 240, 1)
			if took := time.Since(started); failed > 0 || took < 118*time.Second || took > 121*time.Second {
				t.Errorf("%d failed in %s", failed, took)
			}
		})
	})
	t.Run("tokens", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			used := 0
			var mu sync.Mutex
			started := time.Now()
			p := llm.Pace(llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				used += 1000
				if allowed := 60_000*time.Since(started).Minutes() + 8_000; float64(used) > allowed {
					t.Errorf("%d tokens after %s", used, time.Since(started))
				}
				return &llm.Response{Samples: []llm.Sample{{Usage: llm.Usage{Prompt: 900, Completion: 100}}}}, nil
			}), llm.PaceOptions{Max: 4, TPM: 60_000})
			each(t, p, 180, 1)
			if took := time.Since(started); took < 170*time.Second || took > 181*time.Second {
				t.Errorf("180,000 tokens took %s", took)
			}
		})
	})
}

func TestPaceIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int
		p := llm.Pace(llm.ClientFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			order = append(order, req.First)
			time.Sleep(time.Second)
			return &llm.Response{Samples: make([]llm.Sample, req.Count())}, nil
		}), llm.PaceOptions{Max: 1})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { _, _ = p.Complete(t.Context(), request("p", i, 1+i%3)) })
			synctest.Wait()
		}
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
	})
}

func TestPaceWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{latency: time.Hour}
		p := llm.Pace(s, llm.PaceOptions{Max: 2, RPM: 60})
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		time.AfterFunc(10*time.Second, func() { cancel(stopped) })
		var wg sync.WaitGroup
		started := time.Now()
		for range 2 {
			wg.Go(func() { _, _ = p.Complete(ctx, request("p", 0, 1)) })
		}
		synctest.Wait()
		wg.Go(func() {
			if _, err := p.Complete(ctx, request("p", 0, 1)); !errors.Is(err, stopped) {
				t.Errorf("%v", err)
			}
		})
		wg.Wait()
		if took := time.Since(started); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
		if _, err := p.Complete(ctx, request("p", 0, 1)); !errors.Is(err, stopped) || s.requests != 2 {
			t.Errorf("%v after %d requests", err, s.requests)
		}
		if st := p.Stats()[0]; st.InFlight != 0 || st.Waiting != 0 || !st.Until.IsZero() {
			t.Errorf("%+v", st)
		}
	})
}

// Models and endpoints do not wait for each other, and a client that panics leaves its place.
func TestPaceLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := llm.Pace(llm.ClientFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
			if req.Model.Name == "bad" {
				panic("bad")
			}
			time.Sleep(time.Second)
			return &llm.Response{Samples: make([]llm.Sample, 1)}, nil
		}), llm.PaceOptions{Max: 1})
		started := time.Now()
		var wg sync.WaitGroup
		for _, m := range []llm.Model{{Endpoint: "a", Name: "m"}, {Endpoint: "a", Name: "n"}, {Endpoint: "b", Name: "m"}} {
			wg.Go(func() { _, _ = p.Complete(t.Context(), &llm.Request{Model: m}) })
		}
		for range 3 {
			func() {
				defer func() { _ = recover() }()
				_, _ = p.Complete(t.Context(), &llm.Request{Model: llm.Model{Endpoint: "a", Name: "bad"}})
			}()
		}
		wg.Wait()
		if took := time.Since(started); took != time.Second || len(p.Stats()) != 4 || p.Stats()[3].Endpoint != "b" {
			t.Errorf("took %s: %+v", took, p.Stats())
		}
	})
}

func TestPaceOverHTTP(t *testing.T) {
	for _, tt := range []struct{ max, samples, requests int }{{1, 1, 6}, {3, 1, 12}, {4, 2, 12}, {2, 5, 4}, {0, 1, 3}} {
		var now, most atomic.Int64
		below := endpoint(t, sim.NewServer(sim.AnswererFunc(echo)))
		c := llm.Pace(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			n := now.Add(int64(req.Count()))
			defer now.Add(-int64(req.Count()))
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			return below.Complete(ctx, req)
		}), llm.PaceOptions{Max: tt.max})
		if failed := each(t, c, tt.requests, tt.samples); failed > 0 {
			t.Errorf("%+v: %d failed", tt, failed)
		}
		if got, want := int(most.Load()), max(tt.max, tt.samples, 1); got > want {
			t.Errorf("%+v: %d samples in flight", tt, got)
		}
	}
}

func BenchmarkPace(b *testing.B) {
	p := llm.Pace(llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
		return &llm.Response{Samples: make([]llm.Sample, 1)}, nil
	}), llm.PaceOptions{Max: 128})
	b.SetParallelism(256)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = p.Complete(b.Context(), request("p", 0, 1))
		}
	})
}
