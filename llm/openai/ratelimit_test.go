package openai_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"papereval/llm"
)

func TestRateLimitHeaders(t *testing.T) {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	for name, tt := range map[string]struct {
		headers   map[string]string
		low, high time.Duration
	}{
		"none":                     {nil, 0, 0},
		"milliseconds first":       {map[string]string{"retry-after-ms": "20", "retry-after": "9"}, 20 * time.Millisecond, 20 * time.Millisecond},
		"said outright":            {map[string]string{"retry-after": "9", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 9 * time.Second, 9 * time.Second},
		"requests":                 {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "9h"}, 6 * time.Minute, 6 * time.Minute},
		"tokens":                   {map[string]string{"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 20 * time.Millisecond, 20 * time.Millisecond},
		"both":                     {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-tokens": "-3", "x-ratelimit-reset-tokens": "7.66s"}, 7660 * time.Millisecond, 7660 * time.Millisecond},
		"plenty left":              {map[string]string{"x-ratelimit-remaining-requests": "10", "x-ratelimit-reset-requests": "6m0s"}, 0, 0},
		"seconds":                  {map[string]string{"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30 * time.Second, 30 * time.Second},
		"Unix time, milliseconds":  {map[string]string{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999999"}, 1000 * time.Hour, 1 << 62},
		"Unix time, past":          {map[string]string{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1500000000"}, 0, 0},
		"date":                     {map[string]string{"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": in(90 * time.Second)}, 80 * time.Second, 90 * time.Second},
		"nonsense":                 {map[string]string{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon", "retry-after": "NaN", "retry-after-ms": "x"}, 0, 0},
		"negative":                 {map[string]string{"retry-after": "-5"}, 0, 0},
		"without an upper limit":   {map[string]string{"retry-after": "1e300"}, 1000 * time.Hour, 1 << 62},
		"left is not said, 0 wait": {map[string]string{"x-ratelimit-reset-requests": "6m0s"}, 0, 0},
	} {
		c := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range tt.headers {
				w.Header().Set(k, v)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"message":"slow"}}`)
		}))
		_, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1))
		var e *llm.Error
		if !errors.As(err, &e) || e.RetryAfter < tt.low || e.RetryAfter > tt.high {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
