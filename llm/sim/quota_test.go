package sim

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestQuota(t *testing.T) {
	q := newQuota(60, 6000)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	admit := func(after time.Duration, tokens int) (http.Header, *reply) {
		now = now.Add(after)
		h := http.Header{}
		return h, q.admit(now, tokens, h)
	}
	for i := range 60 {
		if _, refused := admit(0, 10); refused != nil {
			t.Fatalf("request %d: %s", i, refused.body)
		}
	}
	h, refused := admit(0, 10)
	if refused == nil || refused.status != 429 || !strings.Contains(string(refused.body), "requests per min (RPM): Limit 60, Used 60, Requested 1. Please try again in 1s") {
		t.Fatalf("%+v", refused)
	}
	for name, want := range map[string]string{"Retry-After": "1", "Retry-After-Ms": "1000", "X-Ratelimit-Limit-Requests": "60",
		"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1m0s", "X-Ratelimit-Limit-Tokens": "6000",
		"X-Ratelimit-Remaining-Tokens": "5400", "X-Ratelimit-Reset-Tokens": "6s"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, refused := admit(999*time.Millisecond, 10); refused == nil {
		t.Error("a request is let through too early")
	}
	if _, refused := admit(time.Millisecond, 10); refused != nil {
		t.Errorf("after a second: %s", refused.body)
	}
	q.spend(5000) // the answers were long
	h, refused = admit(10*time.Second, 2000)
	if refused == nil || !strings.Contains(string(refused.body), "tokens per min (TPM)") || h.Get("Retry-After") == "" {
		t.Errorf("%+v", refused)
	}
	if _, refused = admit(time.Minute, 2000); refused != nil {
		t.Errorf("after a minute: %s", refused.body)
	}
	if _, refused = admit(time.Hour, 6001); refused == nil || !strings.Contains(string(refused.body), "Request too large") {
		t.Errorf("%+v", refused)
	}
	free := newQuota(0, 0)
	h = http.Header{}
	for range 1000 {
		if free.admit(now, 1e6, h) != nil || len(h) > 0 {
			t.Fatal("a limit where there is none")
		}
	}
}
