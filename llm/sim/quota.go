package sim

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// quota lets so many requests and tokens through in a minute, as OpenAI counts them: a bucket that is full at
// first and fills up again evenly.
type quota struct {
	mu               sync.Mutex
	requests, tokens bucket
}

// bucket has no limit where limit is 0.
type bucket struct {
	limit, level float64
	at           time.Time
}

func newQuota(rpm, tpm int) *quota {
	return &quota{requests: bucket{limit: float64(rpm), level: float64(rpm)}, tokens: bucket{limit: float64(tpm), level: float64(tpm)}}
}

func (b *bucket) fill(now time.Time) {
	if !b.at.IsZero() {
		b.level = min(b.limit, b.level+b.limit*now.Sub(b.at).Minutes())
	}
	b.at = now
}

// wait is how long it takes until n are there.
func (b *bucket) wait(n float64) time.Duration {
	if b.limit == 0 || b.level >= n {
		return 0
	}
	return time.Duration(math.Ceil((n - b.level) / b.limit * float64(time.Minute)))
}

// admit takes one request of so many tokens, or says why it is refused: then it takes nothing.
func (q *quota) admit(now time.Time, tokens int, h http.Header) *reply {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requests.fill(now)
	q.tokens.fill(now)
	defer func() {
		q.requests.headers(h, "requests")
		q.tokens.headers(h, "tokens")
	}()
	n := float64(tokens)
	if q.tokens.limit > 0 && n > q.tokens.limit {
		return limited("tokens", fmt.Sprintf("Request too large for the simulated model on tokens per min (TPM): Limit %.0f, Requested %d.", q.tokens.limit, tokens))
	}
	of, kind, unit, wanted := &q.requests, "requests", "requests per min (RPM)", 1.
	if q.tokens.wait(n) > q.requests.wait(1) {
		of, kind, unit, wanted = &q.tokens, "tokens", "tokens per min (TPM)", n
	}
	if wait := of.wait(wanted); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		h.Set("Retry-After-Ms", strconv.FormatInt(int64(math.Ceil(float64(wait)/1e6)), 10))
		return limited(kind, fmt.Sprintf("Rate limit reached for the simulated model on %s: Limit %.0f, Used %.0f, Requested %.0f. Please try again in %s.",
			unit, of.limit, of.limit-of.level, wanted, rounded(wait)))
	}
	q.requests.level--
	q.tokens.level -= n
	return nil
}

// spend takes the tokens of an answer, which were not known before: the level may fall below zero.
func (q *quota) spend(tokens int) {
	q.mu.Lock()
	q.tokens.level -= float64(tokens)
	q.mu.Unlock()
}

func limited(kind, message string) *reply {
	r := refusal(http.StatusTooManyRequests, "rate_limit_exceeded", message)
	r.body = errorBody(kind, "rate_limit_exceeded", message)
	return &r
}

// headers are OpenAI's: what the limit is, what is left of it, and when it is whole again.
func (b *bucket) headers(h http.Header, name string) {
	if b.limit == 0 {
		return
	}
	h.Set("X-Ratelimit-Limit-"+name, strconv.Itoa(int(b.limit)))
	h.Set("X-Ratelimit-Remaining-"+name, strconv.Itoa(int(max(0, b.level))))
	h.Set("X-Ratelimit-Reset-"+name, rounded(b.wait(b.limit)).String())
}

func rounded(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}
