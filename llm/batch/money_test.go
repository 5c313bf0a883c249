package batch_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/batch"
)

// TestNothingStaysReserved has answers, failed lines and lines that are sent again: in the end every call of a batch
// that was answered is paid for once, and nothing is set aside any more.
func TestNothingStaysReserved(t *testing.T) {
	for _, options := range []string{"", "&batchfail=0.4", "&batchexpire=1", "&n=refuse", "&n=ignore&batchfail=0.2", "&empty=0.5&wrongusage=0.5"} {
		e, dir, keep := serve(t, "batchdelay=10ms"+options), t.TempDir(), newStore()
		keep.budget = true
		s := start(t, e, dir, keep, nil)
		c := s.Watch(s.Sender)
		var wg sync.WaitGroup
		for _, prompt := range []string{"a", "b", "c", "d", "e", "f"} {
			ctx, done := s.Work(t.Context())
			wg.Go(func() {
				defer done()
				if _, err := c.Complete(ctx, request(prompt, 3)); err != nil {
					t.Errorf("%s: %v", options, err)
				}
			})
		}
		wg.Wait()
		s.Close()
		if keep.open() != 0 || keep.spent != len(keep.answered)+keep.failures || keep.spent+*s.live < 18 {
			t.Errorf("%s: %d open, %d paid for, %d stored, %d failed, %d singly", options, keep.open(), keep.spent, len(keep.answered), keep.failures, *s.live)
		}
	}
}

// TestWhatIsNotSentIsGivenBack ends calls, and senders, before anything can have been charged.
func TestWhatIsNotSentIsGivenBack(t *testing.T) {
	for name, spoil := range map[string]func(s *started, leave func()) func(http.ResponseWriter, *http.Request, http.Handler){
		"the caller leaves before the wave closes": func(_ *started, leave func()) func(http.ResponseWriter, *http.Request, http.Handler) {
			time.AfterFunc(5*time.Millisecond, leave) // long before Settle
			return nil
		},
		"during the upload": func(s *started, leave func()) func(http.ResponseWriter, *http.Request, http.Handler) {
			return func(http.ResponseWriter, *http.Request, http.Handler) {
				s.cancel()
				leave()
				panic(http.ErrAbortHandler)
			}
		},
		"refused": func(*started, func()) func(http.ResponseWriter, *http.Request, http.Handler) {
			return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.NotFound(w, r) }
		},
		"refused as a whole": func(*started, func()) func(http.ResponseWriter, *http.Request, http.Handler) { return nil },
	} {
		e, dir, keep := serve(t, "batchdelay=10ms&batchlines=1"), t.TempDir(), newStore()
		keep.budget = true
		s := start(t, e, dir, keep, nil)
		ctx, leave := context.WithCancel(t.Context())
		e.spoil(spoil(s, leave))
		req := request("p", 2)
		req.Model.Name = "o9" // two lines
		if resp, err := s.Complete(ctx, req); err == nil && resp.Samples[0].Err == nil {
			t.Errorf("%s: it was answered", name)
		}
		s.Close()
		leave()
		if len(keep.reserved) != 2 || keep.open() != 0 || keep.spent != 0 {
			t.Errorf("%s: %d reserved, %d open, %d paid for", name, len(keep.reserved), keep.open(), keep.spent)
		}
		empty(t, dir)
	}
}

// TestKilledBeforeItIsSent has a record whose batch never came to the endpoint: what is reserved for it is given back,
// and its calls are asked for as any.
func TestKilledBeforeItIsSent(t *testing.T) {
	e, dir, keep := serve(t, "batchdelay=10ms"), t.TempDir(), newStore()
	keep.budget = true
	ids, _ := keep.Reserve(t.Context(), request("p", 1))
	key := llm.Key(request("p", 1), 0)
	record := `{"token":"t","endpoint":"sim","made":"2026-01-02T03:04:05Z","keys":["` + key + `"],"reserved":[1]}`
	if err := os.WriteFile(filepath.Join(dir, "new-t.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, e, dir, keep, nil)
	if keep.open() != 0 || ids[0] != 1 {
		t.Errorf("reservations %v: %d open", ids, keep.open())
	}
	if _, err := llm.One(t.Context(), s, request("p", 1)); err != nil || keep.spent != 1 || keep.open() != 0 {
		t.Errorf("%v, %d paid for, %d open", err, keep.spent, keep.open())
	}
}

// TestKilledWhileTakingIn has a record whose answers are all in: nothing is paid for again, with a budget or without.
func TestKilledWhileTakingIn(t *testing.T) {
	for _, budget := range []bool{true, false} {
		e, dir, keep := serve(t, "batchdelay=50ms"), t.TempDir(), newStore()
		keep.budget = budget
		first := start(t, e, dir, keep, nil)
		var record []byte
		var once sync.Once
		e.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if filepath.Base(r.URL.Path) == "content" {
				once.Do(func() { record, _ = os.ReadFile(filepath.Join(dir, "batch_sim2.json")) })
			}
			next.ServeHTTP(w, r)
		})
		if _, err := first.Complete(t.Context(), request("p", 3)); err != nil {
			t.Fatal(err)
		}
		first.Close()
		if err := os.WriteFile(filepath.Join(dir, "batch_sim2.json"), record, 0o600); err != nil || record == nil {
			t.Fatal(err)
		}
		second := start(t, e, dir, keep, nil)
		second.Close()
		if keep.spent != 3 || keep.open() != 0 || len(keep.answered) != 3 {
			t.Errorf("%d paid for, %d open, %d stored", keep.spent, keep.open(), len(keep.answered))
		}
		empty(t, dir)
	}
}

// TestWhoWaitsForMoneyHoldsNobodyUp has a budget that lets one call through at a time: each wave closes without the
// other.
func TestWhoWaitsForMoneyHoldsNobodyUp(t *testing.T) {
	e, keep := serve(t, "batchdelay=10ms"), newStore()
	keep.budget = true
	money := make(chan struct{}, 1)
	money <- struct{}{}
	keep.limit = func(ctx context.Context, _ *llm.Request) error {
		select {
		case <-money:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s := start(t, e, t.TempDir(), keep, func(o *batch.Options) { o.Idle = time.Hour })
	c := s.Watch(s.Sender)
	var wg sync.WaitGroup
	for _, prompt := range []string{"a", "b", "c"} {
		ctx, done := s.Work(t.Context())
		wg.Go(func() {
			defer done()
			if _, err := llm.One(ctx, c, request(prompt, 1)); err != nil {
				t.Error(err)
			}
			money <- struct{}{}
		})
	}
	wg.Wait()
	if s.Waves() != 3 || keep.spent != 3 {
		t.Errorf("%d waves, %d paid for", s.Waves(), keep.spent)
	}
}

// TestASingleCallWaitsForMoney has a call that is sent singly wait for what a parked one has reserved: the wave closes
// all the same.
func TestASingleCallWaitsForMoney(t *testing.T) {
	e, keep := serve(t, "batchdelay=10ms&batchfail=1"), newStore()
	keep.waits = true
	begun, freed := make(chan struct{}), make(chan struct{})
	s := start(t, e, t.TempDir(), keep, func(o *batch.Options) {
		o.Idle = 100 * time.Millisecond
		live := o.Live
		o.Live = llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			if req.Messages[0].Content == "first" {
				close(begun)
				select {
				case <-freed:
				case <-time.After(10 * time.Second):
					t.Error("the wave does not close")
				}
			} else {
				close(freed) // its batch has ended
			}
			return live.Complete(ctx, req)
		})
	})
	c := s.Watch(s.Sender)
	var wg sync.WaitGroup
	ask := func(prompt string) {
		ctx, done := s.Work(t.Context())
		wg.Go(func() {
			defer done()
			if _, err := llm.One(ctx, c, request(prompt, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	ask("first")
	<-begun
	ask("second")
	wg.Wait()
}

func TestOverBudget(t *testing.T) {
	e, keep := serve(t, "batchdelay=10ms"), newStore()
	over := &llm.OverBudget{}
	keep.limit = func(context.Context, *llm.Request) error { return over }
	s := start(t, e, t.TempDir(), keep, nil)
	if _, err := s.Complete(t.Context(), request("p", 2)); !errors.Is(err, over) || e.submitted() != 0 {
		t.Errorf("%v, %d batches", err, e.submitted())
	}
}

// TestWhoAsksTheBudgetLeaves has two ask for the same sample, of whom the one leaves who waits for the budget.
func TestWhoAsksTheBudgetLeaves(t *testing.T) {
	e, keep := serve(t, "batchdelay=10ms"), newStore()
	asked := make(chan struct{})
	var once sync.Once
	keep.limit = func(ctx context.Context, _ *llm.Request) (err error) {
		once.Do(func() {
			close(asked)
			<-ctx.Done()
			err = ctx.Err()
		})
		return err
	}
	s := start(t, e, t.TempDir(), keep, nil)
	ctx, leave := context.WithCancel(t.Context())
	go func() { _, _ = s.Complete(ctx, request("p", 1)) }()
	<-asked
	answered := make(chan error)
	go func() {
		_, err := llm.One(t.Context(), s, request("p", 1))
		answered <- err
	}()
	time.Sleep(20 * time.Millisecond) // until it waits, most likely
	leave()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
