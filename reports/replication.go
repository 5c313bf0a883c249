package reports

import (
	"fmt"
	"slices"
	"strings"

	"papereval/stats"
)

// Replication is the table of PaperBench, with a row for each system, model and measure of replication: the mean over
// papers for each seed, and of these the mean and the standard error over seeds, as published (compute_agg_stats in
// paperbench/metrics.py of github.com/openai/frontier-evals; arXiv 2504.01848).
//
// A seed counts where it is complete: every paper of the run has a score with a value. That of a system that failed is
// one. In the published program a seed is complete with 20 papers.
func Replication(run *Run) Table {
	ms := slices.DeleteFunc(run.measures(), func(m measure) bool { return !m.scale().leaves })
	papers, mixed := run.papers(), run.sources().mixed()
	models := distinct(run.Cells, func(c Cell) string { return c.Model }) > 1
	t := Table{Banner: run.banner(), Title: run.title("PaperBench: mean replication score ± standard error over seeds")}
	t.Columns = append(run.columns(),
		Column{Head: "System", Key: "system", Wrap: true},
		Column{Head: headIf(models, "Model"), Key: "model", Wrap: true},
		Column{Head: "Measure 0–1", Wrap: true},
		Column{Key: "evaluator"},
		Column{Key: "judge_model"},
		Column{Head: "Papers", Key: "papers", Right: true},
		Column{Head: "Mean ± SE", Key: "replication"},
		Column{Head: "Mean by seed"},
	)
	for _, seed := range run.seeds() {
		t.Columns = append(t.Columns, Column{Key: fmt.Sprintf("seed_%d", seed)})
	}
	var found exceptions
	var incomplete list
	open := false
	for _, g := range run.groups() {
		for _, m := range ms {
			name := g[0].System + " " + m.name(ms, " ")
			if models {
				name = g[0].System + " " + g[0].Model + " " + m.name(ms, " ")
			}
			r := g.replicated(m, run.seeds(), papers)
			r.rests.markSimulated = mixed && r.rests.simulated
			open = open || r.rests.open()
			found.add(name, r.rests)
			row := append(run.values(), Text(g[0].System), Text(g[0].Model), Text(m.name(ms, " ")), Text(m.evaluator), Text(m.judge),
				Count(len(papers)), r, r.seeds)
			for _, s := range r.seeds {
				row = append(row, s)
				if !s.complete() {
					incomplete.add(fmt.Sprintf("%s seed %d has %d of %s", name, s.seed, s.scored(), many(s.papers, "paper")), s.without())
				}
			}
			t.Rows = append(t.Rows, row)
		}
	}
	t.Notes = slices.Concat(found.notes, incomplete.notes("Incomplete, not in the mean: "), run.lacks(ms), []string{
		"Mean ± SE: the mean over papers for each seed, then over seeds, with the standard error of that (SD with n-1, divided " +
			"by √n), as in arXiv 2504.01848, where there are 20 papers. A seed counts where every paper has a score; a system that failed scores 0.",
	})
	if open {
		t.Notes = append(t.Notes, "{ }: the mean if every invalid leaf were 0 and 1: bounds, not a confidence interval.")
	}
	if mixed {
		t.Notes = append(t.Notes, "‡ rests on simulated answers: not a result")
	}
	t.Notes = append(t.Notes, run.zeroNote()...)
	t.Notes = append(t.Notes, run.footer()...)
	return t
}

// replicated sums up the group.
func (g group) replicated(m measure, seeds []int, papers []string) replicated {
	r := replicated{scale: m.scale()}
	var complete []int
	for _, seed := range seeds {
		s := g.ofSeed(seed, m, papers)
		if r.seeds = append(r.seeds, s); s.complete() {
			complete = append(complete, seed)
		}
	}
	r.rests = slices.DeleteFunc(slices.Clone(g), func(c Cell) bool { return !slices.Contains(complete, c.Seed) }).in(m)
	return r
}

// seedScore is what one seed scored in a measure.
type seedScore struct {
	scale   scale
	seed    int
	papers  int // of the run
	missing []string
	values  []float64
}

// ofSeed sums up the group's cells of a seed.
func (g group) ofSeed(seed int, m measure, papers []string) seedScore {
	s := seedScore{scale: m.scale(), seed: seed, papers: len(papers), missing: slices.Clone(papers)}
	for i := range g {
		if score := m.in(&g[i]); g[i].Seed == seed && score != nil && score.counts() {
			s.values = append(s.values, score.Value)
			s.missing = slices.DeleteFunc(s.missing, func(p string) bool { return p == g[i].Paper })
		}
	}
	return s
}

func (s seedScore) complete() bool { return len(s.missing) == 0 && s.papers > 0 }

func (s seedScore) scored() int { return s.papers - len(s.missing) }

// without names the papers that are missing, unless all are.
func (s seedScore) without() string {
	if s.scored() == 0 {
		return ""
	}
	return "without " + some(s.missing, s.papers)
}

// mean is nil where the seed is not complete: the mean over some papers cannot be compared with that over all.
func (s seedScore) mean() any {
	mean, warning := stats.Mean(s.values)
	if warning != "" || !s.complete() {
		return nil
	}
	return mean
}

func (s seedScore) lines() []string {
	mean, ok := s.mean().(float64)
	if !ok {
		return []string{fmt.Sprintf("%d: – (%d/%d papers)", s.seed, s.scored(), s.papers)}
	}
	return []string{fmt.Sprintf("%d: %s", s.seed, s.scale.text(mean))}
}

func (s seedScore) raw() any {
	return record{{"mean", s.mean()}, {"papers", s.scored()}, {"complete", yes(s.complete())}}
}

// seedScores are those of all seeds, for people; for machines each has a column.
type seedScores []seedScore

// lines hold as many seeds as can be taken in at a glance.
func (all seedScores) lines() []string {
	const widest = 30
	var lines []string
	line := ""
	for i, s := range all {
		text := s.lines()[0]
		if i < len(all)-1 {
			text += ","
		}
		if line != "" && width(line+" "+text) > widest {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + text)
	}
	return append(lines, line)
}

func (seedScores) raw() any { return nil }

// replicated is the score of a system.
type replicated struct {
	scale scale
	seeds seedScores
	rests aggregate // of the cells of complete seeds
}

func (r replicated) means() (means []float64) {
	for _, s := range r.seeds {
		if mean, ok := s.mean().(float64); ok {
			means = append(means, mean)
		}
	}
	return means
}

func (r replicated) lines() []string {
	means := r.means()
	mean, warning := stats.Mean(means)
	if warning != "" {
		return []string{"– (0 seeds)", needsSeeds(warning)}
	}
	text, rest := r.scale.text(mean), r.rests.bounds()
	if se, warning := stats.StandardError(means); warning == "" || warning == stats.Constant {
		text += " ± " + r.scale.text(se)
	} else {
		rest = append([]string{"± " + needsSeeds(warning)}, rest...)
	}
	return append([]string{fmt.Sprintf("%s%s (%s)", text, r.rests.marks(), many(len(means), "seed"))}, rest...)
}

func (r replicated) raw() any {
	means := r.means()
	var mean, se any
	if x, w := stats.Mean(means); w == "" {
		mean = x
	}
	x, warning := stats.StandardError(means)
	if warning == "" || warning == stats.Constant {
		se = x
	}
	if len(means) == 0 {
		warning = stats.Empty
	}
	low, high := r.rests.leftOpen()
	return record{
		{"mean", mean}, {"standard_error", se}, {"warning", needsSeeds(warning)}, {"seeds", len(means)}, {"incomplete_seeds", len(r.seeds) - len(means)},
		{"asked", r.rests.asked}, {"valid", r.rests.valid}, {"bound_low", low}, {"bound_high", high}, {"system_failed", r.rests.systemFailed},
		{"judge_failed", r.rests.judgeFailed}, {"invalid_over_5_percent", r.rests.gapped}, {"source_simulated", yes(r.rests.simulated)},
	}
}

// needsSeeds words a warning for values that are means of seeds.
func needsSeeds(w stats.Warning) string {
	switch w {
	case stats.Empty:
		return "needs a complete seed"
	case stats.TooFew:
		return "needs at least 2 seeds"
	}
	return string(w)
}

// lacking are the beginnings of what [Score].Reason says of scores that are OK and rest on less than they might.
var lacking = []string{"reproduce.sh was not run", "graded without addenda", "the paper was cut", "the log of the reproduction was cut"}

// lacks names the papers whose scores rest on less.
func (run *Run) lacks(ms []measure) []string {
	var notes []string
	for _, m := range ms {
		for _, beginning := range lacking {
			said := ""
			var papers []string
			for _, c := range run.sorted() {
				s := m.in(&c)
				if s == nil || s.Status != OK {
					continue
				}
				for part := range strings.SplitSeq(s.Reason, "; ") {
					if strings.HasPrefix(part, beginning) {
						said = part
						papers = append(papers, c.Paper)
					}
				}
			}
			if papers = slices.Compact(papers); papers != nil {
				note := "Rests on less: "
				if len(ms) > 1 {
					note += m.name(ms, " ") + ": "
				}
				notes = append(notes, note+said+": "+some(papers, len(run.papers())))
			}
		}
	}
	return notes
}

// some names papers of so many, in short.
func some(papers []string, all int) string {
	switch more := len(papers) - most; {
	case len(papers) == all && all > 1:
		return "all " + many(all, "paper")
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(papers[:most], ", "), more)
	}
	return strings.Join(papers, ", ")
}
