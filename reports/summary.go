package reports

import (
	"fmt"
	"strings"
)

// Summary is the table with a row for each system and model.
func Summary(run *Run) Table {
	ms, mixed := run.measures(), run.sources().mixed()
	papers := len(run.papers())
	models := distinct(run.Cells, func(c Cell) string { return c.Model }) > 1
	seeds := distinct(run.Cells, func(c Cell) int { return c.Seed }) > 1
	t := Table{Banner: run.banner(), Title: run.title("Summary per system: mean ± SD over papers, with its 95 % t interval")}
	t.Columns = append(run.columns(),
		Column{Head: "System", Key: "system", Wrap: true},
		Column{Head: headIf(models, "Model"), Key: "model", Wrap: true},
		Column{Key: "cells"},
		Column{Head: "Failed", Key: "failed", Right: true},
	)
	for _, m := range ms {
		t.Columns = append(t.Columns, Column{Head: m.head(ms), Key: m.name(ms, "_")},
			Column{Head: "n", Right: true}, Column{Head: "Valid", Right: true})
	}
	t.Columns = append(t.Columns,
		Column{Head: "Tokens", Key: "tokens_per_repository", Right: true},
		Column{Head: "Cost\nUSD", Key: "cost_usd_per_repository", Right: true},
		Column{Head: "Judging\nUSD", Key: "judging_usd_per_repository", Right: true},
	)
	var found exceptions
	open := false
	for _, g := range run.groups() {
		row := append(run.values(), Text(g[0].System), Text(g[0].Model), Count(len(g)), Count(g.failed()))
		for _, m := range ms {
			s := g.in(m)
			s.markSimulated = mixed && s.simulated
			row = append(row, s, shown(fmt.Sprintf("%d/%d", len(s.means), papers)),
				shown(fmt.Sprintf("%d/%d", s.valid, s.asked)))
			open = open || s.open()
			name := g[0].System
			if models {
				name += " " + g[0].Model
			}
			name += " " + m.name(ms, " ")
			found.add(name, s)
		}
		t.Rows = append(t.Rows, append(row, g.usage()...))
	}
	t.Notes = append(t.Notes, found.notes...)
	t.Notes = append(t.Notes, run.summaryNotes(seeds, mixed, open)...)
	t.Notes = append(t.Notes, run.footer()...)
	return t
}

// exceptions say what a mean holds that is no judgement, and what it leaves out.
type exceptions struct{ notes []string }

func (e *exceptions) add(name string, s aggregate) {
	if s.systemFailed > 0 {
		e.notes = append(e.notes, fmt.Sprintf("§ %s: the system failed to write %d of %s, which count as the minimum",
			name, s.systemFailed, many(s.cells, "repository", "repositories")))
	}
	if s.selected > 0 {
		e.notes = append(e.notes, fmt.Sprintf("† %s: %d of %s on a selection of the files", name, s.selected, many(s.cells, "score rests", "scores rest")))
	}
	if s.gapped > 0 {
		e.notes = append(e.notes, fmt.Sprintf("¶ %s: in %d of %s more than 5 %% of the rubric's weight is invalid", name, s.gapped, many(s.cells, "score")))
	}
	if s.zeroed > 0 {
		e.notes = append(e.notes, fmt.Sprintf("%s: judge failed in %d of %s, which counts as 0", name, s.zeroed, many(s.cells, "score")))
	}
	var left []string
	for _, l := range []struct {
		n    int
		what string
	}{{s.judgeFailed - s.zeroed, "judge failed"}, {s.skipped, "skipped"}, {s.unscored, "without a score"}} {
		if l.n > 0 {
			left = append(left, fmt.Sprintf("%d %s", l.n, l.what))
		}
	}
	if left != nil {
		e.notes = append(e.notes, fmt.Sprintf("%s: not in the mean: %s (of %d)", name, strings.Join(left, ", "), s.cells))
	}
}

func (run *Run) summaryNotes(seeds, mixed, open bool) []string {
	notes := []string{"Mean ± SD is over papers (SD with n-1); the brackets hold the 95 % Student t interval of the mean. " +
		"It takes papers as independent and may reach beyond the scale; it needs at least 2 papers whose scores differ."}
	if seeds {
		notes = append(notes, "A paper's score is the mean over its seeds.")
	}
	units := run.units()
	notes = append(notes, "n: papers in the mean, of those in the run. "+units.choose(
		"Valid: judges' samples that could be used, of those asked for.",
		"Valid: leaves of the rubrics with a grade that could be used, of all.",
		"Valid: judges' samples that could be used, of those asked for; of a replication leaves of the rubrics."))
	if open {
		notes = append(notes, fmt.Sprintf("{ }: the mean if every invalid %s, failed judges' included, were the worst and the best: bounds, not a confidence interval.",
			units.choose("sample", "leaf", "sample or leaf")))
	}
	notes = append(notes, run.zeroNote()...)
	if mixed {
		notes = append(notes, "‡ rests on simulated answers: not a result")
	}
	return append(notes, "Tokens (prompt and completion) and cost are of generating one repository, on average; judging is of all its scores.")
}
