package llm_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/sim"
)

func TestRememberAsksOnlyForWhatIsNotKnown(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	store := newShelf()
	var mu sync.Mutex
	var asked [][2]int
	below := endpoint(t, server)
	c := llm.Remember(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		mu.Lock()
		asked = append(asked, [2]int{req.First, req.Count()})
		mu.Unlock()
		return below.Complete(ctx, req)
	}), store)
	for _, step := range []struct {
		first, samples int
		asked          [][2]int
		known          []bool
		total          int // HTTP requests so far
	}{
		{0, 3, [][2]int{{0, 3}}, []bool{false, false, false}, 1},
		{0, 3, nil, []bool{true, true, true}, 1},
		{0, 8, [][2]int{{3, 5}}, []bool{true, true, true, false, false, false, false, false}, 2},
		{10, 0, [][2]int{{10, 1}}, []bool{false}, 3},
		{10, 2, [][2]int{{11, 1}}, []bool{true, false}, 4},
	} {
		asked = nil
		resp, err := c.Complete(t.Context(), request("p", step.first, step.samples))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(asked, step.asked) || server.Requests() != step.total {
			t.Errorf("%d+%d: asked for %v in %d requests, want %v in %d", step.first, step.samples, asked, server.Requests(), step.asked, step.total)
		}
		if len(resp.Samples) != len(step.known) {
			t.Fatalf("%d samples", len(resp.Samples))
		}
		for i, s := range resp.Samples {
			if s.Err != nil || s.Text != "to p" || s.Known != step.known[i] || s.Index != step.first+i ||
				s.Key != llm.Key(request("p", 0, 1), step.first+i) {
				t.Errorf("%d+%d: sample %d is %+v", step.first, step.samples, i, s)
			}
		}
	}
	if len(store.used) != 3+3+1 {
		t.Errorf("%d uses were noted, want 7", len(store.used))
	}
	if len(store.keys()) != 10 {
		t.Errorf("%d samples are stored, want 10", len(store.keys()))
	}
}

func TestRememberScattered(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	store := newShelf()
	c := llm.Remember(endpoint(t, server), store)
	for _, first := range []int{1, 4} {
		if _, err := llm.One(t.Context(), c, request("p", first, 1)); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := c.Complete(t.Context(), request("p", 0, 6))
	if err != nil {
		t.Fatal(err)
	}
	if server.Requests() != 2+3 {
		t.Errorf("%d requests, want 5: 1 and 4 are known, 0, 2+2 and 5 are asked for", server.Requests())
	}
	for i, s := range resp.Samples {
		if s.Index != i || s.Err != nil || s.Known != (i == 1 || i == 4) {
			t.Errorf("sample %d is %+v", i, s)
		}
	}
}

func TestRememberDoesNotStoreFailures(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	server.Faults = func(n int, _ *http.Request) sim.Fault {
		return sim.Fault{Empty: n == 0, Status: map[bool]int{true: 500}[n == 1]}
	}
	store := newShelf()
	c := llm.Remember(endpoint(t, server), store)
	resp, err := c.Complete(t.Context(), request("p", 0, 3))
	if err != nil || llm.KindOf(resp.Samples[0].Err) != llm.Empty || resp.Samples[1].Err != nil {
		t.Fatalf("%+v, %v", resp, err)
	}
	if len(store.keys()) != 2 {
		t.Errorf("%d samples are stored, want 2", len(store.keys()))
	}
	// Only the failed one is asked for, fails as a whole, and does not cost the others.
	resp, err = c.Complete(t.Context(), request("p", 0, 3))
	if err != nil || llm.KindOf(resp.Samples[0].Err) != llm.Server || !resp.Samples[1].Known {
		t.Fatalf("%+v, %v", resp, err)
	}
	if resp, err = c.Complete(t.Context(), request("p", 0, 3)); err != nil || resp.Samples[0].Err != nil {
		t.Fatalf("%+v, %v", resp, err)
	}
}

func TestRememberWholeFailure(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	server.Faults = func(int, *http.Request) sim.Fault { return sim.Fault{Status: 401} }
	c := llm.Remember(endpoint(t, server), newShelf())
	if _, err := c.Complete(t.Context(), request("p", 0, 2)); llm.KindOf(err) != llm.Unauthorized {
		t.Fatal(err)
	}
}

func TestRememberUsesNothingThatIsNotStored(t *testing.T) {
	full := errors.New("no space left on device")
	store := newShelf()
	store.putErr = full
	c := llm.Remember(endpoint(t, sim.NewServer(sim.AnswererFunc(echo))), store)
	if _, err := c.Complete(t.Context(), request("p", 0, 1)); !errors.Is(err, full) {
		t.Fatalf("an answer that cannot be stored: %v", err)
	}
	store.getErr = errors.New("the disk is gone")
	if _, err := c.Complete(t.Context(), request("p", 0, 1)); !errors.Is(err, store.getErr) {
		t.Fatalf("a store that cannot be read: %v", err)
	}
}

// gate answers when it is opened, and tells of everyone who arrives.
type gate struct {
	arrived chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{})} }

func (g *gate) Answer(req *llm.Request) (string, bool) {
	g.arrived <- struct{}{}
	<-g.open
	return echo(req)
}

func TestRememberSharesCallsInFlight(t *testing.T) {
	g := newGate()
	server := sim.NewServer(g)
	store := newShelf()
	c := llm.Remember(endpoint(t, server), store)
	var wg sync.WaitGroup
	var known atomic.Int64
	for range 20 {
		wg.Go(func() {
			s, err := llm.One(t.Context(), c, request("p", 0, 1))
			if err != nil || s.Text != "to p" {
				t.Errorf("%+v, %v", s, err)
				return
			}
			if s.Known {
				known.Add(1)
			}
		})
	}
	<-g.arrived
	close(g.open)
	wg.Wait()
	if server.Requests() != 1 || known.Load() != 19 || len(store.used) != 19 {
		t.Errorf("%d requests, %d known, %d uses; want 1, 19, 19", server.Requests(), known.Load(), len(store.used))
	}
}

func TestRememberOverlappingRequests(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	store := newShelf()
	c := llm.Remember(endpoint(t, server), store)
	var wg sync.WaitGroup
	var paid atomic.Int64
	for i := range 30 {
		wg.Go(func() {
			resp, err := c.Complete(t.Context(), request("p", i%7, 1+i%5))
			if err != nil {
				t.Error(err)
				return
			}
			for k, s := range resp.Samples {
				if s.Err != nil || s.Index != i%7+k {
					t.Errorf("%+v", s)
				}
				if !s.Known {
					paid.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if int(paid.Load()) != len(store.keys()) {
		t.Errorf("%d samples were paid for, %d are stored", paid.Load(), len(store.keys()))
	}
}

func TestRememberWaiterTakesOver(t *testing.T) {
	g := newGate()
	server := sim.NewServer(g)
	store := newShelf()
	c := llm.Remember(endpoint(t, server), store)
	leading, stop := context.WithCancel(t.Context())
	leader := make(chan error, 1)
	go func() {
		_, err := llm.One(leading, c, request("p", 0, 1))
		leader <- err
	}()
	<-g.arrived
	waiting, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := llm.One(waiting, c, request("p", 0, 1))
		left <- err
	}()
	waiter := make(chan error, 1)
	go func() {
		_, err := llm.One(t.Context(), c, request("p", 0, 1))
		waiter <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("a waiter that leaves: %v", err)
	}
	stop()
	if err := <-leader; !errors.Is(err, context.Canceled) {
		t.Errorf("the leader: %v", err)
	}
	<-g.arrived // somebody asks again
	close(g.open)
	if err := <-waiter; err != nil {
		t.Errorf("the waiter: %v", err)
	}
	if server.Requests() != 2 {
		t.Errorf("%d requests, want 2", server.Requests())
	}
}

func TestRememberStoresWhatWasPaidForAfterCancel(t *testing.T) {
	store := newShelf()
	ctx, cancel := context.WithCancel(t.Context())
	c := llm.Remember(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		resp, err := endpoint(t, sim.NewServer(sim.AnswererFunc(echo))).Complete(ctx, req)
		cancel() // Ctrl-C just when the answer is there
		return resp, err
	}), store)
	if s, err := llm.One(ctx, c, request("p", 0, 1)); err == nil && s.Text != "to p" {
		t.Errorf("%+v", s)
	}
	if len(store.keys()) != 1 {
		t.Error("the answer was not stored")
	}
}

func TestRememberUsesTheAnswerThatWasStoredFirst(t *testing.T) {
	store := newShelf()
	c := llm.Remember(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		// Meanwhile another process stores its answer.
		key := llm.Key(req, 0)
		if err := store.Put(ctx, req, &llm.Sample{Key: key, Text: "first"}, time.Now()); err != nil {
			return nil, err
		}
		return endpoint(t, sim.NewServer(sim.AnswererFunc(echo))).Complete(ctx, req)
	}), store)
	if s, err := llm.One(t.Context(), c, request("p", 0, 1)); err != nil || s.Text != "first" {
		t.Errorf("%+v, %v", s, err)
	}
}
