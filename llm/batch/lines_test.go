package batch_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"papereval/llm"
)

// TestTogetherIsRefused has endpoints that refuse n, and that ignore it: the samples go into lines of their own in the
// next wave, none at the full price, and from then on all do at once.
func TestTogetherIsRefused(t *testing.T) {
	for option, sent := range map[string][]int{
		"refuse": {3, 1, 1, 1, 1, 1},
		"ignore": {3, 1, 1, 1, 1},
	} {
		e, dir, keep := serve(t, "batchdelay=10ms&n="+option), t.TempDir(), newStore()
		s := start(t, e, dir, keep, nil)
		ask := func(prompt string, samples int) {
			t.Helper()
			resp, err := s.Complete(t.Context(), request(prompt, samples))
			if err != nil {
				t.Fatal(err)
			}
			for i, sample := range resp.Samples {
				if sample.Err != nil || sample.Text != fmt.Sprintf("to %s, %d", prompt, i) || !sample.Batched || sample.Usage.Prompt == 0 {
					t.Errorf("%s: %+v", option, sample)
				}
			}
		}
		ask("p", 3)
		if s.Waves() != 2 {
			t.Errorf("%s: %d waves", option, s.Waves())
		}
		ask("q", 2)
		var got []int
		for _, line := range e.lines(t) {
			got = append(got, line.N)
		}
		if !slices.Equal(got, sent) || s.Waves() != 3 || *s.live != 0 || len(keep.answered) != 5 {
			t.Errorf("%s: lines of %v, want %v; %d waves, %d singly, %d stored", option, got, sent, s.Waves(), *s.live, len(keep.answered))
		}
		s.Close()
		empty(t, dir)
	}
}

// TestAFormIsRefused has an endpoint that does not understand all of a request: that is left out in the next wave, and
// from then on, and nothing is asked for singly.
func TestAFormIsRefused(t *testing.T) {
	for options, sent := range map[string]string{
		"schema=refuse":          "[2 2 2 2 3 3 3]", // with a schema, for any object, without; and one line more
		"schema=refuse&n=refuse": fmt.Sprint(append(slices.Repeat([]int{1}, 3*5+2), 2, 3)),
	} {
		e, dir := serve(t, "batchdelay=10ms&"+options), t.TempDir()
		s := start(t, e, dir, newStore(), nil)
		c := s.Watch(s.Sender)
		ask := func(prompt string, samples int) func() {
			ctx, done := s.Work(t.Context())
			return func() {
				defer done()
				req := request(prompt, samples)
				req.Schema = &llm.Schema{Name: "s", JSON: json.RawMessage(`{"type":"object"}`)}
				resp, err := c.Complete(ctx, req)
				if err != nil {
					t.Error(err)
					return
				}
				for _, sample := range resp.Samples {
					if sample.Err != nil || !sample.Batched {
						t.Errorf("%s: %+v", options, sample)
					}
				}
			}
		}
		var wg sync.WaitGroup
		for _, first := range []func(){ask("p", 2), ask("q", 3)} {
			wg.Go(first)
		}
		wg.Wait()
		ask("r", 2)()
		var got []int
		for _, line := range e.lines(t) {
			got = append(got, line.N)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != sent || *s.live != 0 {
			t.Errorf("%s: lines of %v, want %s; %d singly", options, got, sent, *s.live)
		}
		s.Close()
		empty(t, dir)
	}
}

// TestRefusedInAnyForm has a prompt that is refused whether its samples are asked for together or not: nothing is
// tried for ever, and nothing is learned from it about n.
func TestRefusedInAnyForm(t *testing.T) {
	e := serve(t, "batchdelay=10ms")
	s := start(t, e, t.TempDir(), newStore(), nil)
	resp, err := s.Complete(t.Context(), request("unknown", 2))
	if err != nil || llm.KindOf(resp.Samples[1].Err) != llm.BadRequest || s.Waves() != 2 || *s.live != 2 {
		t.Errorf("%+v, %v, %d waves, %d singly", resp, err, s.Waves(), *s.live)
	}
	askAll(t, s, 1)
	if lines := e.lines(t); lines[len(lines)-1].N != 2 {
		t.Errorf("%+v", lines)
	}
}

func TestUsageOfALine(t *testing.T) {
	for _, options := range []string{"batchdelay=10ms", "batchdelay=10ms&wrongusage=1"} {
		e := serve(t, options)
		s := start(t, e, t.TempDir(), newStore(), nil)
		resp, err := s.Complete(t.Context(), request("How much is it?", 3))
		if err != nil {
			t.Fatal(err)
		}
		var u llm.Usage
		for _, sample := range resp.Samples {
			u = u.Add(sample.Usage)
		}
		one := llm.PromptTokens(request("How much is it?", 1)) // once for all, as with n outside of batches
		if u.Prompt < one/3 || u.Prompt > one || u.Completion < 3*5 || u.Completion > 3*20 {
			t.Errorf("%s: %+v, one prompt has %d", options, u, one)
		}
	}
}
