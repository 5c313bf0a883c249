package reports

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// graded is a replication score of so many leaves, and of as many with a valid grade.
func graded(evaluator string, low, value, high float64, valid, asked int) Score {
	return Score{Evaluator: evaluator, Metric: evaluator, JudgeModel: "o3-mini-high", Status: OK, Source: "recorded", Value: value,
		Low: low, High: high, Valid: valid, Asked: asked, Samples: []float64{}, Usage: usage(2*asked, 20000*asked, 16384*asked, 900*asked, usd(0.02*float64(asked)), 9*time.Minute)}
}

// replicationFixture is a run of two papers, two systems and three seeds, with everything that can happen to a seed.
func replicationFixture() *Run {
	const notRun, notFetched = "reproduce.sh was not run, so nothing that depends on it is met", "graded without addenda that were not fetched"
	cell := func(paper, system string, seed int, scores ...Score) Cell {
		for i := range scores {
			if scores[i].Evaluator == "replication" && scores[i].Reason == "" {
				scores[i].Reason = notRun
			}
			if paper == "rice" {
				scores[i].Reason = strings.TrimPrefix(scores[i].Reason+"; "+notFetched, "; ")
			}
		}
		return Cell{Paper: paper, System: system, Model: "o3-mini", Seed: seed, State: Done, Source: "live", Files: 12, Tokens: 23456,
			Usage: usage(14, 434382, 0, 5676, usd(0.5), 80*time.Second), Scores: scores}
	}
	whole := func(value float64, leaves int) Score {
		return graded("replication", value, value, value, leaves, leaves)
	}
	code := func(value float64, leaves int) Score {
		return graded("replication-code-dev", value, value, value, leaves, leaves)
	}
	unfit := graded("replication", 0, 0, 1, 0, 361)
	unfit.Status, unfit.Reason = JudgeFailed, "361 of 361 leaves are not graded, the first: \x1b[31mrefused; reproduce.sh\x1b[0m"
	none := func(evaluator string) Score {
		return Score{Evaluator: evaluator, Metric: evaluator, JudgeModel: "o3-mini-high", Status: SystemFailed, Reason: "the system wrote no repository"}
	}
	gap := graded("replication", 0.171, 0.1859, 0.2514, 340, 361)
	gap.Reason = "21 of 361 leaves are not graded, the first: no score can be read; tried twice; " + notRun
	cells := []Cell{
		cell("fre", "papercoder", 0, whole(0.2134, 437), code(0.4278, 306)),
		cell("rice", "papercoder", 0, gap, code(0.3916, 212)),
		cell("fre", "papercoder", 1, whole(0.2271, 437), code(0.4552, 306)),
		cell("rice", "papercoder", 1, whole(0.1807, 361), code(0.3802, 212)),
		cell("fre", "papercoder", 2, whole(0.2206, 437), code(0.4425, 306)),
		cell("rice", "papercoder", 2, unfit, code(0.4103, 212)),
		cell("fre", "paper", 0, none("replication"), none("replication-code-dev")),
		cell("rice", "paper", 0, whole(0.0912, 361), code(0.1713, 212)),
		cell("fre", "paper", 1, whole(0.1024, 437), code(0.2001, 306)),
		cell("rice", "paper", 1),
		cell("fre", "paper", 2, whole(0.1, 437), code(0.2, 306)),
	}
	cells[6].State, cells[6].Error = Failed, "stage coding: the answer has no code"
	cells[9].State, cells[9].Error = Broken, "stage coding: no answer came"
	return &Run{ID: "5c74c3e205e4", Dataset: "paperbench", Revision: "7fc7882", Model: "o3-mini", JudgeModel: "o3-mini-high", Samples: 1,
		Papers: []string{"fre", "rice"}, Seeds: []int{0, 1, 2}, Cells: cells}
}

func zeroed(run *Run) *Run {
	run.CountInvalidAsZero()
	return run
}

// rows are the rows of the table with that beginning of its title, as JSON has them.
func rows(t *testing.T, run *Run, title string) []map[string]any {
	t.Helper()
	var out struct {
		Tables []struct {
			Title string
			Rows  []map[string]any
		}
	}
	if err := json.Unmarshal([]byte(render(t, FormatJSON, Tables(run)...)), &out); err != nil {
		t.Fatal(err)
	}
	for _, table := range out.Tables {
		if strings.HasPrefix(table.Title, title) {
			return table.Rows
		}
	}
	return nil
}

// The values are computed by Python's statistics module from those of the fixture.
func TestReplicationOverSeeds(t *testing.T) {
	type row struct {
		system, evaluator   string
		mean, standardError any
		warning             string
		seeds               float64
		bySeed              [3]any
	}
	for _, c := range []struct {
		name string
		run  *Run
		want []row
	}{
		{"valid leaves", replicationFixture(), []row{
			{"paper", "replication", 0.0456, nil, "needs at least 2 seeds", 1, [3]any{0.0456, nil, nil}},
			{"paper", "replication-code-dev", 0.08565, nil, "needs at least 2 seeds", 1, [3]any{0.08565, nil, nil}},
			{"papercoder", "replication", 0.201775, 0.002125, "", 2, [3]any{0.19965, 0.2039, nil}},
			{"papercoder", "replication-code-dev", 0.4179333333, 0.004822286225893734, "", 3, [3]any{0.4097, 0.4177, 0.4264}},
		}},
		{"invalid as zero", zeroed(replicationFixture()), []row{
			{"paper", "replication", 0.0456, nil, "needs at least 2 seeds", 1, [3]any{0.0456, nil, nil}},
			{"paper", "replication-code-dev", 0.08565, nil, "needs at least 2 seeds", 1, [3]any{0.08565, nil, nil}},
			{"papercoder", "replication", 0.1688, 0.029444354297555927, "", 3, [3]any{0.1922, 0.2039, 0.1103}},
			{"papercoder", "replication-code-dev", 0.4179333333, 0.004822286225893734, "", 3, [3]any{0.4097, 0.4177, 0.4264}},
		}},
	} {
		got := rows(t, c.run, "PaperBench")
		if len(got) != len(c.want) {
			t.Fatalf("%s: %d rows, want %d", c.name, len(got), len(c.want))
		}
		for i, want := range c.want {
			r := got[i]
			score := r["replication"].(map[string]any)
			if r["system"] != want.system || r["evaluator"] != want.evaluator || !same(score["mean"], want.mean) ||
				!same(score["standard_error"], want.standardError) || score["warning"] != want.warning || score["seeds"] != want.seeds {
				t.Errorf("%s: row %d is %v, want %+v", c.name, i, r, want)
			}
			for seed, mean := range want.bySeed {
				if s := r[fmt.Sprintf("seed_%d", seed)].(map[string]any); !same(s["mean"], mean) || (s["complete"] == "yes") != (mean != nil) {
					t.Errorf("%s: row %d has %v for seed %d, want %v", c.name, i, s, seed, mean)
				}
			}
		}
	}
}

func same(got, want any) bool {
	g, ok1 := got.(float64)
	w, ok2 := want.(float64)
	return ok1 == ok2 && math.Abs(g-w) < 1e-9
}

// A paper that no cell was begun of is missing in every seed.
func TestInterruptedReplication(t *testing.T) {
	run := replicationFixture()
	run.Papers = append(run.Papers, "bam")
	out := render(t, FormatMarkdown, Replication(run))
	for _, want := range []string{"| – (0 seeds) needs a complete seed |", "papercoder replication seed 0 has 2 of 3 papers: without bam", "0: – (2/3 papers)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if s := rows(t, run, "PaperBench")[2]["replication"].(map[string]any); s["mean"] != nil || s["incomplete_seeds"] != 3.0 {
		t.Errorf("%v", s)
	}
}

// Scores by the whole rubric and by its code alone are different measures.
func TestCodeDevHasItsOwnColumn(t *testing.T) {
	scores := rows(t, replicationFixture(), "Scores per paper")
	var found bool
	for _, r := range scores {
		if r["paper"] == "fre" && r["system"] == "papercoder" && r["seed"] == 1.0 {
			whole, code := r["replication"].(map[string]any), r["replication-code-dev"].(map[string]any)
			found = whole["value"] == 0.2271 && whole["asked"] == 437.0 && code["value"] == 0.4552 && code["asked"] == 306.0
		}
	}
	if !found {
		t.Errorf("%v", scores)
	}
	if s := rows(t, replicationFixture(), "Summary")[1]; !same(s["replication-code-dev"].(map[string]any)["mean"], 0.4179333333333333) {
		t.Errorf("the summary has %v", s)
	}
}

// What is counted is named as what it is; scales and decimals are the measure's own.
func TestUnits(t *testing.T) {
	both := replicationFixture()
	both.Samples = 3
	both.Cells[0].Scores = append(both.Cells[0].Scores, judged("reffree", 4, 4, 4, 4))
	for name, c := range map[string]struct {
		run        *Run
		want, deny []string
	}{
		"samples": {fixture(), []string{"22 of 27 samples valid", "3 samples for each score.", "are a judge's samples;", "| refbased 1–5 |", "4.33 (3/3)"}, []string{"leaves", "PaperBench", "invalid_as_zero"}},
		"leaves":  {replicationFixture(), []string{"5,625 of 6,007 leaves valid", "Judge model: o3-mini-high.", "| replication-code-dev 0–1 |", "0.227 (437/437)", "[0.171, 0.251]"}, []string{"samples"}},
		"both": {both, []string{"3 of 3 samples and 5,625 of 6,007 leaves valid", "3 samples for each score of reffree.", "| reffree 1–5 |", "4.00 (3/3)", "0.227 (437/437)",
			"are a judge's samples, of a replication leaves of the rubric"}, nil},
	} {
		out := render(t, FormatMarkdown, Tables(c.run)...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", name, want, out)
			}
		}
		for _, deny := range c.deny {
			if strings.Contains(out, deny) {
				t.Errorf("%s: there is %q in\n%s", name, deny, out)
			}
		}
	}
}

// More than 5 % of invalid weight is marked, 5 % is not.
func TestInvalidWeight(t *testing.T) {
	for high, want := range map[float64]bool{0.75: false, 0.7501: true, 0.7: false} { // 0.75-0.7 is more than 0.05 in floating point
		s := graded("replication-all-files", 0.7, 0.7, high, 99, 100)
		if s.gapped() != want {
			t.Errorf("0.7 to %v: %v", high, !want)
		}
	}
	if s := judged("refbased", 4); s.gapped() {
		t.Error("a score of samples has no weights")
	}
}

// Only titles, values and notes of replication change, and machines can tell.
func TestCountInvalidAsZero(t *testing.T) {
	plain := render(t, FormatJSON, Tables(fixture())...)
	if got := render(t, FormatJSON, Tables(zeroed(fixture()))...); got != plain {
		t.Error("a run without replication has changed")
	}
	for name, c := range map[string]struct {
		run  *Run
		want string
	}{"as it is": {replicationFixture(), "no"}, "as zero": {zeroed(replicationFixture()), "yes"}} {
		for _, title := range []string{"Scores per paper", "Summary", "PaperBench"} {
			if r := rows(t, c.run, title)[0]; r["invalid_as_zero"] != c.want {
				t.Errorf("%s: %s has %v", name, title, r["invalid_as_zero"])
			}
		}
	}
	for _, r := range rows(t, zeroed(replicationFixture()), "Scores per paper") {
		s, ok := r["replication"].(map[string]any)
		if r["system"] != "papercoder" || r["paper"] != "rice" || !ok {
			continue
		}
		want := map[float64][3]any{0: {0.171, 0.171, 0.2514}, 1: {0.1807, 0.1807, 0.1807}, 2: {0.0, 0.0, 1.0}}[r["seed"].(float64)]
		if got := [3]any{s["value"], s["low"], s["high"]}; got != want {
			t.Errorf("seed %v: %v, want %v", r["seed"], got, want)
		}
	}
}
