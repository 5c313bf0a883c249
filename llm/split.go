package llm

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Ask sends the samples with the given indexes (in ascending order) of a request: one request for each run
// of neighbouring indexes, all at the same time. done is called for every sample, with its error if it has
// one, as soon as its request has ended; calls for different runs may overlap. The error is non-nil if
// every request failed as a whole: it is then that of the first. What a failed request cost is in the error of its
// first sample alone.
func Ask(ctx context.Context, next Client, req *Request, indexes []int, done func(Sample)) error {
	runs := contiguous(indexes)
	failures := make([]error, len(runs))
	var wg sync.WaitGroup
	for i, r := range runs {
		wg.Go(func() {
			sub := *req
			sub.First, sub.Samples = r.first, r.count
			resp, err := next.Complete(ctx, &sub)
			failures[i] = err
			for k := range r.count {
				index := r.first + k
				switch {
				case err != nil && k > 0:
					done(Sample{Index: index, Err: unpaid(err)})
				case err != nil:
					done(Sample{Index: index, Err: err})
				case k >= len(resp.Samples):
					done(Sample{Index: index, Err: &Error{Kind: Empty, Endpoint: req.Model.Endpoint, Model: req.Model.Name,
						Message: fmt.Sprintf("%d samples were asked for and %d came", r.count, len(resp.Samples))}})
				default:
					s := resp.Samples[k]
					s.Index = index
					done(s)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range failures {
		if err == nil {
			return nil
		}
	}
	return failures[0]
}

// unpaid is an error without what the failed request cost.
func unpaid(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Usage == (Usage{}) {
		return err
	}
	copied := *e
	copied.Usage = Usage{}
	return &copied
}

type run struct{ first, count int }

// contiguous groups ascending indexes into runs of neighbours: 0 1 2 5 6 are 0+3 and 5+2.
func contiguous(indexes []int) []run {
	var runs []run
	for _, i := range indexes {
		if n := len(runs); n > 0 && runs[n-1].first+runs[n-1].count == i {
			runs[n-1].count++
		} else {
			runs = append(runs, run{i, 1})
		}
	}
	return runs
}
