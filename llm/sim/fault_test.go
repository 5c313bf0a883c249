package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/sim"
)

// seen is what a client sees of one request.
func seen(ctx context.Context, client *http.Client, url, prompt string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body(prompt, "")))
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if err != nil {
		return "reset"
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(resp.Body)
	text := string(data)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && text != "":
		return "stall"
	case errors.Is(err, io.ErrUnexpectedEOF) && text != "":
		return "cut"
	case err != nil:
		return err.Error()
	case resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "":
		return "rate429after"
	case resp.StatusCode == http.StatusTooManyRequests:
		return "rate429"
	case resp.StatusCode == http.StatusInternalServerError:
		return "rate500"
	case resp.StatusCode == http.StatusBadGateway && strings.HasPrefix(text, "<!DOCTYPE html>"):
		return "rate502html"
	case strings.Contains(text, ",,"):
		return "badjson"
	case strings.Contains(text, `"content":""`):
		return "empty"
	case strings.Contains(text, `\"score\": 4`):
		return "answered"
	case strings.Contains(text, `\"score\": `):
		return "badscore"
	case resp.StatusCode == http.StatusOK:
		return "truncated"
	}
	return fmt.Sprint(resp.Status, text)
}

// verdict is what a judge answers.
var verdict = sim.AnswererFunc(func(*llm.Request) (string, bool) {
	return `{"critique_list": [], "score": 4}`, true
})

func TestEveryFault(t *testing.T) {
	for _, name := range sim.FaultNames() {
		if name == "wrongusage" || strings.HasPrefix(name, "batch") {
			continue
		}
		server, s := serve(t, name+"=1", verdict)
		ctx, cancel := context.WithCancel(t.Context())
		if name == "timeout" || name == "stall" {
			ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
		}
		if got := seen(ctx, server.Client(), server.URL, "p"); got != name {
			t.Errorf("%s: %s", name, got)
		}
		cancel()
		if !strings.Contains(s.Counts(), name+" 1") {
			t.Errorf("%s: %s", name, s.Counts())
		}
	}
}

// TestRatesAreDeterministic asks the same of two servers in opposite order: every request meets the same fault.
func TestRatesAreDeterministic(t *testing.T) {
	const requests = 1000
	const query = "rate429=0.1&rate429after=0.1&rate500=0.1&rate502html=0.1&cut=0.1&reset=0.1&badjson=0.1&truncated=0.1&empty=0.1&badscore=0.1"
	var outcomes [2][requests]string
	counts := map[string]int{}
	for k := range outcomes {
		server, _ := serve(t, query+"&seed=9", verdict)
		for i := range requests {
			if k == 1 {
				i = requests - 1 - i
			}
			outcomes[k][i] = seen(t.Context(), server.Client(), server.URL, fmt.Sprint("p", i))
		}
	}
	for i := range requests {
		if outcomes[0][i] != outcomes[1][i] {
			t.Errorf("request %d: %s, then %s", i, outcomes[0][i], outcomes[1][i])
		}
		counts[outcomes[0][i]]++
	}
	want := map[string]float64{"rate429": 0.1, "rate429after": 0.1, "rate500": 0.1, "rate502html": 0.1, "cut": 0.1, "reset": 0.1, "badjson": 0.1,
		"truncated": 0.03, "empty": 0.03, "badscore": 0.03, "answered": 0.21}
	for name, n := range counts {
		p := want[name]
		if deviation := math.Abs(float64(n) - p*requests); deviation > 4.5*math.Sqrt(p*(1-p)*requests) {
			t.Errorf("%s: %d of %d, want about %.0f", name, n, requests, p*requests)
		}
	}
	if len(counts) != len(want) {
		t.Errorf("%v", counts)
	}
}

// TestTriesDiffer asks the same again and again: faults pass, and what is part of the answer stays.
func TestTriesDiffer(t *testing.T) {
	for name, passes := range map[string]bool{"rate500": true, "empty": true, "truncated": false, "badscore": false} {
		server, _ := serve(t, name+"=0.5", verdict)
		changed := 0
		for i := range 20 {
			first := seen(t.Context(), server.Client(), server.URL, fmt.Sprint(i))
			for range 10 {
				if seen(t.Context(), server.Client(), server.URL, fmt.Sprint(i)) != first {
					changed++
					break
				}
			}
		}
		if passes && changed < 4 || !passes && changed > 0 {
			t.Errorf("%s: %d of 20 requests changed their answer", name, changed)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	server, _ := serve(t, "wrongusage=1")
	wrong := 0
	for i := range 20 {
		u := ask(t, server, "", body(fmt.Sprint("prompt", i), "")).usage
		if u["prompt_tokens"] < 1 || u["completion_tokens"] < 1 || u["total_tokens"] != u["prompt_tokens"]+u["completion_tokens"] {
			wrong++
		}
	}
	if wrong != 20 {
		t.Errorf("%d of 20 are wrong", wrong)
	}
}

func TestLatency(t *testing.T) {
	server, _ := serve(t, "latency=80ms&jitter=40ms")
	var shortest, longest time.Duration = time.Hour, 0
	for i := range 8 {
		started := time.Now()
		ask(t, server, "", body(fmt.Sprint(i), ""))
		took := time.Since(started)
		shortest, longest = min(shortest, took), max(longest, took)
	}
	if shortest < 40*time.Millisecond || longest-shortest < 10*time.Millisecond {
		t.Errorf("from %v to %v", shortest, longest)
	}
}
