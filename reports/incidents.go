package reports

import (
	"fmt"
	"slices"
	"strings"
)

// most is how many incidents of a kind people see below a table; json has all of them.
const most = 10

// suspicious are the beginnings of what [Score].Reason says of repositories that a person should look at.
var suspicious = []string{"disqualified", "fetched what is blacklisted", "the code addresses the judge"}

// marks explain the marks of the per-paper table and name what failed, with the reason.
func (run *Run) marks() []string {
	var selections, gaps, systems, broken, judges, skipped, suspects list
	several := distinct(run.Cells, func(c Cell) string { return c.Model }) > 1
	seeds := distinct(run.Cells, func(c Cell) int { return c.Seed }) > 1
	ms := run.measures()
	for _, c := range run.sorted() {
		cell := c.Paper + " " + c.System
		if several {
			cell += " " + c.Model
		}
		if seeds {
			cell += fmt.Sprintf(" seed %d", c.Seed)
		}
		switch c.State {
		case Failed:
			systems.add(cell, c.Error)
		case Broken:
			broken.add(cell, c.Error)
		}
		for _, m := range ms {
			s := m.in(&c)
			if s == nil {
				continue
			}
			name := cell + " " + m.name(ms, " ")
			for part := range strings.SplitSeq(s.Reason, "; ") {
				if s.Status == OK && slices.ContainsFunc(suspicious, func(beginning string) bool { return strings.HasPrefix(part, beginning) }) {
					suspects.add(name, part)
				}
			}
			switch {
			case s.Status == JudgeFailed:
				judges.add(name, s.Reason)
			case s.Status == Skipped:
				skipped.add(name, s.Reason)
			case s.Status == OK && s.selected():
				selections.add(fmt.Sprintf("rests on %d of %d files", s.Shown, s.Files), name)
			}
			if s.gapped() {
				gaps.add(fmt.Sprintf("%s %% of the rubric's weight is invalid", fixed(100*(s.High-s.Low), 1)), name)
			}
		}
	}
	notes := slices.Concat(selections.notes("† "), gaps.notes("¶ "), systems.notes("System failed: "), broken.notes("Not worked on: "), judges.notes("Judge failed: "), skipped.notes("Skipped: "), suspects.notes("Look at this: "))
	if run.sources().mixed() {
		notes = append(notes, "‡ rests on simulated answers: not a result")
	}
	return notes
}

type list []string

func (l *list) add(what, why string) {
	if why = short(Plain(why), 200); why != "" {
		what += ": " + strings.TrimSuffix(why, ".")
	}
	*l = append(*l, what)
}

func (l list) notes(prefix string) []string {
	var notes []string
	for i, s := range l {
		if i == most {
			return append(notes, fmt.Sprintf("%s%d more, listed in json", prefix, len(l)-most))
		}
		notes = append(notes, prefix+s)
	}
	return notes
}
