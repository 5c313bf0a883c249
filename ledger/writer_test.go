package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"papereval/ledger/db"
)

func TestConcurrentPuts(t *testing.T) {
	const goroutines, puts = 64, 50
	dir := t.TempDir()
	l := openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range puts {
				c := testCall(fmt.Sprintf("%d %d", g, i))
				if i%5 == 0 { // shared by all
					c = testCall(fmt.Sprint(i))
				}
				if err := l.PutCall(t.Context(), c); err != nil {
					t.Error(err)
				}
				if got, err := l.Call(t.Context(), c.Key); err != nil || got.Text != c.Text {
					t.Errorf("call %d %d: %v", g, i, err)
				}
				if err := l.Use(t.Context(), Use{Run: "r", Key: c.Key, Seed: g}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	noError(t, l.Close())
	l = openTest(t, dir)
	var calls int
	noError(t, l.sql.QueryRow("SELECT count(*) FROM answers").Scan(&calls))
	if want := goroutines*puts*4/5 + puts/5; calls != want {
		t.Errorf("%d calls, want %d", calls, want)
	}
	usage, err := l.Usage(t.Context(), "r")
	noError(t, err)
	uses := 0
	for _, row := range usage {
		uses += row.Calls
	}
	if uses != goroutines*puts {
		t.Errorf("%d uses, want %d", uses, goroutines*puts)
	}
}

// block holds the writer until the returned function is called, so that what is put meanwhile is one batch.
func block(t *testing.T, l *Ledger) (release func()) {
	t.Helper()
	began, wait := make(chan struct{}), make(chan struct{})
	noError(t, l.enqueue(t.Context(), write{
		do:   func(context.Context, *db.Queries) error { close(began); <-wait; return nil },
		done: func(error) {},
	}))
	<-began
	return func() { close(wait) }
}

func TestGroupCommit(t *testing.T) {
	l := openTest(t, t.TempDir())
	release := block(t, l)
	var transactions atomic.Int64
	seen := &sync.Map{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Add(1)
		noError(t, l.enqueue(t.Context(), write{
			do: func(_ context.Context, q *db.Queries) error {
				if _, known := seen.LoadOrStore(q, true); !known {
					transactions.Add(1)
				}
				return nil
			},
			done: func(error) { wg.Done() },
		}))
	}
	release()
	wg.Wait()
	if n := transactions.Load(); n != 1 {
		t.Errorf("50 writes that were waiting took %d transactions", n)
	}
}

func TestRefusedWriteCostsNoOther(t *testing.T) {
	l := openTest(t, t.TempDir())
	release := block(t, l)
	const n = 9
	results := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		c := testCall(fmt.Sprint(i))
		noError(t, l.enqueue(t.Context(), write{
			do: func(ctx context.Context, q *db.Queries) error {
				if i == 4 {
					return errors.New("refused")
				}
				_, err := l.putRequest(ctx, q, c, nil)
				return err
			},
			done: func(err error) {
				results[i] = err
				wg.Done()
			},
		}))
	}
	release()
	wg.Wait()
	for i, err := range results {
		if (err != nil) != (i == 4) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	var stored int
	noError(t, l.sql.QueryRow("SELECT count(*) FROM requests").Scan(&stored))
	if stored != n-1 {
		t.Errorf("%d requests, want %d", stored, n-1)
	}
}

// An answer that was paid for is kept although the caller has been interrupted.
func TestCancelledPutIsKept(t *testing.T) {
	l := openTest(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 20 {
		c := testCall(fmt.Sprint(i))
		noError(t, l.PutCall(ctx, c))
		if _, err := l.Call(t.Context(), c.Key); err != nil {
			t.Error(err)
		}
	}
}

func TestFullQueueRespectsContext(t *testing.T) {
	l := openTest(t, t.TempDir())
	release := block(t, l)
	defer release()
	for range maxBatch {
		noError(t, l.enqueue(t.Context(), write{
			do: func(context.Context, *db.Queries) error { return nil }, done: func(error) {},
		}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.PutCall(ctx, testCall("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func BenchmarkPutCall(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			l := openTest(b, b.TempDir())
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range goroutines {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := l.PutCall(b.Context(), testCall(fmt.Sprint(i))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

func BenchmarkCall(b *testing.B) {
	l := openTest(b, b.TempDir())
	c := testCall("x")
	noError(b, l.PutCall(b.Context(), c))
	for b.Loop() {
		if _, err := l.Call(b.Context(), c.Key); err != nil {
			b.Fatal(err)
		}
	}
}
