package llm

import (
	"context"
	"errors"
)

// Waste returns a client that tells of what was paid for nothing: tell is called for every sample that failed
// although it cost something (see [Error].Usage), as soon as it did. tell must be safe for concurrent use.
//
// It belongs below [Retry] and [Remember], so that it sees every try.
func Waste(next Client, tell func(ctx context.Context, req *Request, e *Error)) Client {
	return ClientFunc(func(ctx context.Context, req *Request) (*Response, error) {
		resp, err := next.Complete(ctx, req)
		note := func(err error) {
			var e *Error
			if errors.As(err, &e) && e.Usage != (Usage{}) {
				tell(ctx, req, e)
			}
		}
		if note(err); err != nil {
			return nil, err
		}
		for _, s := range resp.Samples {
			note(s.Err)
		}
		return resp, nil
	})
}
