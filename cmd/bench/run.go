package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/recording"
	"papereval/reports"
	"papereval/reports/recorded"
	"papereval/run"
)

func newRun(a *app) *cobra.Command {
	var (
		flags       runFlags
		where       workspace
		spend       spendFlags
		concurrency int
		rpm, tpm    int
		dryRun      bool
		record      string
		format      string
		batched     bool
		asZero      bool
	)
	c := &cobra.Command{
		Use:   "run",
		Short: "Generate repositories, evaluate them and print the scores",
		Long: `Run takes papers through systems, lets judges score the repositories, and prints a table.

The repositories are in WORKSPACE/runs/RUN/PAPER/SYSTEM--MODEL--SEED/repo, each a git
repository with a commit per step. The same command run again asks no model twice: it
continues what was interrupted, and repeats the table of what was finished.

With --budget a call is let through only if the most that it can cost fits what is left,
counting the calls under way. At the cap the run ends with exit code 5 when these have been
answered; the same command with a higher --budget continues. What earlier executions of the
run spent counts. A call whose outcome is not known, because the connection or bench ended
during it, counts with the most that it can have cost.

With --batch answers come from OpenAI's batches and are counted at half the price, wherever
costs are shown. What a batch does not answer is asked for singly, at the full price. That is
why a budget sets the full price aside for a call in a batch until its answer is there, also when
bench ends meanwhile: the same command takes batch and money over.`,
		Example: `  # the bundled papers, from the bundled recording: no key, no cost
  bench run --dataset paper2code

  # live, on a folder with the published dataset
  OPENAI_API_KEY=... bench run --dataset paper2code --data paper2code --split icml \
      --model o3-mini?reasoning_effort=high --samples 8

  # what that would take; then with a cap on what it may cost
  bench run --data paper2code --split icml --model o3-mini --dry-run
  bench run --data paper2code --split icml --model o3-mini --budget 25

  # the same at half the price, in batches that take up to a day each
  OPENAI_API_KEY=... bench run --dataset paper2code --data paper2code --model o3-mini --batch

  # the ablation without the analysis stage, on two papers
  bench run --data paper2code --papers iTransformer,TTM --without analysis --model o3-mini

  # what a published run's answers give, without judging
  bench run --data paper2code --papers Transformer --model replay:outputs/Transformer --eval none`,
	}
	flags.register(c)
	where.register(c)
	spend.register(c)
	c.Flags().IntVar(&concurrency, "concurrency", 64, "calls to a model at the same time, at most: how many it takes is found out")
	c.Flags().IntVar(&rpm, "rpm", 0, "calls a minute to each model, at most (default: no limit)")
	c.Flags().IntVar(&tpm, "tpm", 0, "tokens a minute of each model, at most (default: no limit)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print an estimate of calls, tokens and cost by stage, and stop")
	registerBatch(c, &batched)
	c.Flags().StringVar(&record, "record", "", "write every request and answer to this `file` (.jsonl, or .jsonl.zst), for replay:FILE")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), "of the result: "+list(reports.Formats()))
	registerAsZero(c, &asZero)

	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		ctx := c.Context()
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		if concurrency < 1 {
			return usagef("--concurrency %d: at least one call is made at a time", concurrency)
		}
		if rpm < 0 || tpm < 0 {
			return usagef("--rpm %d --tpm %d: a limit is above 0, and 0 is none", rpm, tpm)
		}
		if err := spend.read(c); err != nil {
			return err
		}
		if dryRun {
			return estimate(a, c, &flags, &where, &spend, batched, output)
		}
		r, l, err := flags.open(c, &where, func(r *run.Run) error {
			if err := spend.set(r); err != nil {
				return err
			}
			if err := checkAsZero(asZero, &r.Config); err != nil {
				return err
			}
			if err := inBatches(r, batched); err != nil {
				return err
			}
			return needsKey(r)
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		r.Concurrency, r.RPM, r.TPM = concurrency, rpm, tpm
		leftAside(a, r)
		if record != "" {
			if r.Record, err = recording.Create(record, aboutRun(r)); err != nil {
				return usage(err)
			}
		}
		totals, told, err := execute(ctx, a, r)
		switch {
		case r.Record == nil:
		case err == nil:
			err = r.Record.Close()
		default: // an older recording is worth more than half a new one
			err = errors.Join(err, r.Record.Abandon())
		}
		if err != nil && !errors.As(err, new(*llm.OverBudget)) {
			return err
		}
		fmt.Fprintln(a.stderr, told)
		if err != nil {
			return err
		}
		loaded, err := recorded.Load(ctx, l, r.Config.ID(), spend.prices)
		if err != nil {
			return err
		}
		if asZero {
			loaded.CountInvalidAsZero()
		}
		if err := reports.Render(a.stdout, output, reports.Tables(loaded)); err != nil {
			return err
		}
		return failures(totals)
	}
	return c
}

// execute carries out a run and shows how it goes on; told is the line that ends it.
func execute(ctx context.Context, a *app, r *run.Run) (totals run.Totals, told string, err error) {
	aboutBundled(a, r)
	show := newProgress(a.stderr, r)
	r.Events, r.Damage = show.event, func(err error) { show.note("%v; it is asked for again", err) }
	if costs(r) {
		announce(ctx, show, r)
	}
	started := time.Now()
	totals, err = r.Execute(ctx)
	show.close()
	tellBatches(a, r)
	return totals, finished(ctx, r, totals, time.Since(started), show.cacheHits()), err
}

// bundledPapers says what the papers are that are part of the binary, by dataset.
var bundledPapers = map[string]string{
	"paper2code": "three bundled papers of our own; `bench dataset pull paper2code` fetches the 90 of Paper2Code",
	"paperbench": "two bundled papers of our own with rubrics; `bench dataset pull paperbench` fetches the 20 of PaperBench",
}

// aboutBundled tells of papers and answers that are part of the binary.
func aboutBundled(a *app, r *run.Run) {
	if r.Config.Places.Data == "" {
		fmt.Fprintf(a.stderr, "Papers: split demo, %s.\n", bundledPapers[r.Config.Dataset])
	}
	if r.Config.Places.Model == "" {
		fmt.Fprintln(a.stderr, "No --model: a bundled recording of a language model's real answers serves these papers; nothing is paid for.")
		fmt.Fprintf(a.stderr, "Live: OPENAI_API_KEY=... bench run --dataset %s --model o3-mini\n", r.Config.Dataset)
	}
}

// aboutRun is what a recording of a run says of itself.
func aboutRun(r *run.Run) recording.About {
	about := recording.About{Model: r.Config.Model.LLM().String(), Context: r.Config.Model.Context}
	if r.Config.JudgeModel != r.Config.Model {
		about.Judge, about.JudgeContext = r.Config.JudgeModel.LLM().String(), r.Config.JudgeModel.Context
	}
	return about
}

// plan prepares the run that the flags describe, without a ledger; check may refuse it.
func (f *runFlags) plan(c *cobra.Command, w *workspace, l *ledger.Ledger, check func(*run.Run) error) (*run.Run, error) {
	config, err := f.config(c.Context(), c, w, l)
	if err != nil {
		return nil, err
	}
	split, papers, without := f.split, f.papers, f.without
	if f.run != "" {
		split, papers, without = "", nil, nil
	}
	r, err := prepare(config, split, papers, without)
	if err != nil {
		return nil, err
	}
	r.Workspace = w.dir
	endWith(c.Context(), r.Endpoints)
	return r, check(r)
}

// open is plan with the run's ledger; check may refuse the run before anything is made.
func (f *runFlags) open(c *cobra.Command, w *workspace, check func(*run.Run) error) (*run.Run, *ledger.Ledger, error) {
	var r *run.Run
	var err error
	if f.run == "" { // wrong usage is found before a workspace is made
		if r, err = f.plan(c, w, nil, check); err != nil {
			return nil, nil, err
		}
	}
	l, err := w.open(c.Context(), f.run == "")
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		if r, err = f.plan(c, w, l, check); err != nil {
			return nil, nil, errors.Join(err, l.Close())
		}
	}
	r.Ledger = l
	return r, l, nil
}

// finished is the line that ends a run; hits is what it says of prompt caches.
func finished(ctx context.Context, r *run.Run, t run.Totals, took time.Duration, hits string) string {
	s := fmt.Sprintf("Run %s: %d repositories in %s; %d answers asked for, %d were in the ledger", r.Config.ID(),
		t.Cells-t.Failed, took.Round(100*time.Millisecond), t.Sent, t.Known)
	if n := t.Wasted.Tries; n > 0 {
		s += fmt.Sprintf("; %d failed tries took %s tokens", n, thousands(t.Wasted.Usage.Prompt+t.Wasted.Usage.Completion))
	}
	if hits != "" {
		s += "; " + hits
	}
	if cost := costText(t.CostUSD, t.Unpriced); cost != "" {
		s += "; " + cost
		if t.CostUSD > 0 {
			s += " spent"
		}
	}
	if r.Budget != nil {
		if spent, lost, err := r.Spent(ctx); err == nil { // else something else says so
			s += fmt.Sprintf("; %s of the budget of %s are spent", spent, *r.Budget)
			if lost > 0 {
				s += fmt.Sprintf(" and %s set aside for calls that an earlier end of bench cut off", lost)
			}
		}
	}
	return s + ". Files: " + t.RepositoriesIn
}

// costText is a cost as far as it is known; empty where nothing was paid.
func costText(usd float64, unpriced int) string {
	switch {
	case unpriced > 0 && usd > 0:
		return fmt.Sprintf("$%.2f and the unknown cost of %d answers", usd, unpriced)
	case unpriced > 0:
		return "cost unknown"
	case usd > 0:
		return fmt.Sprintf("$%.2f", usd)
	}
	return ""
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
