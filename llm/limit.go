package llm

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Limit returns a client that has at most n samples in flight, n at least 1. A request for several samples
// counts as that many; one for more than n waits until nothing else is in flight and is sent alone.
//
// It belongs below [Retry], so that a request which waits for its next try keeps nobody waiting.
func Limit(next Client, n int) Client {
	n = max(n, 1)
	slots := semaphore.NewWeighted(int64(n))
	return ClientFunc(func(ctx context.Context, req *Request) (*Response, error) {
		weight := int64(min(req.Count(), n))
		if err := slots.Acquire(ctx, weight); err != nil {
			return nil, context.Cause(ctx)
		}
		defer slots.Release(weight)
		return next.Complete(ctx, req)
	})
}
