package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"papereval/datasets/lock"
	"papereval/datasets/pull"
)

func newDatasetPull(a *app) *cobra.Command {
	var where workspace
	var options pull.Options
	c := &cobra.Command{
		Use:   "pull NAME",
		Short: "Fetch a published dataset into the workspace",
		Long: `Pull fetches paperbench or paper2code from where its authors publish it, at a pinned commit,
into WORKSPACE/datasets/NAME. The commit and the digest of every file are recorded in
WORKSPACE/datasets/datasets.lock; a later pull takes the commit from there, fetches what is
missing, and puts back what was changed. Files that git keeps as Git-LFS pointers are fetched
from the LFS server of the repository. The same command continues an interrupted pull; what of
a large file had come is not fetched again.

What cannot be fetched is listed, and everything else is kept: the exit code is 1, a file's
pointer stays in the file's place, and the same command tries again.

With --references the code that the authors of Paper2Code's papers published is fetched into
references/NAME/: the newest commit at first, later the one in datasets.lock.`,
		Example: `  bench dataset pull paperbench
  bench dataset pull paper2code --references
  bench run --dataset paper2code --split icml --model o3-mini --dry-run

  # from a mirror
  bench dataset pull paperbench --from https://USER:TOKEN@git.example.org/frontier-evals`,
		Args: cobra.ExactArgs(1),
	}
	where.register(c)
	c.Flags().StringVar(&options.From, "from", "", "the git repository to fetch from, http or https: the `URL` of a mirror; credentials in it are not recorded (default: the one in datasets.lock, or else the published one)")
	c.Flags().StringVar(&options.Commit, "commit", "", "the commit to fetch, by its whole `hash` (default: the one in datasets.lock, or else the pinned one)")
	c.Flags().BoolVar(&options.References, "references", false, "fetch the authors' code of paper2code, too")
	c.RunE = func(c *cobra.Command, args []string) error {
		options.Name, options.Dir = args[0], where.datasets()
		progress := newPullProgress(a.stderr)
		options.Progress = progress
		result, err := pull.Dataset(c.Context(), options)
		progress.close()
		incomplete := new(pull.IncompleteError)
		switch {
		case errors.As(err, new(*pull.UsageError)):
			return usage(err)
		case errors.As(err, &incomplete):
			listFailures(a, incomplete.Failures)
		case err != nil:
			return err
		}
		d := result.Dataset
		fmt.Fprintf(a.stdout, "%s: %d papers, %d files, %s, in %s\n", d.Name, d.Papers(), len(d.Files), sized(size(d)), result.Dir)
		if n := len(d.References); n > 0 {
			fmt.Fprintf(a.stdout, "the authors' code of %d papers\n", n)
		}
		fmt.Fprintf(a.stdout, "commit %s of %s\n", d.Commit, d.From)
		return err
	}
	return c
}

// listFailures lists what could not be fetched, files with the same reason together.
func listFailures(a *app, failures []pull.Failure) {
	paths := make(map[string][]string)
	var reasons []string
	for _, f := range failures {
		reason := f.Err.Error()
		if paths[reason] == nil {
			reasons = append(reasons, reason)
		}
		paths[reason] = append(paths[reason], f.Path)
	}
	for _, reason := range reasons {
		fmt.Fprintf(a.stderr, "not fetched: %s\n", printable(reason))
		for _, path := range paths[reason] {
			fmt.Fprintf(a.stderr, "  %s\n", printable(path))
		}
	}
}

func size(d lock.Dataset) (bytes int64) {
	for _, f := range d.Files {
		bytes += f.Size
	}
	return bytes
}

func newDatasetVerify(a *app) *cobra.Command {
	var where workspace
	c := &cobra.Command{
		Use:   "verify NAME",
		Short: "Prove that a dataset's files are those of datasets.lock",
		Long: `Verify reads every file of a dataset that was pulled or added, and compares it with what
datasets.lock says. It prints a line for each file that is

  missing   not there
  changed   there with another content
  extra     there and not in datasets.lock
  pointer   there as a Git-LFS pointer, because the file itself was not fetched

and for each folder in references/ as a whole. Exit code 1 if there is any. It changes nothing.`,
		Example: `  bench dataset verify paperbench`,
		Args:    cobra.ExactArgs(1),
	}
	where.register(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		l, d, err := known(&where, args[0])
		if err != nil {
			return err
		}
		problems, err := d.Verify(c.Context(), l.Folder(d))
		if err != nil {
			return fmt.Errorf("verify %s: %w", d.Name, err)
		}
		for _, x := range problems {
			fmt.Fprintf(a.stdout, "%-8s %s\n", x.State, printable(x.Path))
		}
		if len(problems) > 0 {
			mend := "`bench dataset pull " + d.Name + "` fetches what is missing and puts back what was changed"
			if d.Folder != "" {
				mend = "`bench dataset add " + d.Name + " " + d.Folder + "` records the folder as it is now"
			}
			return fmt.Errorf("verify %s: %d differ from datasets.lock; %s", d.Name, len(problems), mend)
		}
		fmt.Fprintf(a.stdout, "%d files, %s: all as in datasets.lock\n", len(d.Files), sized(size(*d)))
		if n := len(d.References); n > 0 {
			fmt.Fprintf(a.stdout, "the authors' code of %d papers, too\n", n)
		}
		return nil
	}
	return c
}

func newDatasetAdd(a *app) *cobra.Command {
	var where workspace
	c := &cobra.Command{
		Use:   "add NAME FOLDER",
		Short: "Give a folder of your own a name as a dataset",
		Long: `Add records a folder as a dataset: what each of its files is, in datasets.lock, under a name
that the other commands then take instead of --data. The folder stays where it is. It has the
layout of paper2code (dataset_info.json, VENUE/NAME.json) or of paperbench (papers/ID/).

Adding it again records it as it is then.`,
		Example: `  bench dataset add mine ~/papers
  bench dataset list mine
  bench dataset verify mine`,
		Args: cobra.ExactArgs(2),
	}
	where.register(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		name := args[0]
		if err := lock.CheckName(name); err != nil {
			return usage(err)
		}
		dir, err := filepath.Abs(args[1])
		if err != nil {
			return err
		}
		d, pointers, err := lock.Scan(c.Context(), name, dir)
		if err != nil {
			return usagef("add %s: %w", name, err)
		}
		if slices.Contains(pull.Names(), name) && name != d.Kind {
			return usagef("add %s: %s has the layout of %s; choose another name", name, dir, d.Kind)
		}
		l, err := lock.Open(where.datasets())
		if err != nil {
			return fmt.Errorf("add %s: %w", name, err)
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		if old := l.Find(name); old != nil && old.Folder == "" {
			return usagef("add %s: under this name a dataset was pulled into %s; choose another name", name, l.Folder(old))
		}
		if err := l.Put(*d); err != nil {
			return fmt.Errorf("add %s: %w", name, err)
		}
		for _, p := range pointers {
			fmt.Fprintf(a.stderr, "%s is a Git-LFS pointer and not the file; run `git lfs pull` in the clone that it is from\n", printable(p))
		}
		fmt.Fprintf(a.stdout, "%s: %d papers in the layout of %s, %d files, %s, in %s\n", name, d.Papers(), d.Kind, len(d.Files), sized(size(*d)), dir)
		return nil
	}
	return c
}
