package ledger

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func day(n int) time.Time { return time.Date(2026, 11, n, 1, 2, 3, 0, time.UTC) }

func TestRuns(t *testing.T) {
	l := openTest(t, t.TempDir())
	if _, err := l.Run(t.Context(), ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no run: %v", err)
	}
	runs := []Run{
		{ID: "abc1", Config: []byte("split: demo\n"), Created: day(1)},
		{ID: "abd2", Config: []byte{}, Created: day(3)},
		{ID: "0123", Config: []byte("seeds: 2\n"), Created: day(2)},
	}
	for _, r := range runs {
		noError(t, l.PutRun(t.Context(), r))
	}
	noError(t, l.PutRun(t.Context(), Run{ID: "abc1", Config: []byte("other"), Created: day(9)}))
	got, err := l.Runs(t.Context())
	noError(t, err)
	if diff := cmp.Diff([]Run{runs[0], runs[2], runs[1]}, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}

	for prefix, want := range map[string]string{"": "abd2", "abc": "abc1", "0": "0123", "abd2": "abd2"} {
		r, err := l.Run(t.Context(), prefix)
		if err != nil || r.ID != want {
			t.Errorf("%q: %v %v, want %s", prefix, r, err, want)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := l.Run(t.Context(), "ab"); !errors.As(err, &ambiguous) || !strings.Contains(err.Error(), "abc1, abd2") {
		t.Errorf("ambiguous: %v", err)
	}
	for _, prefix := range []string{"x", "abc12", "%", "_"} {
		if _, err := l.Run(t.Context(), prefix); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "abc1, 0123, abd2") {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestUsage(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	noError(t, l.PutRun(t.Context(), Run{ID: "later"}))
	put := func(name, model string, prompt int) string {
		c := testCall(name)
		c.Model, c.Snapshot, c.Prompt = model, model+"-1", prompt
		noError(t, l.PutCall(t.Context(), c))
		return c.Key
	}
	a, b, judge := put("a", "gen", 100), put("b", "gen", 1000), put("judge", "judge", 7)
	use := func(u Use) {
		u.Paper, u.Model = "p", "gen"
		noError(t, l.Use(t.Context(), u))
		noError(t, l.Use(t.Context(), u))
	}
	use(Use{Run: "r", System: "s", Key: a, Stage: "coding"})
	use(Use{Run: "r", System: "s", Key: b, Stage: "coding", File: "b.py"})
	use(Use{Run: "r", System: "s", Key: b, Stage: "coding", File: "c.py"}) // the same call counts once
	use(Use{Run: "r", System: "s", Key: judge, Evaluator: "reffree", Stage: "judge"})
	use(Use{Run: "r", System: "s", Key: a, Stage: "coding", Seed: 1})
	use(Use{Run: "r", System: "other", Key: a, Stage: "coding"})
	use(Use{Run: "later", System: "s", Key: a, Stage: "coding"}) // answered in the run before
	noError(t, l.PutCell(t.Context(), Cell{Run: "r", State: Done}))

	row := func(u UsageRow) UsageRow {
		u.Paper, u.Model, u.Source = "p", "gen", "live"
		if u.CallModel == "" {
			u.CallModel = "gen"
		}
		u.Snapshot = u.CallModel + "-1"
		u.Cached, u.Completion, u.Reasoning = 10*u.Calls, 20*u.Calls, 5*u.Calls
		u.Elapsed = time.Duration(u.Calls) * 1500 * time.Millisecond
		return u
	}
	for run, want := range map[string][]UsageRow{
		"r": {
			row(UsageRow{System: "other", Stage: "coding", Calls: 1, Prompt: 100}),
			row(UsageRow{System: "s", Stage: "coding", Calls: 2, Prompt: 1100}),
			row(UsageRow{System: "s", Evaluator: "reffree", Stage: "judge", CallModel: "judge", Calls: 1, Prompt: 7}),
			row(UsageRow{System: "s", Seed: 1, Stage: "coding", Calls: 1, Prompt: 100}),
		},
		"later":   {row(UsageRow{System: "s", Stage: "coding", Calls: 1, Prompt: 100})},
		"unknown": {},
	} {
		noError(t, l.PutRun(t.Context(), Run{ID: run})) // after which every use is there
		got, err := l.Usage(t.Context(), run)
		noError(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", run, diff)
		}
	}
}

// A cell is not done while the record of what it cost is incomplete.
func TestLostUse(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	cell := Cell{Run: "r", Paper: "p", State: Done}
	noError(t, l.Use(t.Context(), Use{Run: "r", Paper: "p", Key: testCall("never put").Key}))
	for range 2 {
		if err := l.PutCell(t.Context(), cell); err == nil || !strings.Contains(err.Error(), testCall("never put").Key) {
			t.Errorf("error is %v", err)
		}
	}
	other := cell
	other.Paper = "q"
	noError(t, l.PutCell(t.Context(), other))
	cell.State = Failed
	noError(t, l.PutCell(t.Context(), cell))
	cell.State = Running
	noError(t, l.PutCell(t.Context(), cell))
	cell.State = Done
	noError(t, l.PutCell(t.Context(), cell))
}

func TestCells(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	running := Cell{Run: "r", Paper: "b", System: "s", Model: "m", Seed: 2, State: Running, Started: day(1)}
	done := Cell{
		Run: "r", Paper: "b", System: "s", Model: "m", Seed: 2, State: Done, Tree: "digest",
		Started: day(1), Finished: day(2), Elapsed: time.Minute,
	}
	failed := Cell{Run: "r", Paper: "b", System: "s", Model: "m", Seed: 10, State: Failed, Error: "no answer"}
	first := Cell{Run: "r", Paper: "a", System: "s", Model: "m", State: Running}
	for _, c := range []Cell{running, failed, done, first} {
		noError(t, l.PutCell(t.Context(), c))
	}
	got, err := l.Cells(t.Context(), "r")
	noError(t, err)
	if diff := cmp.Diff([]Cell{first, done, failed}, got); diff != "" {
		t.Error(diff)
	}
	for name, c := range map[string]Cell{"unknown state": {Run: "r", State: "finished"}, "unknown run": {Run: "x", State: Done}} {
		if err := l.PutCell(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestScores(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	ok := Score{
		Paper: "p", System: "s", Model: "m", Seed: 1, Evaluator: "refbased", Metric: "correctness", JudgeModel: "j",
		Status: "ok", Source: "live", Value: 4.25, Asked: 8, Valid: 4, Low: 2.625, High: 4.625, Shown: 5, Files: 9,
		Samples: "[4,4,4,5]", Detail: "digest", Provenance: `{"judge":"j"}`,
	}
	failed := Score{
		Paper: "p", System: "s", Model: "m", Seed: 1, Evaluator: "reffree", Metric: "correctness", JudgeModel: "j",
		Status: "judge-failed", Source: "live", Value: math.NaN(), Low: math.Inf(-1), High: math.NaN(), Asked: 8, Reason: "no answer could be read",
	}
	old := ok
	old.Value, old.Valid, old.Samples = 1, 1, "[1]"
	noError(t, l.PutScores(t.Context(), "r", []Score{failed, old}))
	noError(t, l.PutScores(t.Context(), "r", []Score{ok}))
	noError(t, l.PutScores(t.Context(), "r", nil))
	bad := ok
	bad.Metric, bad.Samples = "broken", "[4,"
	if err := l.PutScores(t.Context(), "r", []Score{bad}); err == nil || !strings.Contains(err.Error(), "samples") {
		t.Errorf("broken JSON: %v", err)
	}
	if err := l.PutScores(t.Context(), "unknown", []Score{ok}); err == nil {
		t.Error("unknown run: accepted")
	}
	got, err := l.Scores(t.Context(), "r")
	noError(t, err)
	if diff := cmp.Diff([]Score{ok, failed}, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}
