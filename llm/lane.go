package llm

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	firstLimit  = 4
	leastLimit  = 1.0 / 64
	shrinks     = 0.7
	recovers    = 1.1             // a limit below 1, with each request that goes well
	longestHold = 5 * time.Minute // more than that is for Retry to decide on
	longestRest = time.Minute     // after each request, with a limit below 1
)

// lane is the way to one model of one endpoint.
type lane struct {
	most, step float64
	samples    *rate.Limiter // nil for no limit
	tokens     *rate.Limiter

	mu       sync.Mutex
	limit    float64
	starting bool // nothing was refused so far
	epoch    int  // how often the limit shrank
	inFlight int
	waiting  int           // samples
	queue    list.List     // of *turn
	trip     time.Duration // smoothed time of a round trip
	held     time.Time     // nothing is sent before
	until    time.Time     // when timer looks again
	timer    *time.Timer   // nil where nothing is waited for but the limit
}

// turn is one request's.
type turn struct {
	weight, tokens int
	place          *list.Element
	ready          chan struct{}
	epoch          int  // of its start
	busy           bool // the limit was made use of when it started
}

func newLane(o PaceOptions) *lane {
	l := &lane{most: float64(o.Max), step: max(1, float64(o.Max)/32), limit: float64(min(firstLimit, o.Max)), starting: true}
	l.samples, l.tokens = perMinute(o.RPM), perMinute(o.TPM)
	return l
}

// perMinute is a limit that holds over every minute, because it lets no more through at once than in a second.
func perMinute(n int) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(float64(n)/60), max(n/60, 1))
}

// enter waits for a turn. The context's error is returned where it ends before.
func (l *lane) enter(ctx context.Context, t *turn) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.mu.Lock()
	t.place = l.queue.PushBack(t)
	l.waiting += t.weight
	l.admit()
	l.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.place != nil {
		l.remove(t)
	} else { // its turn came at the same moment
		l.inFlight -= t.weight
	}
	l.admit()
	return context.Cause(ctx)
}

// admit gives their turn to those who come first, as far as the limits allow. l.mu is held.
func (l *lane) admit() {
	now := time.Now()
	for e := l.queue.Front(); e != nil; e = l.queue.Front() {
		t := e.Value.(*turn)
		if l.inFlight > 0 && float64(l.inFlight+t.weight) > max(l.limit, 1) {
			break // whoever leaves looks again
		}
		if wait := l.wait(now, t); wait > 0 {
			l.lookAgain(now, wait)
			return
		}
		l.remove(t)
		l.inFlight += t.weight
		t.epoch, t.busy = l.epoch, float64(2*l.inFlight) >= l.limit
		close(t.ready)
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer, l.until = nil, time.Time{}
	}
}

// remove takes a turn out of the queue.
func (l *lane) remove(t *turn) {
	l.queue.Remove(t.place)
	t.place = nil
	l.waiting -= t.weight
}

// wait is how long the next one must wait for time to pass. Where that is 0, its share of the rates is taken.
func (l *lane) wait(now time.Time, t *turn) time.Duration {
	wait := max(l.held.Sub(now), owed(l.samples, now), owed(l.tokens, now))
	if wait <= 0 {
		take(l.samples, now, t.weight)
		take(l.tokens, now, t.tokens)
	}
	return wait
}

// owed is how long it takes until a rate allows anything. Rates are overdrawn by what is larger than they
// allow at once, and paid back by waiting: so every request gets through, and the rate holds.
func owed(r *rate.Limiter, now time.Time) time.Duration {
	if r == nil {
		return 0
	}
	missing := 1 - r.TokensAt(now)
	// What is missing for less than a microsecond is rounding.
	return time.Duration(missing / float64(r.Limit()) * float64(time.Second)).Truncate(time.Microsecond)
}

func take(r *rate.Limiter, now time.Time, n int) {
	if r == nil {
		return
	}
	for burst := r.Burst(); n > 0; n -= burst {
		r.ReserveN(now, min(n, burst))
	}
}

// lookAgain has admit called after a while.
func (l *lane) lookAgain(now time.Time, wait time.Duration) {
	at := now.Add(wait)
	if l.timer != nil {
		if l.until.Equal(at) {
			return
		}
		l.timer.Stop()
	}
	l.until = at
	l.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.timer, l.until = nil, time.Time{}
		l.admit()
	})
}

// leave ends a turn and learns from how it went.
func (l *lane) leave(t *turn, resp *Response, err error, took time.Duration) {
	refused, hold, used := outcome(resp, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.inFlight -= t.weight
	take(l.tokens, now, used-t.tokens)
	switch {
	case refused && t.epoch == l.epoch:
		l.limit = max(l.limit*shrinks, min(leastLimit, l.most))
		l.epoch++
		l.starting = false
		if l.limit <= 1 {
			l.hold(now, min(hold, longestHold))
		}
	case err == nil && !refused:
		if l.trip == 0 {
			l.trip = took
		}
		l.trip += (took - l.trip) / 8
		l.grow(t)
	}
	if l.limit < 1 {
		l.hold(now, min(time.Duration(float64(l.trip)*(1/l.limit-1)), longestRest))
	}
	l.admit()
}

func (l *lane) grow(t *turn) {
	switch {
	case !t.busy:
	case l.starting:
		l.limit += float64(t.weight)
	case l.limit < 1:
		l.limit *= recovers
	default:
		l.limit += l.step * float64(t.weight) / l.limit
	}
	l.limit = min(l.limit, l.most)
}

func (l *lane) hold(now time.Time, d time.Duration) {
	if at := now.Add(d); d > 0 && at.After(l.held) {
		l.held = at
	}
}

// outcome says whether an endpoint refused for its rate or load, how long it asks to wait, and how many tokens
// were used.
func outcome(resp *Response, err error) (refused bool, wait time.Duration, used int) {
	look := func(err error) {
		var e *Error
		if !errors.As(err, &e) {
			return
		}
		used += e.Usage.Prompt + e.Usage.Completion
		if e.Kind == RateLimited || e.Kind == Overloaded {
			refused, wait = true, max(wait, e.RetryAfter)
		}
	}
	look(err)
	if resp != nil {
		for _, s := range resp.Samples {
			if look(s.Err); s.Err == nil {
				used += s.Usage.Prompt + s.Usage.Completion
			}
		}
	}
	return refused, wait, used
}

func (l *lane) stats() PaceStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return PaceStats{Limit: int(max(l.limit, 1)), InFlight: l.inFlight, Waiting: l.waiting, Until: l.until}
}
