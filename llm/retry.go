package llm

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// maxTries bounds how often one sample is asked for when the endpoint cannot answer. With the delays
	// below, the tries span about a minute, the window of most rate limits.
	maxTries = 6
	// maxAsked bounds it where the endpoint says each time how long to wait. A limit of requests per minute
	// that many callers share may refuse one of them again and again, by nobody's fault.
	maxAsked = 15
	// maxUnusable bounds how often one sample is asked for when what comes is no whole answer; each of them
	// may have been paid for.
	maxUnusable = 3
	// maxWait is the longest wait that an endpoint may ask for. Daily limits ask for hours: it is better to
	// stop and say so than to seem to hang.
	maxWait = 15 * time.Minute
)

// Wait is a pause before samples are asked for again.
type Wait struct {
	For     time.Duration
	Try     int // the try that failed, from 1
	Samples int // how many samples are asked for again
	Err     error
}

// Retry returns a client that asks again for samples that failed, and only for those:
//
//   - rate limits, overload, network and server failures up to 6 tries in all, after a wait that doubles from
//     2 seconds with jitter; up to 15 tries where the endpoint asks for a wait, after that one;
//   - cut and empty answers, and pages that are no answer, twice more;
//   - anything else (a wrong key, an unknown model, a prompt that is too long) not at all.
//
// It belongs above [Remember], so that samples which were answered are stored before others are waited for.
// notify, unless nil, is told of every pause; it must be safe for concurrent use.
func Retry(next Client, notify func(Label, Wait)) Client {
	if notify == nil {
		notify = func(Label, Wait) {}
	}
	return &retry{next: next, notify: notify, sleep: sleep}
}

type retry struct {
	next   Client
	notify func(Label, Wait)
	sleep  func(context.Context, time.Duration) error
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *retry) Complete(ctx context.Context, req *Request) (*Response, error) {
	samples := make([]Sample, req.Count())
	unusable := make([]int, len(samples)) // how many answers of each sample could not be used
	pending := make([]int, len(samples))  // indexes
	for i := range pending {
		pending[i] = req.First + i
	}
	delays := &backoff.ExponentialBackOff{InitialInterval: 2 * time.Second, RandomizationFactor: 0.5,
		Multiplier: 2, MaxInterval: time.Minute}
	delays.Reset()
	for try := 1; ; try++ {
		// Different samples are written to different elements, so done may be called concurrently.
		whole := Ask(ctx, r.next, req, pending, func(s Sample) {
			samples[s.Index-req.First] = s
		})
		wait := Wait{Try: try}
		var again []int
		pause := delays.NextBackOff()
		for _, index := range pending {
			i := index - req.First
			d, ok := delay(samples[i].Err, try, &unusable[i], pause)
			if !ok {
				continue
			}
			again = append(again, index)
			wait.For = max(wait.For, d)
			wait.Err = samples[i].Err
		}
		if wait.Samples = len(again); wait.Samples == 0 || ctx.Err() != nil {
			return response(samples, pending, whole)
		}
		r.notify(req.Label, wait)
		if err := r.sleep(ctx, wait.For); err != nil {
			return response(samples, pending, err)
		}
		pending = again
	}
}

// response is what a request ends with: an error only where there is no answer at all.
func response(samples []Sample, pending []int, whole error) (*Response, error) {
	answered := slices.ContainsFunc(samples, func(s Sample) bool { return s.Err == nil })
	if whole != nil && !answered && len(pending) == len(samples) {
		return nil, whole
	}
	return &Response{Samples: samples}, nil
}

// delay says whether a sample is asked for again, and after how long.
func delay(err error, try int, unusable *int, pause time.Duration) (time.Duration, bool) {
	var e *Error
	if !errors.As(err, &e) || try >= maxAsked {
		return 0, false
	}
	switch e.Kind {
	case RateLimited, Overloaded, Network, Server:
		if e.RetryAfter > 0 {
			return e.RetryAfter, e.RetryAfter <= maxWait
		}
		return pause, try < maxTries
	case CutShort, Length, Empty, NotAnAnswer:
		*unusable++
		// An error status says that asking was wrong, not that the answer was lost.
		return 0, *unusable < maxUnusable && try < maxTries && e.Status < 400
	}
	return 0, false
}
