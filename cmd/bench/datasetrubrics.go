package main

import (
	"errors"
	"fmt"
	"strings"

	"papereval/datasets"
	"papereval/datasets/paperbench"
	"papereval/eval/monitor"
	"papereval/reports"
)

// rubricPapersTable shows papers that are graded by rubrics: what there is of each, and what is only a pointer.
func rubricPapersTable(ds *paperbench.Dataset, entries []datasets.Entry) reports.Table {
	t := reports.Table{
		Title: "Papers of " + ds.Name(),
		Columns: []reports.Column{
			{Head: "Paper", Key: "paper"}, {Head: "Text", Key: "forms"}, {Head: "Rubric", Key: "rubric"},
			{Head: "Addendum", Key: "addendum"}, {Head: "Judge's\naddendum", Key: "judge_addendum"},
			{Head: "Black-\nlisted", Key: "blacklist", Right: true}, {Head: "Title", Key: "title", Wrap: true},
		},
	}
	var texts, rubrics, unfetched int
	for _, e := range entries {
		var forms []string
		for i, form := range e.Forms() {
			name := string(form)
			if s := state(e, e.Files[form]); s != there {
				name += " (" + s + ")"
			} else if i == 0 {
				texts++
			}
			forms = append(forms, name)
		}
		rubric, addendum, judge := state(e, e.Rubric), state(e, e.Addendum), state(e, e.JudgeAddendum)
		blacklisted := reports.Value(reports.Missing{})
		if e.Blacklist != "" {
			if list, err := monitor.Read(e.FS, e.Blacklist); err != nil {
				t.Notes = append(t.Notes, e.ID+": "+err.Error())
			} else {
				blacklisted = reports.Count(len(list.Entries()))
			}
		}
		if rubric == there {
			rubrics++
		}
		if addendum == notFetched || judge == notFetched {
			unfetched++
		}
		t.Rows = append(t.Rows, []reports.Value{reports.Text(e.ID), textOr(strings.Join(forms, ", "), "missing"), reports.Text(rubric),
			reports.Text(addendum), reports.Text(judge), blacklisted, reports.Text(e.Title)})
		for _, w := range e.Warnings {
			t.Notes = append(t.Notes, e.ID+": "+w)
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%d papers: %d with text, %d with a rubric. Graded submissions in the dataset: %d.",
		len(entries), texts, rubrics, len(ds.JudgeEval())))
	if others := len(ds.Papers()) - len(entries); others > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d other papers of the dataset are not in this split.", others))
	}
	if unfetched > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("Addenda that were not fetched, for %d papers: run `bench dataset pull %s`.", unfetched, ds.Name()))
	}
	t.Notes = append(t.Notes, "Splits: "+strings.Join(datasets.Splits(ds), ", ")+".")
	return t
}

const (
	there      = "there"
	notFetched = "not fetched"
)

// state says in a word whether one of a paper's files is there.
func state(e datasets.Entry, file string) string {
	if file == "" {
		return "none"
	}
	f, err := e.FS.Open(file)
	switch {
	case errors.Is(err, datasets.ErrNotFetched):
		return notFetched
	case err != nil:
		return "unreadable"
	}
	_ = f.Close()
	return there
}
