package reports

import "time"

func usd(x float64) *float64 { return &x }

func usage(calls, prompt, cached, completion int, cost *float64, elapsed time.Duration) Usage {
	return Usage{Calls: calls, Prompt: prompt, Cached: cached, Completion: completion, CostUSD: cost, Elapsed: elapsed}
}

// judged is a score of three samples in which the judge saw everything.
func judged(evaluator string, value float64, samples ...float64) Score {
	return Score{Evaluator: evaluator, Metric: "correctness", JudgeModel: "o3-mini-high", Status: OK, Source: "recorded",
		Value: value, Low: value, High: value, Asked: 3, Valid: 3, Shown: 9, Files: 9, Samples: samples,
		Usage: usage(3, 61230, 1024, 4410, usd(0.0866), 48*time.Second)}
}

// fixture is a run with everything that can happen to a score, by two models. Its cells are not sorted.
func fixture() *Run {
	partial := judged("refbased", 4.5, 4, 5)
	partial.Valid, partial.Low, partial.High = 2, 10.0/3, 14.0/3
	judgeFailed := judged("reffree", 0)
	judgeFailed.Status, judgeFailed.Valid, judgeFailed.Low, judgeFailed.High = JudgeFailed, 0, 1, 5
	judgeFailed.Reason = "none of 3 samples holds a score: \x1b[31m<html>502</html>\x1b[0m | Bad \"Gateway\""
	judgeFailed.Usage.CostUSD = nil
	selection := judged("refbased", 11.0/3, 3, 4, 4)
	selection.Shown, selection.Files = 12, 40
	skipped := Score{Evaluator: "refbased", Metric: "correctness", JudgeModel: "o3-mini-high", Status: Skipped,
		Source: "recorded", Reason: "the paper has no reference repository"}
	var systemFailed []Score
	for _, evaluator := range []string{"refbased", "reffree"} {
		systemFailed = append(systemFailed, Score{Evaluator: evaluator, Metric: "correctness", JudgeModel: "o3-mini-high",
			Status: SystemFailed, Source: "recorded", Value: 1, Low: 1, High: 1, Reason: "no repository"})
	}
	cell := func(paper, title, venue, system, model string) Cell {
		return Cell{Paper: paper, Title: title, Venue: venue, System: system, Model: model, State: Done,
			Source: "recorded", Files: 9, Tokens: 12345, Usage: usage(23, 412873, 120000, 48210, usd(0.6663), 754*time.Second)}
	}
	cells := []Cell{
		cell("ring-regression", "Ring | Regression on a #budget, \"fast\"\u202e", "ICML", "papercoder", "o3-mini"),
		cell("Transformer", "Attention Is All You Need", "NeurIPS", "papercoder", "o3-mini"),
		cell("sparse-hashing", "Sparse *Hashing* \x1b]0;owned\x07of\nSets", "", "papercoder", "o3-mini"),
		cell("Transformer", "Attention Is All You Need", "NeurIPS", "papercoder-analysis", "o3-mini"),
		cell("ring-regression", "Ring | Regression on a #budget, \"fast\"\u202e", "ICML", "papercoder-analysis", "o3-mini"),
		cell("Transformer", "Attention Is All You Need", "NeurIPS", "papercoder", "local-model"),
	}
	cells[0].Scores = []Score{partial, judgeFailed}
	cells[1].Scores = []Score{judged("reffree", 4, 4, 4, 4), judged("refbased", 13.0/3, 4, 4, 5)}
	cells[2].Scores = []Score{skipped, judged("reffree", 3, 3, 3, 3)}
	cells[3].Scores = []Score{selection, judged("reffree", 10.0/3, 3, 3, 4)}
	cells[4].State, cells[4].Error = Failed, "stage coding: the answer for main.py has no code (its beginning: \x1b[1m\"Sorry\")"
	cells[4].Files, cells[4].Tokens, cells[4].Scores = 0, 0, systemFailed
	cells[4].Usage = usage(5, 51873, 0, 8210, usd(0.0000312), 4200*time.Millisecond)
	cells[5].Files, cells[5].Tokens = 142, 98765
	cells[5].Usage = usage(23, 391022, 0, 71003, nil, 4000*time.Second)
	cells[5].Scores = []Score{judged("refbased", 2, 2, 2, 2), judged("reffree", 2.5, 2, 3)}
	cells[5].Scores[1].Valid, cells[5].Scores[1].Low, cells[5].Scores[1].High = 2, 2, 10.0/3
	return &Run{ID: "3fa2c1d0", Dataset: "paper2code", Revision: "ba91699", Model: "o3-mini, local-model",
		JudgeModel: "o3-mini-high", Samples: 3, Notes: []string{"Prices of 2025-04-16."}, Cells: cells}
}

// simulatedFixture has simulated answers behind some or all of its scores.
func simulatedFixture(all bool) *Run {
	run := fixture()
	run.Cells = run.Cells[:4]
	for i := range run.Cells {
		c := &run.Cells[i]
		switch {
		case all:
			c.Source = simulated
			for j := range c.Scores {
				c.Scores[j].Source = simulated
			}
		case i == 1:
			c.Source = simulated
		case i == 3:
			c.Scores[1].Source = simulated
		}
	}
	return run
}
