package llm

import (
	"context"
	"time"
)

// RetryWithSleep is Retry with another way to wait.
func RetryWithSleep(next Client, notify func(Label, Wait), sleep func(context.Context, time.Duration) error) Client {
	c := Retry(next, notify).(*retry)
	c.sleep = sleep
	return c
}

// Contiguous is contiguous, as pairs.
func Contiguous(indexes []int) (out [][2]int) {
	for _, r := range contiguous(indexes) {
		out = append(out, [2]int{r.first, r.count})
	}
	return out
}

// NewKeys returns a function that makes the keys of all samples of requests, and remembers how these begin.
func NewKeys() func(*Request) []string {
	k := &keyer{}
	return func(req *Request) []string { return k.keys(req, req.First, req.Count()) }
}
