package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/datasets/lock"
	"papereval/datasets/paperbench"
	"papereval/datasets/pull"
	"papereval/reports"
)

func newDataset(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "dataset",
		Short: "Fetch, add, verify and list the sets of papers",
		Example: `  bench dataset pull paperbench
  bench dataset list paper2code --data paper2code`,
	}
	c.AddCommand(newDatasetList(a), newDatasetPull(a), newDatasetVerify(a), newDatasetAdd(a))
	return c
}

func newDatasetList(a *app) *cobra.Command {
	var where workspace
	var data, split, format string
	c := &cobra.Command{
		Use:   "list [NAME]",
		Short: "Show which papers a dataset has, and what of them is missing",
		Long: `List shows the papers of a dataset and what is there of each: the forms in which its text
can be read, and the authors' repository (paper2code) or the rubric and its companions (paperbench). Without a name it shows
the datasets that there are: bundled, pulled and added.

The published layout of paper2code is dataset_info.json, VENUE/NAME.json (or _cleaned.json,
.tex, .md, .pdf) and references/NAME/ for the authors' code. That of paperbench is papers/NAME/
with paper.md, rubric.json, config.yaml, addendum.md, judge.addendum.md and blacklist.txt;
splits/SPLIT.txt with a NAME a line; and judge_eval/ for graded submissions.`,
		Example: `  bench dataset list                               # the datasets
  bench dataset list paper2code                    # the papers that were pulled, or the bundled ones
  bench dataset list paper2code --data paper2code  # a folder in the published layout
  bench dataset list paper2code --data paper2code --split oral --format csv
  bench dataset list paperbench --data paperbench --split dev`,
		Args: cobra.MaximumNArgs(1),
	}
	where.register(c)
	c.Flags().StringVar(&data, "data", "", "the dataset's `folder` (default: what was pulled or added under its name, or else the bundled papers)")
	c.Flags().StringVar(&split, "split", "", "only a named part of the dataset")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), list(reports.Formats()))
	c.RunE = func(_ *cobra.Command, args []string) error {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		if len(args) == 0 {
			if data != "" || split != "" {
				return usagef("--data and --split need the name of a dataset")
			}
			table, err := datasetsTable(&where)
			if err != nil {
				return err
			}
			return reports.Render(a.stdout, output, []reports.Table{table})
		}
		name := args[0]
		if split != demoSplit {
			if err := fetched(&where, &name, &data); err != nil {
				return err
			}
		}
		ds, err := openDataset(name, data)
		if err != nil {
			return err
		}
		entries, err := datasets.Select(ds, split, nil)
		if err != nil {
			return usage(err)
		}
		table := papersTable(ds, entries)
		if rubrics, ok := ds.(*paperbench.Dataset); ok {
			table = rubricPapersTable(rubrics, entries)
		}
		table.Title = "Papers of " + args[0]
		return reports.Render(a.stdout, output, []reports.Table{table})
	}
	return c
}

// demoSplit is the split of the bundled papers.
const demoSplit = "demo"

// datasetsTable shows which datasets there are.
func datasetsTable(w *workspace) (reports.Table, error) {
	t := reports.Table{
		Title: "Datasets",
		Columns: []reports.Column{
			{Head: "Dataset", Key: "dataset"}, {Head: "Is", Key: "is"}, {Head: "Layout", Key: "layout"}, {Head: "Papers", Key: "papers", Right: true},
			{Head: "Reference\ncode", Key: "references", Right: true}, {Head: "Commit"}, {Head: "Place", Key: "place", Wrap: true},
			{Key: "commit"}, {Key: "from"}, {Key: "since"},
		},
	}
	for _, name := range pull.Names() {
		ds, err := openDataset(name, "")
		if errors.As(err, new(*usageError)) {
			continue // no papers of it are bundled
		} else if err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, []reports.Value{reports.Text(name), reports.Text("bundled"), reports.Text(name), reports.Count(len(ds.Papers())),
			reports.Missing{}, reports.Missing{}, reports.Text("in bench itself"), reports.Missing{}, reports.Missing{}, reports.Missing{}})
	}
	l, err := lock.Read(w.datasets())
	if err != nil {
		return t, usage(err)
	}
	for _, d := range l.Datasets {
		is := "pulled"
		if d.Folder != "" {
			is = "added"
		}
		t.Rows = append(t.Rows, []reports.Value{reports.Text(d.Name), reports.Text(is), reports.Text(d.Kind), reports.Count(d.Papers()),
			reports.Count(len(d.References)), textOr(fmt.Sprintf("%.12s", d.Commit), ""), reports.Text(l.Folder(&d)), textOr(d.Commit, ""), textOr(d.From, ""), reports.Text(d.At.Format(time.RFC3339))})
	}
	return t, nil
}

func papersTable(ds datasets.Dataset, entries []datasets.Entry) reports.Table {
	t := reports.Table{
		Title: "Papers of " + ds.Name(),
		Columns: []reports.Column{
			{Head: "Paper", Key: "paper"}, {Head: "Venue", Key: "venue"}, {Key: "presentation", Head: "As"},
			{Head: "Text", Key: "forms"}, {Head: "Reference\ncode", Key: "reference"},
			{Head: "Title", Key: "title", Wrap: true}, {Key: "repo_url"},
		},
	}
	var texts, references, unlisted int
	for _, e := range entries {
		forms, reference := reports.Value(reports.Text("missing")), reports.Value(reports.Text("missing"))
		if len(e.Forms()) > 0 {
			forms = reports.Text(list(e.Forms()))
			texts++
		}
		if e.Reference != "" {
			reference = reports.Text("there")
			references++
		}
		if !e.Listed {
			unlisted++
		}
		t.Rows = append(t.Rows, []reports.Value{reports.Text(e.ID), textOr(e.Venue, "unknown"), textOr(e.Presentation, ""), forms, reference,
			reports.Text(e.Title), textOr(e.RepoURL, "")})
		for _, w := range e.Warnings {
			t.Notes = append(t.Notes, e.ID+": "+w)
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%d papers: %d with text, %d without; %d with the authors' code, %d without.",
		len(entries), texts, len(entries)-texts, references, len(entries)-references))
	if unlisted > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d in the folder but not in dataset_info.json; their venue is unknown.", unlisted))
	}
	t.Notes = append(t.Notes, "Splits: "+strings.Join(slices.Compact(datasets.Splits(ds)), ", ")+".")
	return t
}

func textOr(s, otherwise string) reports.Value {
	if s == "" {
		s = otherwise
	}
	if s == "" {
		return reports.Missing{}
	}
	return reports.Text(s)
}
