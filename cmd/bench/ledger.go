package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/llm"
	"papereval/reports"
)

func newLedger(a *app) *cobra.Command {
	var (
		where  workspace
		format string
	)
	c := &cobra.Command{
		Use:   "ledger",
		Short: "Look at what was paid for: size and spend; hand it over, check it, tidy it up",
		Long: `Ledger shows what the workspace's ledger takes on the disk and what the answers in it cost,
per run, stage and model. A call that several runs rest on was paid for once and is in the
figures of each; the last table counts every answer once.

Prices are those of the model list that is built in; a price that is not known makes a cost
"unknown", never 0. What batches answered costs half. Recorded and simulated answers cost nothing.`,
		Example: `  bench ledger
  bench ledger show                              # the calls of the latest run
  bench ledger show 3fa29c                       # one of them, with prompt and answer
  bench ledger export -o answers.jsonl.zst       # for a colleague ...
  bench ledger import answers.jsonl.zst          # ... who pays for none of them again
  bench ledger verify
  bench ledger prune --dry-run`,
	}
	where.register(c)
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), list(reports.Formats()))
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		l, err := where.open(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		tables, err := ledgerTables(c.Context(), l)
		if err != nil {
			return err
		}
		return reports.Render(a.stdout, output, tables)
	}
	c.AddCommand(newLedgerShow(a), newLedgerVerify(a), newLedgerExport(a), newLedgerImport(a), newLedgerPrune(a))
	return c
}

func ledgerTables(ctx context.Context, l *ledger.Ledger) ([]reports.Table, error) {
	size, err := sizeTable(ctx, l)
	if err != nil {
		return nil, err
	}
	runs, stages, err := spendTables(ctx, l)
	if err != nil {
		return nil, err
	}
	answered, err := l.Answered(ctx)
	if err != nil {
		return nil, err
	}
	return []reports.Table{size, runs, stages, answeredTable("All answers, each once", answered)}, nil
}

func sizeTable(ctx context.Context, l *ledger.Ledger) (reports.Table, error) {
	t := reports.Table{Title: "Size on disk", Columns: []reports.Column{
		{Head: "Kind", Key: "kind"}, {Head: "Number", Key: "count", Right: true},
		{Head: "On disk", Key: "disk_bytes", Right: true}, {Head: "Text, each\npart once", Key: "text_bytes", Right: true},
	}}
	sizes, err := l.Sizes(ctx)
	if err != nil {
		return t, err
	}
	total := int64(0)
	for _, s := range sizes {
		row := []reports.Value{reports.Text(s.Kind), reports.Missing{}, reports.Bytes(s.Disk), reports.Missing{}}
		if s.Kind != ledger.Records && s.Kind != ledger.Free {
			row[1] = reports.Count(s.Count)
		}
		if s.Text > 0 {
			row[3] = reports.Bytes(s.Text)
		}
		t.Rows = append(t.Rows, row)
		total += s.Disk
	}
	t.Rows = append(t.Rows, []reports.Value{reports.Text("total"), reports.Missing{}, reports.Bytes(total), reports.Missing{}})
	t.Notes = append(t.Notes, "Free is room that new answers will take; `bench ledger prune` gives it back.")
	return t, nil
}

// spend adds up calls.
type spend struct {
	calls, failed              int
	batched                    int // of both, at half the price
	prompt, cached, completion int
	usd                        *float64 // nil where a part of it is not known
}

func newSpend() *spend { return &spend{usd: new(float64)} }

// add adds answered calls that are alike.
func (s *spend) add(u ledger.UsageRow) {
	s.calls += u.Calls
	s.cost(u.Calls, llm.Usage{Prompt: u.Prompt, Cached: u.Cached, Completion: u.Completion}, u.Batched, u.Source, u.Snapshot, u.CallModel)
}

// addFailed adds failed tries that are alike.
func (s *spend) addFailed(w ledger.WasteRow) {
	s.failed += w.Tries
	s.cost(w.Tries, llm.Usage{Prompt: w.Prompt, Cached: w.Cached, Completion: w.Completion}, w.Batched, w.Source, w.Model)
}

// cost adds what tokens cost; names are what their price may be found by, the best first.
func (s *spend) cost(calls int, u llm.Usage, batched bool, source string, names ...string) {
	if batched {
		s.batched += calls
	}
	s.prompt += u.Prompt
	s.cached += u.Cached
	s.completion += u.Completion
	if source != "" && source != string(llm.Live) {
		return
	}
	for _, name := range names {
		if usd, ok := llm.Catalogue().Cost(name, u, batched); ok {
			if s.usd != nil {
				usd += *s.usd
				s.usd = &usd
			}
			return
		}
	}
	s.usd = nil
}

var spendColumns = []reports.Column{
	{Head: "Calls", Key: "calls", Right: true}, {Head: "Failed,\npaid for", Key: "failed", Right: true},
	{Head: "Prompt\ntokens", Key: "prompt_tokens", Right: true}, {Head: "of these\ncached", Key: "cached_tokens", Right: true},
	{Head: "Answer\ntokens", Key: "completion_tokens", Right: true}, {Head: "Spent,\nUS$", Key: "spent_usd", Right: true},
}

func (s *spend) values() []reports.Value {
	return []reports.Value{reports.Count(s.calls), reports.Count(s.failed), reports.Count(s.prompt), reports.Count(s.cached),
		reports.Count(s.completion), reports.Cost{USD: s.usd}}
}

// note says how many calls are counted at half the price.
func (s *spend) note(t *reports.Table) {
	if s.batched > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d of the calls were answered in batches and are counted at half the price.", s.batched))
	}
}

// spendTables are the spend per run, and per run, stage and model.
func spendTables(ctx context.Context, l *ledger.Ledger) (runs, stages reports.Table, err error) {
	runs = reports.Table{Title: "Spend by run", Columns: append([]reports.Column{
		{Head: "Run", Key: "run"}, {Head: "Started", Key: "started"}, {Head: "Cells\ndone", Key: "cells_done", Right: true}, {Head: "Cells", Key: "cells", Right: true},
	}, spendColumns...)}
	stages = reports.Table{Title: "Spend by run, stage and model", Columns: append([]reports.Column{
		{Head: "Run", Key: "run"}, {Head: "Stage", Key: "stage", Wrap: true}, {Head: "Model", Key: "model", Wrap: true}, {Head: "Answers", Key: "source"},
	}, spendColumns...)}
	all, err := l.Runs(ctx)
	if err != nil {
		return runs, stages, err
	}
	every := newSpend()
	for _, r := range all {
		total, rows, err := spendOf(ctx, l, r.ID)
		if err != nil {
			return runs, stages, err
		}
		every.batched += total.batched
		cells, err := l.Cells(ctx, r.ID)
		if err != nil {
			return runs, stages, err
		}
		var started time.Time
		done := 0
		for _, c := range cells {
			if c.State == ledger.Done || c.State == ledger.Failed {
				done++
			}
			if started.IsZero() || c.Started.Before(started) {
				started = c.Started
			}
		}
		when := reports.Value(reports.Missing{})
		if !started.IsZero() {
			when = reports.Text(started.UTC().Format("2006-01-02 15:04"))
		}
		runs.Rows = append(runs.Rows, append([]reports.Value{reports.Text(r.ID), when, reports.Count(done), reports.Count(len(cells))}, total.values()...))
		stages.Rows = append(stages.Rows, rows...)
		settled, open, err := l.Spent(ctx, r.ID)
		if err != nil {
			return runs, stages, err
		}
		if settled > 0 || open > 0 {
			runs.Notes = append(runs.Notes, fmt.Sprintf("Run %s, as its budget counts: $%.4f spent, $%.4f reserved for calls that are under way or were cut off.",
				r.ID, float64(settled)/1e9, float64(open)/1e9))
		}
	}
	if len(all) == 0 {
		runs.Notes = append(runs.Notes, "The ledger holds no run yet.")
	}
	every.note(&runs)
	runs.Notes = append(runs.Notes, fmt.Sprintf("Prices of %s; times are UTC. A call that several runs rest on is in each of them.", llm.Catalogue().Date))
	return runs, stages, nil
}

// stage is one row of the table by stage; its fields are sorted by.
type stage struct{ name, model, source string }

func spendOf(ctx context.Context, l *ledger.Ledger, run string) (total *spend, rows [][]reports.Value, err error) {
	usage, err := l.Usage(ctx, run)
	if err != nil {
		return nil, nil, err
	}
	wasted, err := l.Wasted(ctx, run)
	if err != nil {
		return nil, nil, err
	}
	total = newSpend()
	by := map[stage]*spend{}
	at := func(s stage) *spend {
		if by[s] == nil {
			by[s] = newSpend()
		}
		return by[s]
	}
	for _, u := range usage {
		for _, s := range []*spend{total, at(stage{stageName(u.Evaluator, u.Stage), u.CallModel, u.Source})} {
			s.add(u)
		}
	}
	for _, w := range wasted {
		w.Source = cmp.Or(w.Source, string(llm.Live))
		for _, s := range []*spend{total, at(stage{stageName(w.Evaluator, w.Stage), w.Model, w.Source})} {
			s.addFailed(w)
		}
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b stage) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.model, b.model), strings.Compare(a.source, b.source))
	})
	for _, s := range names {
		rows = append(rows, append([]reports.Value{reports.Text(run), reports.Text(s.name), reports.Text(s.model), reports.Text(s.source)}, by[s].values()...))
	}
	return total, rows, nil
}

// stageName is a stage of a system, or of an evaluator with that one's name before it.
func stageName(evaluator, stage string) string {
	if evaluator == "" || evaluator == stage {
		return stage
	}
	return strings.TrimSpace(evaluator + " " + stage)
}

// answeredTable shows answers by the model that was asked and the one that answered.
func answeredTable(title string, answers []ledger.UsageRow) reports.Table {
	t := reports.Table{Title: title, Columns: []reports.Column{
		{Head: "Model", Key: "model", Wrap: true}, {Head: "Answered by", Key: "snapshot", Wrap: true}, {Head: "Answers", Key: "source"},
		{Head: "Calls", Key: "calls", Right: true}, {Head: "Prompt\ntokens", Key: "prompt_tokens", Right: true}, {Head: "of these\ncached", Key: "cached_tokens", Right: true},
		{Head: "Answer\ntokens", Key: "completion_tokens", Right: true}, {Head: "Spent,\nUS$", Key: "spent_usd", Right: true},
	}}
	total := newSpend()
	by := map[[3]string]*spend{}
	var order [][3]string
	for _, u := range answers {
		key := [3]string{u.CallModel, u.Snapshot, u.Source}
		if by[key] == nil {
			by[key] = newSpend()
			order = append(order, key)
		}
		by[key].add(u)
		total.add(u)
	}
	for _, key := range order {
		s := by[key]
		t.Rows = append(t.Rows, []reports.Value{reports.Text(key[0]), reports.Text(key[1]), reports.Text(key[2]),
			reports.Count(s.calls), reports.Count(s.prompt), reports.Count(s.cached), reports.Count(s.completion), reports.Cost{USD: s.usd}})
	}
	total.note(&t)
	if len(order) > 1 {
		t.Rows = append(t.Rows, []reports.Value{reports.Text("total"), reports.Missing{}, reports.Missing{},
			reports.Count(total.calls), reports.Count(total.prompt), reports.Count(total.cached), reports.Count(total.completion), reports.Cost{USD: total.usd}})
	}
	return t
}
