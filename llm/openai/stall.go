package openai

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Limits bound the time that a request may take.
type Limits struct {
	// Answer bounds all of it.
	Answer time.Duration
	// First bounds the wait for the first byte of a streamed answer. Reasoning models think for minutes
	// before it.
	First time.Duration
	// Stall bounds the time between one byte of a streamed answer and the next.
	Stall time.Duration
}

// usualLimits hold unless others are set.
var usualLimits = Limits{Answer: 30 * time.Minute, First: 10 * time.Minute, Stall: 2 * time.Minute}

// stalledError is the cause of a request's end when it took too long.
type stalledError struct {
	limit time.Duration
	what  string
}

func (e *stalledError) Error() string { return fmt.Sprintf("%s for %s", e.what, e.limit) }

// watch ends a request that makes no progress.
type watch struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	limit *stalledError // that holds now
	next  *stalledError // that holds from the next byte on
}

// newWatch returns a context that ends, with a *stalledError as its cause, after the first limit, or after the
// second one without progress. The caller stops the watch.
func newWatch(ctx context.Context, first, next *stalledError) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{cancel: cancel, limit: first, next: next}
	w.timer = time.AfterFunc(first.limit, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		cancel(w.limit)
	})
	return ctx, w
}

// progress begins the limit anew.
func (w *watch) progress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = w.next
	w.timer.Reset(w.limit.limit)
}

// finish gives what may still come one last limit.
func (w *watch) finish(last *stalledError) {
	w.mu.Lock()
	w.next = last
	w.mu.Unlock()
	w.progress()
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// watched notes what is read as progress.
type watched struct {
	io.Reader
	watch *watch
}

func (r *watched) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.watch.progress()
	}
	return n, err
}
