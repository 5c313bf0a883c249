package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/reports"
)

func newDataset(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "dataset",
		Short:   "Look at the sets of papers",
		Example: `  bench dataset list paper2code --data paper2code`,
	}
	c.AddCommand(newDatasetList(a))
	return c
}

func newDatasetList(a *app) *cobra.Command {
	var data, split, format string
	c := &cobra.Command{
		Use:   "list NAME",
		Short: "Show which papers a dataset has, and what of them is missing",
		Long: `List shows the papers of a dataset and what is there of each: the forms in which its text
can be read, and the authors' repository.

The published layout of paper2code is dataset_info.json, VENUE/NAME.json (or _cleaned.json,
.tex, .md, .pdf) and references/NAME/ for the authors' code.`,
		Example: `  bench dataset list paper2code                    # the bundled papers
  bench dataset list paper2code --data paper2code  # a folder in the published layout
  bench dataset list paper2code --data paper2code --split oral --format csv`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&data, "data", "", "the dataset's `folder`; without it the bundled papers")
	c.Flags().StringVar(&split, "split", "", "only a named part of the dataset")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), list(reports.Formats()))
	c.RunE = func(_ *cobra.Command, args []string) error {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		ds, err := openDataset(args[0], data)
		if err != nil {
			return err
		}
		entries, err := datasets.Select(ds, split, nil)
		if err != nil {
			return usage(err)
		}
		return reports.Render(a.stdout, output, []reports.Table{papersTable(ds, entries)})
	}
	return c
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
