package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/eval/monitor"
	"papereval/reports"
)

func newJudgeMonitor(a *app) *cobra.Command {
	var where workspace
	var data, format string
	c := &cobra.Command{
		Use:   "monitor PAPER FILE|FOLDER...",
		Short: "Look for addresses that are blacklisted for a paper",
		Long: `Monitor looks in generated code, logs and transcripts of agents for the addresses that are
blacklisted for a paper, such as that of the authors' code. An address is fetched where git
clone, curl or wget stands within three lines of it, the published rule, and mentioned
elsewhere. It is a filter for what a person should look at: ` + "`bench run`" + ` applies it to what
it grades, and --disqualify there scores what was fetched 0.

The exit code is 1 where something was fetched.`,
		Example: `  bench judge monitor rice agent.log submission/ --data paperbench`,
		Args:    cobra.MinimumNArgs(2),
	}
	where.register(c)
	c.Flags().StringVar(&data, "data", "", "the dataset's `folder` (default: what was pulled or added under its name, or else the bundled papers)")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), list(reports.Formats()))
	c.RunE = func(c *cobra.Command, args []string) error {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		ds, err := openFetched(&where, "paperbench", &data)
		if err != nil {
			return err
		}
		entries, err := datasets.Select(ds, "", args[:1])
		if err != nil {
			return usage(err)
		}
		if entries[0].Blacklist == "" {
			return usagef("paper %s has no blacklist", args[0])
		}
		blacklist, err := monitor.Read(entries[0].FS, entries[0].Blacklist)
		if err != nil {
			return usage(err)
		}
		t := reports.Table{Title: "Blacklisted addresses", Columns: []reports.Column{
			{Head: "File", Key: "file", Wrap: true}, {Head: "Line", Key: "line", Right: true}, {Head: "Kind", Key: "kind"},
			{Head: "Address", Key: "address", Wrap: true}, {Head: "Line and context", Key: "context", Wrap: true},
		}}
		fetched, files := 0, 0
		for _, path := range args[1:] {
			err := eachFile(path, func(name string) error {
				files++
				return scan(c.Context(), blacklist, name, func(f monitor.Finding) {
					if f.Kind == monitor.Fetched {
						fetched++
					}
					t.Rows = append(t.Rows, []reports.Value{reports.Text(f.File), reports.Count(f.Line), reports.Text(f.Kind), reports.Text(f.Entry), reports.Text(strings.Join(f.Context, " ⏎ "))})
				})
			})
			if err != nil {
				return err
			}
		}
		if files == 0 {
			return usagef("there is no file to look at in %s", strings.Join(args[1:], ", "))
		}
		t.Notes = []string{fmt.Sprintf("%d files, blacklisted for %s: %s.", files, args[0], strings.Join(blacklist.Entries(), ", "))}
		if len(blacklist.Entries()) == 0 {
			t.Notes = []string{fmt.Sprintf("Nothing is blacklisted for %s.", args[0])}
		}
		if err := reports.Render(a.stdout, output, []reports.Table{t}); err != nil {
			return err
		}
		if fetched > 0 {
			return fmt.Errorf("%d lines fetch what is blacklisted for %s", fetched, args[0])
		}
		return nil
	}
	return c
}

// eachFile visits a file, a pipe, or the regular files below a folder. A link that is named is followed.
func eachFile(path string, visit func(name string) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return visit(path)
	}
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return visit(name)
	})
}

func scan(ctx context.Context, blacklist *monitor.Blacklist, name string, found func(monitor.Finding)) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for finding, err := range blacklist.Scan(ctx, name, f) {
		if err != nil {
			return err
		}
		found(finding)
	}
	return nil
}
