package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tables are the tables of the main report.
func Tables(run *Run) []Table {
	tables := []Table{ScoresPerPaper(run), Summary(run)}
	if run.units().leaves {
		tables = append(tables, Replication(run))
	}
	return tables
}

// columns and values name the run in every row for machines, so that rows of several runs can be put together.
func (run *Run) columns() []Column {
	columns := []Column{{Key: "run"}, {Key: "dataset"}, {Key: "revision"}}
	if run.units().leaves {
		columns = append(columns, Column{Key: "invalid_as_zero"})
	}
	return columns
}

func (run *Run) values() []Value {
	values := []Value{Text(run.ID), Text(run.Dataset), Text(run.Revision)}
	if run.units().leaves {
		values = append(values, Text(yes(run.invalidAsZero)))
	}
	return values
}

// zeroes is true where replication scores are not what they are by default.
func (run *Run) zeroes() bool { return run.invalidAsZero && run.units().leaves }

// title is a table's title, which says so.
func (run *Run) title(s string) string {
	if run.zeroes() {
		s += "; invalid leaves of a replication count as 0"
	}
	return s
}

// zeroNote goes with it.
func (run *Run) zeroNote() []string {
	if !run.zeroes() {
		return nil
	}
	return []string{"As in the published program, every invalid leaf counts as 0 in the scores of a replication, and so " +
		"does a judge that failed as a whole. By default such leaves count neither for nor against."}
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
	var scores, valued int
	samples, leaves := validity{what: "sample", plural: "samples"}, validity{what: "leaf", plural: "leaves"}
	judges := map[string]bool{}
	sampling := map[string]bool{} // evaluators
	for _, c := range run.Cells {
		for _, s := range c.Scores {
			scores++
			if s.counts() {
				valued++
			}
			if scaleOf(s.Evaluator).leaves {
				leaves.add(s.Valid, s.Asked)
			} else {
				samples.add(s.Valid, s.Asked)
				sampling[s.Evaluator] = true
			}
			if s.JudgeModel != "" {
				judges[s.JudgeModel] = true
			}
		}
	}
	if len(judges) == 0 && run.JudgeModel != "" {
		judges[run.JudgeModel] = true
	}
	units := run.units()
	notes := []string{fmt.Sprintf("n: %s, %s; %d of %s with a value; %s valid.",
		many(len(run.papers()), "paper"), many(len(run.Cells), "cell"), valued, many(scores, "score"),
		units.choose(samples.String(), leaves.String(), samples.String()+" and "+leaves.String()))}
	judge := "Judge model: none"
	if len(judges) > 0 {
		judge = "Judge model: " + strings.Join(slices.Sorted(maps.Keys(judges)), ", ")
		if run.Samples > 0 && units.samples {
			judge += fmt.Sprintf(", %s for each score", many(run.Samples, "sample"))
			if units.leaves {
				judge += " of " + strings.Join(slices.Sorted(maps.Keys(sampling)), ", ")
			}
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

// validity counts what was asked for.
type validity struct {
	valid, asked int
	what, plural string
}

func (v *validity) add(valid, asked int) { v.valid, v.asked = v.valid+valid, v.asked+asked }

func (v *validity) String() string {
	return Count(v.valid).lines()[0] + " of " + many(v.asked, v.what, v.plural)
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
	for _, c := range run.sorted() {
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

// caching is the note about the prompts that the endpoint had in its cache; none where nothing is known of that. An
// endpoint that was asked live reports it; what is recorded may leave it out.
func (run *Run) caching() []string {
	generating, judging := cached{what: "generating"}, cached{what: "judging"}
	for _, c := range run.sorted() {
		generating.add(c.Usage, c.Source)
		for _, s := range c.Scores {
			judging.add(s.Usage, s.Source)
		}
	}
	var parts []string
	for _, c := range []cached{generating, judging} {
		if c.hit > 0 || c.live {
			parts = append(parts, fmt.Sprintf("%s %% of the prompt tokens of %s (%s of %s)",
				fixed(100*float64(c.hit)/float64(c.prompt), 1), c.what, Count(c.hit).lines()[0], Count(c.prompt).lines()[0]))
		}
	}
	if parts == nil {
		return nil
	}
	return []string{"Prompt cache of the endpoint: " + strings.Join(parts, ", ") + "."}
}

// cached is how many prompt tokens of some calls were in the endpoint's cache.
type cached struct {
	what        string
	hit, prompt int
	live        bool
}

func (c *cached) add(u Usage, source string) {
	c.hit, c.prompt = c.hit+u.Cached, c.prompt+u.Prompt
	c.live = c.live || source == live && u.Prompt > 0
}
