package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/llm"
	"papereval/reports"
	"papereval/run"
)

// spendFlags say what calls cost and how much they may cost together.
type spendFlags struct {
	budget     float64
	pricesFile string

	limit  *llm.Dollars // nil for no limit
	prices *llm.Models
}

func (f *spendFlags) register(c *cobra.Command) {
	c.Flags().Float64Var(&f.budget, "budget", 0, "what the run may cost in US `dollars`, all its executions together (default: no limit)")
	registerPrices(c, &f.pricesFile)
}

func registerPrices(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "prices", "", "a YAML `file` with prices of models, in US dollars per million tokens, instead of or beside the built-in ones: models: {my-model: {input: 1.10, cached: 0.55, output: 4.40}}")
}

// readPrices reads the file that --prices names, if it names one.
func readPrices(file string) (*llm.Models, error) {
	if file == "" {
		return llm.Catalogue(), nil
	}
	prices, err := llm.ReadPrices(file)
	if err != nil {
		return nil, usagef("--prices: %w", err)
	}
	return prices, nil
}

func (f *spendFlags) read(c *cobra.Command) (err error) {
	if c.Flags().Changed("budget") {
		if !(f.budget >= 0) || math.IsInf(f.budget, 1) {
			return usagef("--budget %v: it is an amount of US dollars, such as 25", f.budget)
		}
		limit := llm.USD(f.budget)
		f.limit = &limit
	}
	f.prices, err = readPrices(f.pricesFile)
	return err
}

// set gives a run its budget and prices; it refuses a budget on calls whose price is not known.
func (f *spendFlags) set(r *run.Run) error {
	r.Budget, r.Prices = f.limit, f.prices
	if f.limit == nil {
		return nil
	}
	for _, m := range asked(r) {
		if !f.prices.PriceOf(m).Known {
			return usagef("--budget %v: %w", f.budget, &llm.UnpricedError{Model: m.Name})
		}
	}
	return nil
}

// asked are the models that a run asks.
func asked(r *run.Run) []llm.Model {
	models := []llm.Model{r.Config.Model.LLM()}
	if len(r.Config.Evaluators) > 0 {
		models = append(models, r.Config.JudgeModel.LLM())
	}
	return models
}

// costs tells whether a run's calls may cost something.
func costs(r *run.Run) bool {
	for _, m := range asked(r) {
		if !r.Prices.PriceOf(m).Free() {
			return true
		}
	}
	return false
}

// announce shows in short what a run will take.
func announce(ctx context.Context, show *progress, r *run.Run) {
	e, err := r.Estimate(ctx)
	if err != nil {
		show.note("No estimate of calls and cost: %s", printable(err.Error()))
		return
	}
	calls, u, usd, ok := e.Total()
	cost := fmt.Sprintf("about $%.2f", usd)
	if r.Batch != nil {
		cost += " in batches"
	}
	if !ok {
		cost = "cost unknown (--prices FILE says what a model costs)"
	}
	s := fmt.Sprintf("Estimate: %d answers to ask for, %s tokens of prompts and %s of answers, %s; --dry-run shows it by stage.",
		calls, thousands(u.Prompt), thousands(u.Completion), cost)
	if r.Budget != nil {
		if spent, lost, err := r.Spent(ctx); err == nil && ok && llm.USD(usd)+spent+lost > *r.Budget {
			s += fmt.Sprintf(" The budget of %s may not suffice: %s of it are spent.", *r.Budget, spent+lost)
		}
	}
	show.note("%s", s)
}

// estimate prints what a run would take. Nothing is made for it.
func estimate(a *app, c *cobra.Command, flags *runFlags, where *workspace, spend *spendFlags, batched bool, format reports.Format) (err error) {
	check := func(r *run.Run) error {
		if err := spend.set(r); err != nil {
			return err
		}
		return inBatches(r, batched)
	}
	var r *run.Run
	if _, missing := os.Stat(filepath.Join(where.dir, "ledger.db")); missing != nil && flags.run == "" {
		r, err = flags.plan(c, where, nil, check)
	} else {
		var l *ledger.Ledger
		r, l, err = flags.open(c, where, check)
		if err == nil {
			defer func() { err = errors.Join(err, l.Close()) }()
		}
	}
	if err != nil {
		return err
	}
	r.Events = func(e run.Event) {
		fmt.Fprintf(a.stderr, "%s: warning: %s\n", printable(e.Cell.Paper), printable(e.Err.Error()))
	}
	e, err := r.Estimate(c.Context())
	if err != nil {
		return err
	}
	return reports.Render(a.stdout, format, []reports.Table{estimateTable(e)})
}

func estimateTable(e *run.Estimate) reports.Table {
	t := reports.Table{Title: "Estimate", Notes: e.Assumptions, Columns: []reports.Column{
		{Head: "system", Key: "system"}, {Head: "stage or judge", Key: "stage"}, {Head: "model", Key: "model"},
		{Head: "answers\nto ask for", Key: "calls", Right: true}, {Head: "in the\nledger", Key: "known", Right: true},
		{Head: "tokens of\nprompts", Key: "prompt_tokens", Right: true}, {Head: "tokens of\nanswers", Key: "completion_tokens", Right: true},
		{Head: "cost ($)", Key: "cost_usd", Right: true},
	}}
	known := 0
	for _, r := range e.Rows {
		known += r.Known
		stage := r.Stage
		if r.Evaluator != "" {
			stage = strings.TrimSuffix(r.Evaluator+" "+stage, " judge")
		}
		usd, ok := r.CostUSD()
		t.Rows = append(t.Rows, []reports.Value{reports.Text(r.System), reports.Text(stage), reports.Text(r.Model.String()),
			reports.Count(r.Calls), reports.Count(r.Known), reports.Count(r.Usage.Prompt), reports.Count(r.Usage.Completion), amount(usd, ok)})
	}
	calls, u, usd, ok := e.Total()
	t.Rows = append(t.Rows, []reports.Value{reports.Text("total"), reports.Missing{}, reports.Missing{}, reports.Count(calls), reports.Count(known),
		reports.Count(u.Prompt), reports.Count(u.Completion), amount(usd, ok)})
	return t
}

func amount(usd float64, known bool) reports.Cost {
	if !known {
		return reports.Cost{}
	}
	return reports.Cost{USD: &usd}
}
