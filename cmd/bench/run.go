package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/llm/recording"
	"papereval/reports"
	"papereval/reports/recorded"
	"papereval/run"
)

func newRun(a *app) *cobra.Command {
	var (
		flags       runFlags
		where       workspace
		concurrency int
		record      string
		format      string
	)
	c := &cobra.Command{
		Use:   "run",
		Short: "Generate repositories, evaluate them and print the scores",
		Long: `Run takes papers through systems, lets judges score the repositories, and prints a table.

The repositories are in WORKSPACE/runs/RUN/PAPER/SYSTEM--MODEL--SEED/repo, each a git
repository with a commit per step. The same command run again asks no model twice: it
continues what was interrupted, and repeats the table of what was finished.`,
		Example: `  # the bundled papers, from the bundled recording: no key, no cost
  bench run --dataset paper2code

  # live, on a folder with the published dataset
  OPENAI_API_KEY=... bench run --dataset paper2code --data paper2code --split icml \
      --model o3-mini?reasoning_effort=high --samples 8

  # the ablation without the analysis stage, on two papers
  bench run --data paper2code --papers iTransformer,TTM --without analysis --model o3-mini

  # what a published run's answers give, without judging
  bench run --data paper2code --papers Transformer --model replay:outputs/Transformer --eval none`,
	}
	flags.register(c)
	where.register(c)
	c.Flags().IntVar(&concurrency, "concurrency", 8, "calls to a model at the same time")
	c.Flags().StringVar(&record, "record", "", "write every request and answer to this `file` (.jsonl, or .jsonl.zst), for replay:FILE")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), "of the result: "+list(reports.Formats()))

	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		ctx := c.Context()
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		if concurrency < 1 {
			return usagef("--concurrency %d: at least one call is made at a time", concurrency)
		}
		r, l, err := flags.open(c, &where, needsKey)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		r.Concurrency = concurrency
		if record != "" {
			if r.Record, err = recording.Create(record, aboutRun(r)); err != nil {
				return usage(err)
			}
		}
		if r.Config.Places.Model == "" {
			fmt.Fprintln(a.stderr, "No --model: a bundled recording of a language model's real answers serves the bundled papers; nothing is paid for.")
			fmt.Fprintln(a.stderr, "Live: OPENAI_API_KEY=... bench run --dataset paper2code --model o3-mini")
		}
		show := newProgress(a.stderr, r)
		r.Events, r.Damage = show.event, func(err error) { show.note("%v; it is asked for again", err) }
		started := time.Now()
		totals, err := r.Execute(ctx)
		show.close()
		switch {
		case r.Record == nil:
		case err == nil:
			err = r.Record.Close()
		default: // an older recording is worth more than half a new one
			err = errors.Join(err, r.Record.Abandon())
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(a.stderr, finished(r, totals, time.Since(started)))
		loaded, err := recorded.Load(ctx, l, r.Config.ID())
		if err != nil {
			return err
		}
		if err := reports.Render(a.stdout, output, reports.Tables(loaded)); err != nil {
			return err
		}
		return failures(totals)
	}
	return c
}

// aboutRun is what a recording of a run says of itself.
func aboutRun(r *run.Run) recording.About {
	about := recording.About{Model: r.Config.Model.LLM().String(), Context: r.Config.Model.Context}
	if r.Config.JudgeModel != r.Config.Model {
		about.Judge, about.JudgeContext = r.Config.JudgeModel.LLM().String(), r.Config.JudgeModel.Context
	}
	return about
}

// open prepares the run that the flags describe, with its ledger; check may refuse it before anything is made.
func (f *runFlags) open(c *cobra.Command, w *workspace, check func(*run.Run) error) (*run.Run, *ledger.Ledger, error) {
	var config *run.Config
	var err error
	if f.run == "" { // wrong usage is found before a workspace is made
		if config, err = f.config(c.Context(), c, w, nil); err != nil {
			return nil, nil, err
		}
	}
	var r *run.Run
	if config != nil {
		if r, err = prepare(config, f.split, f.papers, f.without); err == nil {
			r.Workspace = w.dir
			err = check(r)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	l, err := w.open(c.Context(), f.run == "")
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		if config, err = f.config(c.Context(), c, w, l); err == nil {
			r, err = prepare(config, "", nil, nil)
		}
		if err != nil {
			return nil, nil, errors.Join(err, l.Close())
		}
	}
	r.Ledger, r.Workspace = l, w.dir
	return r, l, nil
}

// finished is the line that ends a run.
func finished(r *run.Run, t run.Totals, took time.Duration) string {
	s := fmt.Sprintf("Run %s: %d repositories in %s; %d answers asked for, %d were in the ledger", r.Config.ID(),
		t.Cells-t.Failed, took.Round(100*time.Millisecond), t.Sent, t.Known)
	if t.CostUSD > 0 {
		s += fmt.Sprintf("; $%.2f spent", t.CostUSD)
	}
	return s + ". Files: " + t.RepositoriesIn
}

// failures is the error of a run that went through but not everywhere well.
func failures(t run.Totals) error {
	var parts []string
	if t.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d repositories could not be written", t.Failed, t.Cells))
	}
	if t.JudgesFailed > 0 {
		parts = append(parts, fmt.Sprintf("%d evaluations have no score", t.JudgesFailed))
	}
	if parts == nil {
		return nil
	}
	return fmt.Errorf("%s; the first: %s", strings.Join(slices.Compact(parts), ", "), t.FirstFailure)
}
