package llm_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/sim"
)

// retrying is a client over HTTP that does not really wait; waits are told of in the result.
func retrying(t *testing.T, faults ...sim.Fault) (llm.Client, *sim.Server, *[]llm.Wait) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	server.Faults = func(n int, _ *http.Request) sim.Fault {
		if len(faults) == 0 {
			return sim.Fault{}
		}
		return faults[min(n, len(faults)-1)]
	}
	var waits []llm.Wait
	var slept []time.Duration
	c := llm.RetryWithSleep(endpoint(t, server),
		func(_ llm.Label, w llm.Wait) { waits = append(waits, w) },
		func(ctx context.Context, d time.Duration) error { slept = append(slept, d); return ctx.Err() })
	t.Cleanup(func() {
		for i, w := range waits {
			if slept[i] != w.For {
				t.Errorf("pause %d was announced as %s and took %s", i, w.For, slept[i])
			}
		}
	})
	return c, server, &waits
}

func TestRetryByKind(t *testing.T) {
	ok := sim.Fault{}
	for name, tt := range map[string]struct {
		faults   []sim.Fault
		kind     llm.Kind // "" where an answer comes in the end
		requests int
	}{
		"rate limit":           {[]sim.Fault{{Status: 429}, {Status: 429}, ok}, "", 3},
		"always limited":       {[]sim.Fault{{Status: 429}}, llm.RateLimited, 6},
		"limited, and says so": {[]sim.Fault{{Status: 429, RetryAfter: "1"}}, llm.RateLimited, 15},
		"asked, then silent": {[]sim.Fault{{Status: 429, RetryAfter: "1"}, {Status: 429, RetryAfter: "1"}, {Status: 429, RetryAfter: "1"}, {Status: 429, RetryAfter: "1"},
			{Status: 503, RetryAfter: "1"}, {Status: 503, RetryAfter: "1"}, {Status: 503, RetryAfter: "1"}, {Status: 500}}, llm.Server, 8},
		"no credit":       {[]sim.Fault{{Status: 429, Code: "insufficient_quota"}}, llm.OutOfCredit, 1},
		"overload":        {[]sim.Fault{{Status: 503}, ok}, "", 2},
		"server":          {[]sim.Fault{{Status: 500}, {Status: 502, HTML: true}, ok}, "", 3},
		"always 500":      {[]sim.Fault{{Status: 500}}, llm.Server, 6},
		"reset":           {[]sim.Fault{{Reset: true}, ok}, "", 2},
		"cut body":        {[]sim.Fault{{Cut: true}, {Cut: true}, ok}, "", 3},
		"always cut":      {[]sim.Fault{{Cut: true}}, llm.CutShort, 3},
		"length":          {[]sim.Fault{{Finish: "length"}}, llm.Length, 3},
		"empty":           {[]sim.Fault{{Empty: true}, ok}, "", 2},
		"always empty":    {[]sim.Fault{{Empty: true}}, llm.Empty, 3},
		"page":            {[]sim.Fault{{HTML: true}, ok}, "", 2},
		"wrong base URL":  {[]sim.Fault{{Status: 404, HTML: true}}, llm.NotAnAnswer, 1},
		"wrong key":       {[]sim.Fault{{Status: 401}}, llm.Unauthorized, 1},
		"unknown model":   {[]sim.Fault{{Status: 404, Code: "model_not_found"}}, llm.UnknownModel, 1},
		"prompt too long": {[]sim.Fault{{Status: 400, Code: "context_length_exceeded"}}, llm.PromptTooLong, 1},
		"bad request":     {[]sim.Fault{{Status: 400}}, llm.BadRequest, 1},
		"filtered":        {[]sim.Fault{{Finish: "content_filter"}}, llm.Filtered, 1},
		"mixed":           {[]sim.Fault{{Empty: true}, {Status: 500}, {Cut: true}, {Status: 500}, {Empty: true}}, llm.Empty, 5},
	} {
		t.Run(name, func(t *testing.T) {
			c, server, waits := retrying(t, tt.faults...)
			s, err := llm.One(t.Context(), c, request("p", 4, 1))
			if llm.KindOf(err) != tt.kind || (err == nil) != (tt.kind == "") {
				t.Errorf("got %v, want kind %q", err, tt.kind)
			}
			if err == nil && (s.Text != "to p" || s.Index != 4) {
				t.Errorf("got %+v", s)
			}
			if server.Requests() != tt.requests || len(*waits) != tt.requests-1 {
				t.Errorf("%d requests and %d pauses, want %d requests", server.Requests(), len(*waits), tt.requests)
			}
		})
	}
}

func TestRetryPauses(t *testing.T) {
	c, _, waits := retrying(t, sim.Fault{Status: 429, RetryAfter: "7"}, sim.Fault{Status: 503, RetryAfter: "0"},
		sim.Fault{Status: 500}, sim.Fault{Empty: true}, sim.Fault{})
	if _, err := llm.One(t.Context(), c, request("p", 0, 1)); err != nil {
		t.Fatal(err)
	}
	between := func(i int, low, high time.Duration) {
		if w := (*waits)[i]; w.For < low || w.For > high || w.Try != i+1 || w.Samples != 1 || w.Err == nil {
			t.Errorf("pause %d: %+v, want %s to %s", i, w, low, high)
		}
	}
	between(0, 7*time.Second, 7*time.Second)  // as asked
	between(1, 2*time.Second, 6*time.Second)  // 4 s with jitter: 0 asks for nothing
	between(2, 4*time.Second, 12*time.Second) // 8 s with jitter
	between(3, 0, 0)                          // a lost answer needs no pause
	c, server, _ := retrying(t, sim.Fault{Status: 429, RetryAfter: "86400"})
	if _, err := llm.One(t.Context(), c, request("p", 0, 1)); llm.KindOf(err) != llm.RateLimited || server.Requests() != 1 {
		t.Errorf("a wait of a day: %v after %d requests", err, server.Requests())
	}
}

func TestRetryAsksOnlyForFailedSamples(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	server.Faults = func(n int, _ *http.Request) sim.Fault { return sim.Fault{Empty: n == 0} }
	var asked []int
	below := endpoint(t, server)
	c := llm.RetryWithSleep(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		asked = append(asked, req.First, req.Count())
		return below.Complete(ctx, req)
	}), nil, func(context.Context, time.Duration) error { return nil })
	resp, err := c.Complete(t.Context(), request("p", 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range resp.Samples {
		if s.Err != nil || s.Index != 2+i {
			t.Errorf("%+v", s)
		}
	}
	if len(asked) != 4 || asked[2] != 2 || asked[3] != 1 {
		t.Errorf("asked for (first, count) %v, want 2 3 2 1", asked)
	}
}

func TestRetryKeepsWhatThereIsWhenStopped(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	server.Faults = func(int, *http.Request) sim.Fault { return sim.Fault{Empty: true} }
	stopped := errors.New("stopped")
	c := llm.RetryWithSleep(endpoint(t, server), nil, func(context.Context, time.Duration) error { return stopped })
	resp, err := c.Complete(t.Context(), request("p", 0, 2))
	if err != nil || resp.Samples[1].Err != nil || llm.KindOf(resp.Samples[0].Err) != llm.Empty {
		t.Errorf("%+v, %v", resp, err)
	}
	if _, err = c.Complete(t.Context(), request("p", 0, 1)); !errors.Is(err, stopped) {
		t.Errorf("nothing was answered: %v", err)
	}
}

func TestRetryReallyWaits(t *testing.T) {
	server := sim.NewServer(sim.AnswererFunc(echo))
	ctx, cancel := context.WithCancel(t.Context())
	server.Faults = func(int, *http.Request) sim.Fault { return sim.Fault{Status: 429, RetryAfter: "600"} }
	c := llm.Retry(endpoint(t, server), func(llm.Label, llm.Wait) { cancel() })
	if _, err := llm.One(ctx, c, request("p", 0, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
