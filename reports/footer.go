package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tables are the tables of the main report.
func Tables(run *Run) []Table { return []Table{ScoresPerPaper(run), Summary(run)} }

// columns and values name the run in every row for machines, so that rows of several runs can be put together.
func (run *Run) columns() []Column {
	return []Column{{Key: "run"}, {Key: "dataset"}, {Key: "revision"}}
}

func (run *Run) values() []Value {
	return []Value{Text(run.ID), Text(run.Dataset), Text(run.Revision)}
}

// sources counts where the answers behind cells and scores came from.
type sources struct {
	generating, judging map[string]int
	// scores rest on answers of which simulated are simulated, be it the judge's or the generator's.
	scores, simulated int
}

func (run *Run) sources() sources {
	n := sources{generating: map[string]int{}, judging: map[string]int{}}
	for _, c := range run.Cells {
		n.generating[c.Source]++
		for _, s := range c.Scores {
			if s.Status == Skipped {
				continue // no judge was asked
			}
			n.scores++
			if s.Source == simulated || c.Source == simulated {
				n.simulated++
			}
			if s.Status != SystemFailed {
				n.judging[s.Source]++
			}
		}
	}
	return n
}

// mixed is true where some scores are results and others are simulated, so that each has to be marked.
func (n sources) mixed() bool { return n.simulated > 0 && n.simulated < n.scores }

func (run *Run) banner() string {
	n := run.sources()
	switch {
	case n.mixed():
		return fmt.Sprintf("SIMULATED ANSWERS: not a result (%d of %d scores, marked ‡)", n.simulated, n.scores)
	case n.simulated+n.generating[simulated]+n.judging[simulated] > 0:
		return "SIMULATED ANSWERS: not a result"
	}
	return ""
}

// footer is what stands below every table: n, validity, judge, where the answers came from, and the run.
func (run *Run) footer() []string {
	var scores, valued, asked, valid int
	judges := map[string]bool{}
	for _, c := range run.Cells {
		for _, s := range c.Scores {
			scores++
			if s.counts() {
				valued++
			}
			asked, valid = asked+s.Asked, valid+s.Valid
			if s.JudgeModel != "" {
				judges[s.JudgeModel] = true
			}
		}
	}
	if len(judges) == 0 && run.JudgeModel != "" {
		judges[run.JudgeModel] = true
	}
	papers := distinct(run.Cells, func(c Cell) string { return c.Paper })
	notes := []string{fmt.Sprintf("n: %s, %s; %d of %s with a value; %d of %s valid.",
		many(papers, "paper"), many(len(run.Cells), "cell"), valued, many(scores, "score"), valid, many(asked, "sample"))}
	judge := "Judge model: none"
	if len(judges) > 0 {
		judge = "Judge model: " + strings.Join(slices.Sorted(maps.Keys(judges)), ", ")
		if run.Samples > 0 {
			judge += fmt.Sprintf(", %s for each score", many(run.Samples, "sample"))
		}
	}
	n := run.sources()
	notes = append(notes, judge+".", "Answers: generating "+tally(n.generating)+"; judging "+tally(n.judging)+".")
	about := "Run " + run.ID + ": dataset " + run.Dataset
	if run.Revision != "" {
		about += " at " + run.Revision
	}
	if run.Model != "" {
		about += ", model " + run.Model
	}
	return append(append(notes, about+"."), run.Notes...)
}

func tally(counts map[string]int) string {
	var parts []string
	for _, source := range slices.Sorted(maps.Keys(counts)) {
		name := source
		if name == "" {
			name = "of unknown source"
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[source], name))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// many counts things; plural is needed where it takes more than an s.
func many(n int, what string, plural ...string) string {
	switch {
	case n == 1:
		return "1 " + what
	case plural != nil:
		what = plural[0]
	default:
		what += "s"
	}
	return Count(n).lines()[0] + " " + what
}

// judging tells what the columns of generating leave out.
func (run *Run) judging() string {
	var u Usage
	for _, c := range run.Cells {
		for _, s := range c.Scores {
			u = u.Add(s.Usage)
		}
	}
	if u.Calls == 0 {
		return "Calls, tokens, cost and time are of generating. No call was made for judging."
	}
	cost := Cost{u.cost()}.lines()[0]
	return fmt.Sprintf("Calls, tokens, cost and time are of generating. Judging took %s, %s prompt and %s completion tokens, cost in USD %s, time %s.",
		many(u.Calls, "call"), Count(u.Prompt).lines()[0], Count(u.Completion).lines()[0], cost, Elapsed(u.Elapsed).lines()[0])
}
