package reports

import (
	"fmt"
)

// ScoresPerPaper is the table with a row for each cell.
func ScoresPerPaper(run *Run) Table {
	cells, ms, mixed := run.sorted(), run.measures(), run.sources().mixed()
	models := distinct(cells, func(c Cell) string { return c.Model }) > 1
	seeds := distinct(cells, func(c Cell) int { return c.Seed }) > 1
	t := Table{Banner: run.banner(), Title: run.title("Scores per paper")}
	t.Columns = append(run.columns(),
		Column{Head: "Paper", Key: "paper", Wrap: true},
		Column{Key: "title"},
		Column{Head: "Venue", Key: "venue", Wrap: true},
		Column{Head: "System", Key: "system", Wrap: true},
		Column{Head: headIf(models, "Model"), Key: "model", Wrap: true},
		Column{Head: headIf(seeds, "Seed"), Key: "seed", Right: true},
		Column{Key: "state"},
		Column{Key: "error"},
		Column{Key: "source"},
	)
	for _, m := range ms {
		t.Columns = append(t.Columns, Column{Head: m.head(ms), Key: m.name(ms, "_")})
	}
	t.Columns = append(t.Columns,
		Column{Head: "Repo\nfiles", Key: "files", Right: true},
		Column{Head: "Repo\ntokens", Key: "tokens", Right: true},
		Column{Head: "Calls", Key: "calls", Right: true},
		Column{Head: "Prompt\ntokens", Key: "prompt_tokens", Right: true},
		Column{Key: "cached_tokens"},
		Column{Head: "Compl.\ntokens", Key: "completion_tokens", Right: true},
		Column{Head: "Cost\nUSD", Key: "cost_usd", Right: true},
		Column{Head: "Time", Key: "seconds", Right: true},
	)
	for i := range cells {
		c := &cells[i]
		row := append(run.values(), Text(c.Paper), Text(c.Title), Text(c.Venue), Text(c.System), Text(c.Model),
			Count(c.Seed), Text(c.State), Text(c.Error), Text(c.Source))
		for _, m := range ms {
			if s := m.in(c); s != nil {
				row = append(row, scoreValue{s, mixed && (s.Source == simulated || c.Source == simulated)})
			} else {
				row = append(row, Missing{})
			}
		}
		files, tokens := Value(Count(c.Files)), Value(Count(c.Tokens))
		if c.State != Done {
			files, tokens = shown(c.State), Missing{}
		}
		u := c.Usage
		t.Rows = append(t.Rows, append(row, files, tokens, Count(u.Calls), Count(u.Prompt), Count(u.Cached),
			Count(u.Completion), Cost{u.cost()}, Elapsed(u.Elapsed)))
	}
	failed := "A judge that failed gives no score."
	if run.zeroes() {
		failed = "A judge that failed gives no score, but one of a replication 0."
	}
	t.Notes = append(run.marks(), run.units().choose(
		"(valid/asked) are a judge's samples; the brackets hold the score if every invalid sample were the worst and the best",
		"(valid/asked) are leaves of the rubric; the brackets hold the score if every invalid leaf were 0 and 1",
		"(valid/asked) are a judge's samples, of a replication leaves of the rubric; the brackets hold the score if every invalid one were the worst and the best",
	)+": bounds, not a confidence interval. "+failed)
	t.Notes = append(t.Notes, run.zeroNote()...)
	t.Notes = append(t.Notes, run.judging())
	t.Notes = append(t.Notes, run.caching()...)
	t.Notes = append(t.Notes, run.footer()...)
	return t
}

// scoreValue is a score with its validity.
type scoreValue struct {
	*Score
	markSimulated bool
}

func (v scoreValue) lines() []string {
	validity := fmt.Sprintf("%d/%d", v.Valid, v.Asked)
	low, high, bounded := v.bounds()
	scale := scaleOf(v.Evaluator)
	switch v.Status {
	case OK:
		text := scale.text(v.Value)
		if v.Asked > 0 {
			text += " (" + validity + ")"
		}
		if v.selected() {
			text += "†"
		}
		if v.gapped() {
			text += "¶"
		}
		if v.markSimulated {
			text += "‡"
		}
		if v.Valid < v.Asked && bounded {
			return []string{text, scale.span(low, high)}
		}
		return []string{text}
	case SystemFailed:
		return []string{scale.text(v.Value) + " system", "failed"}
	case JudgeFailed:
		lines := []string{"judge failed", validity}
		if v.zeroed {
			lines = []string{scale.text(v.Value) + " judge", "failed " + validity}
		}
		if bounded {
			lines = append(lines, scale.span(low, high))
		}
		return lines
	}
	return Text(v.Status).lines()
}

func (v scoreValue) raw() any {
	var value, low, high any
	if v.counts() {
		value = finite(v.Value)
	}
	if l, h, ok := v.bounds(); ok {
		low, high = finite(l), finite(h)
	}
	samples := []float64{}
	for _, x := range v.Samples {
		if finite(x) != nil {
			samples = append(samples, x)
		}
	}
	r := record{
		{"value", value}, {"low", low}, {"high", high}, {"status", Plain(v.Status)}, {"asked", v.Asked}, {"valid", v.Valid},
		{"samples", samples}, {"shown", v.Shown}, {"files", v.Files}, {"metric", Plain(v.Metric)},
		{"judge_model", Plain(v.JudgeModel)}, {"source", Plain(v.Source)}, {"reason", Plain(v.Reason)},
	}
	return append(r, v.Usage.record()...)
}

func (u Usage) record() record {
	return record{
		{"calls", u.Calls}, {"prompt_tokens", u.Prompt}, {"cached_tokens", u.Cached}, {"completion_tokens", u.Completion},
		{"cost_usd", Cost{u.cost()}.raw()}, {"seconds", Elapsed(u.Elapsed).raw()},
	}
}
