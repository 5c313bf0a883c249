package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/llm"
	"papereval/reports"
)

func newLedgerShow(a *app) *cobra.Command {
	var (
		where      workspace
		id, format string
	)
	c := &cobra.Command{
		Use:   "show [KEY]",
		Short: "Show one call with prompt and answer, or list the calls of a run",
		Long: `Show prints a call: what it was for, its prompt and its answer. The key may be shortened as
far as it stays unique. Without a key it lists the answered calls of a run.`,
		Example: `  bench ledger show
  bench ledger show --run 3fa2 --format csv
  bench ledger show 3fa29c | less`,
		Args: cobra.MaximumNArgs(1),
	}
	where.register(c)
	c.Flags().StringVar(&id, "run", "", "of the list: the run's `id` or the beginning of it (default: the latest)")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), "of the list: "+list(reports.Formats()))
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		l, err := where.open(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		if len(args) == 0 {
			run, err := l.Run(c.Context(), id)
			if err != nil {
				return usage(err)
			}
			table, err := callsTable(c.Context(), l, run.ID)
			if err != nil {
				return err
			}
			return reports.Render(a.stdout, output, []reports.Table{table})
		}
		key, err := l.Key(c.Context(), strings.ToLower(args[0]))
		if err != nil {
			return usage(err)
		}
		return showCall(c.Context(), a.stdout, l, key)
	}
	return c
}

func callsTable(ctx context.Context, l *ledger.Ledger, run string) (reports.Table, error) {
	t := reports.Table{Title: "Calls of run " + run, Columns: []reports.Column{
		{Head: "Key", Key: "key"}, {Head: "Paper", Key: "paper", Wrap: true}, {Head: "System", Key: "system", Wrap: true}, {Head: "Stage", Key: "stage", Wrap: true}, {Head: "File", Key: "file", Wrap: true},
		{Head: "Sample", Key: "sample", Right: true}, {Head: "Model", Key: "model", Wrap: true},
		{Head: "Prompt\ntokens", Key: "prompt_tokens", Right: true}, {Head: "Answer\ntokens", Key: "completion_tokens", Right: true}, {Head: "Took", Key: "seconds", Right: true},
	}}
	keys, err := l.CallsOf(ctx, run)
	if err != nil {
		return t, err
	}
	for _, key := range keys {
		c, err := l.Call(ctx, key)
		if errors.As(err, new(*ledger.DamagedError)) {
			t.Notes = append(t.Notes, err.Error())
			continue
		}
		if err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, []reports.Value{reports.Text(c.Key[:12]), textOr(c.Paper, ""), textOr(c.System, ""), textOr(stageName(c.Evaluator, c.Stage), ""), textOr(c.File, ""),
			reports.Count(c.Sample), reports.Text(c.Model), reports.Count(c.Prompt), reports.Count(c.Completion), reports.Elapsed(c.Elapsed)})
	}
	t.Notes = append(t.Notes, "Paper, system, stage and file are those of whoever asked first. `bench ledger show KEY` shows prompt and answer.")
	return t, nil
}

// showCall prints all that is known of a call, what is damaged of it as such.
func showCall(ctx context.Context, w io.Writer, l *ledger.Ledger, key string) error {
	asked, err := l.Asked(ctx, key)
	if err != nil {
		return err
	}
	runs, err := l.RunsOf(ctx, key)
	if err != nil {
		return err
	}
	answer, broken := l.Call(ctx, key)
	if errors.Is(broken, ledger.ErrNotFound) {
		broken = nil
	}
	var b strings.Builder
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, reports.Plain(fmt.Sprintf(format, args...)))
	}
	fact("key", "%s", asked.Key)
	fact("for", "%s", textOrNothing(asked.Label()))
	fact("model", "%s at %s, sample %d", asked.Model, asked.Endpoint, asked.Sample)
	fact("parameters", "%s", asked.Params)
	fact("runs", "%s", textOrNothing(strings.Join(runs, ", ")))
	if answer != nil {
		fact("answered", "by %s (%s) on %s, in %s", answer.Snapshot, answer.Source, answer.Started.Format("2006-01-02 15:04:05 MST"), answer.Elapsed.Round(100*time.Millisecond))
		fact("tokens", "%d in the prompt, %d of them cached; %d in the answer, %d of them reasoning", answer.Prompt, answer.Cached, answer.Completion, answer.Reasoning)
		cost := newSpend()
		cost.add(ledger.UsageRow{Calls: 1, Prompt: answer.Prompt, Cached: answer.Cached, Completion: answer.Completion, Batched: answer.Batched,
			Source: answer.Source, Snapshot: answer.Snapshot, CallModel: answer.Model})
		switch {
		case answer.Source != string(llm.Live):
			fact("cost", "nothing: the answer is %s", answer.Source)
		case cost.usd == nil:
			fact("cost", "unknown: the price list of %s has no %s", llm.Catalogue().Date, answer.Model)
		case answer.Batched:
			fact("cost", "$%.4f, by half the prices of %s: a batch answered", *cost.usd, llm.Catalogue().Date)
		default:
			fact("cost", "$%.4f, by the prices of %s", *cost.usd, llm.Catalogue().Date)
		}
		fact("finish", "%s", answer.Finish)
	}
	messages, err := l.Messages(ctx, key)
	switch {
	case errors.As(err, new(*ledger.DamagedError)):
		broken = errors.Join(broken, err)
		b.WriteString("\n--- prompt: damaged\n")
	case err != nil:
		return err
	}
	for _, m := range messages {
		fmt.Fprintf(&b, "\n--- %s, %d bytes\n%s\n", printable(m.Role), len(m.Content), printable(m.Content))
	}
	switch {
	case answer != nil:
		fmt.Fprintf(&b, "\n--- answer, %d bytes\n%s\n", len(answer.Text), printable(answer.Text))
	case broken == nil:
		b.WriteString("\n--- no answer yet\n")
	case messages != nil:
		b.WriteString("\n--- answer: damaged; it is asked for again when a run needs it\n")
	}
	_, err = io.WriteString(w, b.String())
	return errors.Join(err, broken)
}

func textOrNothing(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
