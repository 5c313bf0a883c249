package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"papereval/ledger/db"
)

// spentBy checks that the sums of a run's budget are those of its rows, and returns them.
func spentBy(t testing.TB, l *Ledger, run string) (settled, open int64) {
	t.Helper()
	settled, open, err := l.Spent(t.Context(), run)
	noError(t, err)
	reservations, err := l.Reservations(t.Context(), run)
	noError(t, err)
	sum := int64(0)
	for _, r := range reservations {
		sum += r.Worst
	}
	if sum != open {
		t.Errorf("%d is open, and the reservations come to %d", open, sum)
	}
	return settled, open
}

func TestBudget(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	noError(t, l.PutRun(t.Context(), Run{ID: "other"}))
	expect := func(settled, open int64) {
		t.Helper()
		if s, o := spentBy(t, l, "r"); s != settled || o != open {
			t.Errorf("spent %d and open %d, want %d and %d", s, o, settled, open)
		}
	}
	expect(0, 0)
	a, err := l.Reserve(t.Context(), "r", 100, 60)
	noError(t, err)
	_, err = l.Reserve(t.Context(), "other", 100, 60)
	noError(t, err)
	expect(0, 60)
	_, err = l.Reserve(t.Context(), "r", 100, 41)
	var over *OverBudgetError
	if !errors.As(err, &over) || *over != (OverBudgetError{Cap: 100, Committed: 60, Worst: 41, Open: 60}) {
		t.Fatalf("error is %#v", err)
	}
	b, err := l.Reserve(t.Context(), "r", 100, 40) // up to the cap
	noError(t, err)
	expect(0, 100)
	noError(t, l.Settle(t.Context(), a, 10))
	expect(10, 40)
	if err := l.Settle(t.Context(), a, 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("settled twice: %v", err)
	}
	noError(t, l.Settle(t.Context(), b, 0))
	expect(10, 0)
	if _, err := l.Reserve(t.Context(), "r", 9, 0); !errors.As(err, &over) {
		t.Errorf("a cap that was lowered: %v", err)
	}
	if _, err := l.Reserve(t.Context(), "r", 10, 0); err != nil {
		t.Error(err)
	}
	if _, err := l.Reserve(t.Context(), "r", math.MaxInt64, math.MaxInt64); !errors.As(err, &over) {
		t.Errorf("a sum that overflows: %v", err)
	}
	c, err := l.Reserve(t.Context(), "r", 100, 5)
	noError(t, err)
	noError(t, l.Settle(t.Context(), c, 50)) // more than it should have been
	expect(60, 0)

	if _, err := l.Reserve(t.Context(), "unknown", 100, 5); err == nil || !strings.Contains(err.Error(), "put into the ledger first") {
		t.Errorf("unknown run: %v", err)
	}
	for _, bad := range [][2]int64{{-1, 0}, {1, -1}} {
		if _, err := l.Reserve(t.Context(), "r", bad[0], bad[1]); err == nil || errors.As(err, &over) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := l.Settle(t.Context(), 1, -1); err == nil {
		t.Error("a negative amount was settled")
	}
}

// The parts of a reservation are reserved together or not at all, and sent and settled one by one.
func TestReserveUnsent(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	ids, err := l.ReserveUnsent(t.Context(), "r", 100, 80, 3)
	noError(t, err)
	if settled, open := spentBy(t, l, "r"); len(ids) != 3 || settled != 0 || open != 80 {
		t.Errorf("%v: %d and %d", ids, settled, open)
	}
	for worst, parts := range map[int64]int{21: 3, 5: 0} {
		if ids, err := l.ReserveUnsent(t.Context(), "r", 100, worst, parts); err == nil {
			t.Errorf("%d in %d parts: %v", worst, parts, ids)
		}
	}
	noError(t, l.Sending(t.Context(), ids[1]))
	open, err := l.Reservations(t.Context(), "r")
	noError(t, err)
	if !open[0].Unsent || open[1].Unsent || !open[2].Unsent {
		t.Errorf("%+v", open)
	}
	for i, open := range []int64{54, 27, 0} {
		noError(t, l.Settle(t.Context(), ids[i], 5))
		if s, o := spentBy(t, l, "r"); s != int64(5*i+5) || o != open {
			t.Errorf("after part %d: %d and %d", i, s, o)
		}
	}
	if err := l.Sending(t.Context(), ids[1]); !errors.Is(err, ErrNotFound) {
		t.Errorf("a settled one is sent: %v", err)
	}
}

func TestOverBudgetSaysAmounts(t *testing.T) {
	err := &OverBudgetError{Cap: 25e9, Committed: 24_990_000_000, Worst: 12_345_000, Open: 1_500_000_000}
	for _, want := range []string{"$25.00", "$23.49", "$1.50", "$0.012345"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

func TestReservationsKnowTheirOwner(t *testing.T) {
	dir := t.TempDir()
	l, other := openTest(t, dir), openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	mine, err := l.Reserve(t.Context(), "r", 100, 3)
	noError(t, err)
	_, err = other.Reserve(t.Context(), "r", 100, 4)
	noError(t, err)
	open, err := l.Reservations(t.Context(), "r")
	noError(t, err)
	if len(open) != 2 || open[0].ID != mine || open[0].Owner != l.Owner() || open[1].Owner != other.Owner() ||
		l.Owner() == other.Owner() || open[0].Worst != 3 || time.Since(open[0].Made) > time.Hour {
		t.Errorf("%+v", open)
	}
}

// The cap is never passed, whatever the amounts, and what fits is let through.
func TestBudgetIsShared(t *testing.T) {
	dir := t.TempDir()
	ledgers := []*Ledger{openTest(t, dir), openTest(t, dir)}
	noError(t, ledgers[0].PutRun(t.Context(), Run{ID: "r"}))
	const limit, worst = 100_000, 700
	var wg sync.WaitGroup
	var refused atomic.Int64
	for g := range 64 {
		l := ledgers[g%2]
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 3))
			for {
				id, err := l.Reserve(t.Context(), "r", limit, worst)
				var over *OverBudgetError
				if errors.As(err, &over) {
					refused.Add(1)
					if over.Committed+worst <= limit {
						t.Errorf("refused without need: %+v", over)
					}
					if over.Open == 0 {
						return
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if settled, open, err := l.Spent(t.Context(), "r"); err != nil || settled+open > limit {
					t.Errorf("%d and %d: the cap is passed, %v", settled, open, err)
				}
				if err := l.Settle(t.Context(), id, random.Int64N(worst+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	settled, open := spentBy(t, ledgers[0], "r")
	if open != 0 || settled > limit || settled < limit-worst {
		t.Errorf("%d spent, %d open", settled, open)
	}
}

// A reservation does not wait for what else is queued.
func TestReserveGoesFirst(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	release := block(t, l)
	var order []string
	var wg sync.WaitGroup
	for range 100 {
		wg.Add(1)
		noError(t, l.enqueue(t.Context(), write{
			do:   func(context.Context, *db.Queries) error { order = append(order, "write"); return nil },
			done: func(error) { wg.Done() },
		}))
	}
	wg.Add(1)
	noError(t, l.enqueueIn(t.Context(), l.urgent, write{
		do:   func(context.Context, *db.Queries) error { order = append(order, "urgent"); return nil },
		done: func(error) { wg.Done() },
	}))
	release()
	wg.Wait()
	if len(order) != 101 || order[0] != "urgent" {
		t.Errorf("%v", order)
	}
}

// budgetChild reserves and settles until there is no room; it prints what it has settled.
func budgetChild(dir string) {
	l, err := Open(context.Background(), dir)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				id, err := l.Reserve(context.Background(), "r", 300_000, 1000)
				var over *OverBudgetError
				if errors.As(err, &over) {
					return
				}
				if err == nil {
					fmt.Printf("%064d\n", id)
					err = l.Settle(context.Background(), id, 100)
				}
				if err != nil {
					fmt.Println("error:", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		fmt.Println("error:", err)
	}
}

// A process that is killed while it reserves leaves at most what it had in flight open, counted at its worst case;
// the others go on under the same cap.
func TestKilledWhileReserving(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	seen := 0
	for _, n := range []int{1, 30, 200} {
		killed, beside := start(t, dir, "budget"), start(t, dir, "budget")
		seen += len(killed.keys(t, n))
		noError(t, killed.Process.Kill())
		seen += len(killed.keys(t, -1))
		if err := killed.Wait(); err == nil {
			t.Log("it ended before it was killed")
		}
		noError(t, beside.Process.Kill())
		seen += len(beside.keys(t, -1))
		_ = beside.Wait()
		settled, open := spentBy(t, l, "r")
		// Every reservation that a process was told of is settled or open.
		if reserved := settled/100 + open/1000; reserved < int64(seen) {
			t.Errorf("%d reservations were made and %d are in the ledger", seen, reserved)
		}
		if settled+open > 300_000 {
			t.Errorf("the cap is passed: %d and %d", settled, open)
		}
	}
	last := start(t, dir, "budget")
	noError(t, last.stdin.Close())
	last.keys(t, -1)
	noError(t, last.Wait())
	settled, open := spentBy(t, l, "r")
	if settled+open > 300_000 || settled+open < 300_000-1000 {
		t.Errorf("in the end %d are spent and %d open", settled, open)
	}
	reservations, err := l.Reservations(t.Context(), "r")
	noError(t, err)
	if len(reservations) > 6*8 {
		t.Errorf("%d reservations are open, of six killed processes with eight calls each", len(reservations))
	}
}

func BenchmarkReserve(b *testing.B) {
	l := openTest(b, b.TempDir())
	noError(b, l.PutRun(b.Context(), Run{ID: "r"}))
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				id, err := l.Reserve(b.Context(), "r", math.MaxInt64, 1000)
				if err == nil {
					err = l.Settle(b.Context(), id, 10)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reservations/s")
}

func TestWaste(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	w := Waste{Run: "r", Paper: "p", System: "s", Stage: "coding", Model: "o3-mini", Source: "live", Kind: "cut-short", Prompt: 100, Cached: 10, Completion: 20, Reasoning: 5, At: day(1)}
	noError(t, l.PutWaste(t.Context(), w))
	w.Prompt, w.At = 50, day(3)
	noError(t, l.PutWaste(t.Context(), w))
	w.Kind = "empty"
	noError(t, l.PutWaste(t.Context(), w))
	rows, err := l.Wasted(t.Context(), "r")
	noError(t, err)
	if len(rows) != 2 || rows[0] != (WasteRow{Paper: "p", System: "s", Stage: "coding", Model: "o3-mini", Source: "live", Kind: "cut-short",
		Tries: 2, Prompt: 150, Cached: 20, Completion: 40, Reasoning: 10, Latest: day(3)}) || rows[1].Tries != 1 {
		t.Errorf("%+v", rows)
	}
	w.Run = "unknown"
	if err := l.PutWaste(t.Context(), w); err == nil || !strings.Contains(err.Error(), "put into the ledger first") {
		t.Errorf("unknown run: %v", err)
	}
}
