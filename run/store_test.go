package run

import (
	"testing"
	"time"

	"papereval/ledger"
	"papereval/llm"
)

// TestTheFirstAnswerStands stores an answer to a call that another process had answered meanwhile.
func TestTheFirstAnswerStands(t *testing.T) {
	l, err := ledger.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.PutRun(t.Context(), ledger.Run{ID: "r"}); err != nil {
		t.Fatal(err)
	}
	req := &llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "?"}}}
	s := &store{ledger: l, run: "r", damage: func(error) {}}
	put := func(text string) string {
		sample := &llm.Sample{Key: llm.Key(req, 0), Text: text, Finish: "stop"}
		if err := s.Put(t.Context(), req, sample, time.Now()); err != nil {
			t.Fatal(err)
		}
		return sample.Text
	}
	if got := put("first"); got != "first" {
		t.Errorf("got %q", got)
	}
	if got := put("second"); got != "first" {
		t.Errorf("got %q, and a rerun would get the first", got)
	}
}
