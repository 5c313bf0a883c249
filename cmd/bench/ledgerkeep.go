package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/reports"
	"papereval/run"
)

func newLedgerVerify(a *app) *cobra.Command {
	var where workspace
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read everything and name what is damaged",
		Long: `Verify reads every answer, prompt and blob and compares it with its digest. What is damaged is
named, one a line, and the exit code is 1. It changes nothing. Answers and prompts can be had
back with bench ledger import; otherwise an answer is asked for and paid for again when a run
needs it, and a prompt, which no run needs once it is answered, stays damaged. Repositories
and the details of scores are written anew by the same bench run.`,
		Example: `  bench ledger verify`,
	}
	where.register(c)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		l, err := where.open(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		damaged := 0
		verified, err := l.Verify(c.Context(), func(d ledger.Damage) {
			damaged++
			line := fmt.Sprintf("damaged  %-8s %s", d.What, d.Key)
			if d.Label != "" {
				line += "  " + reports.Plain(d.Label)
			}
			fmt.Fprintln(a.stdout, line)
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "%d answers, %d prompts and %d blobs verified.\n", verified.Answers, verified.Prompts, verified.Blobs)
		if damaged > 0 {
			return fmt.Errorf("%d damaged; `bench ledger verify --help` says what becomes of them", damaged)
		}
		return nil
	}
	return c
}

func newLedgerPrune(a *app) *cobra.Command {
	var (
		where workspace
		dry   bool
	)
	c := &cobra.Command{
		Use:   "prune",
		Short: "Drop what no run needs, and give its room back",
		Long: `Prune drops answers that no run rests on, parts of prompts and blobs that nothing refers to,
and gives their room on the disk back. It keeps every run with its scores, all answers for a
paper that has an unfinished cell in some run, and calls exported by bench batch.

What it drops was paid for: answers that were imported and that no run has used yet are
dropped, too. --dry-run shows what would go.`,
		Example: `  bench ledger prune --dry-run
  bench ledger export -o before.jsonl.zst && bench ledger prune`,
	}
	where.register(c)
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would be dropped, and drop nothing")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		ctx := c.Context()
		l, err := where.open(ctx, false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		unlock, err := claimRuns(where.dir)
		if err != nil {
			return err
		}
		defer unlock()
		before, err := diskSize(c, l)
		if err != nil {
			return err
		}
		pruned, err := l.Prune(ctx, dry)
		if err != nil {
			return err
		}
		after, err := diskSize(c, l)
		if err != nil {
			return err
		}
		verb := "Dropped"
		if dry {
			verb = "Would drop"
		}
		answers := 0
		for _, u := range pruned.Answers {
			answers += u.Calls
		}
		if answers > 0 {
			if err := reports.Render(a.stdout, reports.FormatTable, []reports.Table{answeredTable(verb+": answers that no run rests on", pruned.Answers)}); err != nil {
				return err
			}
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "%s %d answers, %d requests, %d parts of prompts (%s of text) and %d blobs (%s).\n", verb, answers, pruned.Requests,
			pruned.Chunks, sized(pruned.Text), pruned.Blobs, sized(pruned.BlobDisk))
		if dry {
			fmt.Fprintf(a.stdout, "The ledger takes %s. Nothing was changed.\n", sized(before))
			return nil
		}
		fmt.Fprintf(a.stdout, "The ledger took %s and takes %s now.\n", sized(before), sized(after))
		return nil
	}
	return c
}

// claimRuns keeps other processes from working on any run of a workspace.
func claimRuns(dir string) (unlock func(), err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "runs", "*", "lock"))
	if err != nil {
		return nil, err
	}
	var locks []*flock.Flock
	unlock = func() {
		for _, lock := range locks {
			_ = lock.Close()
		}
	}
	for _, path := range paths {
		lock := flock.New(path)
		ok, err := lock.TryLock()
		if err == nil && !ok {
			err = &run.BusyError{Run: filepath.Base(filepath.Dir(path)), File: path}
		}
		if err != nil {
			unlock()
			return nil, fmt.Errorf("prune: %w", err)
		}
		locks = append(locks, lock)
	}
	return unlock, nil
}

func diskSize(c *cobra.Command, l *ledger.Ledger) (bytes int64, err error) {
	sizes, err := l.Sizes(c.Context())
	for _, s := range sizes {
		bytes += s.Disk
	}
	return bytes, err
}

func sized(bytes int64) string { return reports.Bytes(bytes).String() }
