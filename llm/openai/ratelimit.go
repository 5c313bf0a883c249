package openai

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// rates are the headers that tell what is left of a rate and when it is whole again.
var rates = []struct{ left, reset string }{
	{"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"}, // OpenAI, Azure, Groq
	{"X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Reset"}, // OpenRouter
	{"Ratelimit-Remaining", "Ratelimit-Reset"},
	{"Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"},
	{"Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"},
}

// askedWait is how long a response with a status of failure asks to wait: what it says outright, or else the
// longest time until a rate of which nothing is left is whole again. It is 0 where it says nothing.
func askedWait(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return seconds(ms / 1000)
	}
	if wait := moment(h.Get("Retry-After"), now); wait > 0 {
		return wait
	}
	var wait time.Duration
	for _, r := range rates {
		if left, err := strconv.ParseFloat(h.Get(r.left), 64); err == nil && left <= 0 {
			wait = max(wait, moment(h.Get(r.reset), now))
		}
	}
	return wait
}

// moment reads a time to come as endpoints write it: a number of seconds, a duration ("6m0s", "20ms"), a date,
// or a Unix time in seconds or milliseconds. It is 0 for anything else and for what has passed.
func moment(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		switch {
		case n >= 1e12:
			return until(time.UnixMilli(int64(min(n, 1e15))), now)
		case n >= 1e9:
			return until(time.Unix(int64(n), 0), now)
		}
		return seconds(n)
	}
	if d, err := time.ParseDuration(value); err == nil {
		return seconds(d.Seconds())
	}
	if at, err := http.ParseTime(value); err == nil {
		return until(at, now)
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return until(at, now)
	}
	return 0
}

func until(at, now time.Time) time.Duration { return seconds(at.Sub(now).Seconds()) }

// seconds is a duration; its upper limit keeps nonsense from overflowing.
func seconds(n float64) time.Duration {
	if !(n > 0) { // NaN neither
		return 0
	}
	return time.Duration(min(n, 1e8) * float64(time.Second))
}
