package ledger

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A ledger of the version before opens, what is in it is not batched, and what batches answer from then on is told
// apart wherever answers are summed, and when they are handed over.
func TestBatched(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	waste := Waste{Run: "r", Model: "m", Source: "live", Kind: "answer is empty", Prompt: 7}
	put := func(l *Ledger, name string, batched bool) *Call {
		c, w := testCall(name), waste
		c.Batched, w.Batched = batched, batched
		noError(t, l.PutCall(t.Context(), c))
		noError(t, l.Use(t.Context(), Use{Run: "r", Key: c.Key, Paper: "p", System: "s", Model: "m", Stage: "st"}))
		noError(t, l.PutWaste(t.Context(), w))
		return c
	}
	calls := []*Call{put(l, "before", false)}
	noError(t, l.Close())
	alter(t, dir, "ALTER TABLE answers DROP COLUMN batched")
	alter(t, dir, "ALTER TABLE waste DROP COLUMN batched")
	alter(t, dir, "ALTER TABLE reservations DROP COLUMN unsent")
	alter(t, dir, "DELETE FROM goose_db_version WHERE version_id = 3")

	l = openTest(t, dir)
	calls = append(calls, put(l, "singly", false), put(l, "in a batch", true))
	var handed bytes.Buffer
	_, err := l.Export(t.Context(), &handed, "")
	noError(t, err)
	other := openTest(t, t.TempDir())
	_, err = other.Import(t.Context(), &handed, "f", anyKey)
	noError(t, err)
	for _, l := range []*Ledger{l, other} {
		for _, c := range calls {
			if got, err := l.Call(t.Context(), c.Key); err != nil || got.Batched != c.Batched {
				t.Errorf("%s: %+v, %v", c.File, got, err)
			}
		}
		answered, err := l.Answered(t.Context())
		noError(t, err)
		if len(answered) != 2 || answered[0].Batched || answered[0].Calls != 2 || !answered[1].Batched || answered[1].Calls != 1 {
			t.Errorf("%+v", answered)
		}
	}
	usage, err := l.Usage(t.Context(), "r")
	noError(t, err)
	wasted, err := l.Wasted(t.Context(), "r")
	noError(t, err)
	var got []any
	for i := range usage {
		got = append(got, usage[i].Batched, usage[i].Calls, wasted[i].Batched, wasted[i].Tries)
	}
	if diff := cmp.Diff([]any{false, 2, false, 2, true, 1, true, 1}, got); diff != "" {
		t.Error(diff)
	}
	pruned, err := other.Prune(t.Context(), true)
	noError(t, err)
	if a := pruned.Answers; len(a) != 2 || a[0].Batched == a[1].Batched {
		t.Errorf("%+v", a)
	}
}
