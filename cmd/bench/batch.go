package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/batch"
	"papereval/run"
)

func newBatch(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "batch",
		Short: "Let calls be answered elsewhere: export them as a file, import the answers",
		Long: `Batch lets any model answer, however it is reached: export writes the calls of a run that
have no answer yet in OpenAI's batch format; import takes the answers in. Later stages
need the answers of earlier ones, so repeat until nothing is left, then let bench run
print the table. Where the endpoint itself takes OpenAI's batches, bench run --batch does
all of this.`,
		Example: `  bench batch export --dataset paper2code --model my-model -o calls.jsonl
  # ... have calls.jsonl answered ...
  bench batch import answers.jsonl
  bench batch export --run 3fa2 -o calls.jsonl`,
	}
	c.AddCommand(newBatchExport(a), newBatchImport(a))
	return c
}

func newBatchExport(a *app) *cobra.Command {
	var (
		flags  runFlags
		where  workspace
		output string
	)
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the calls of a run that have no answer yet",
		Example: `  bench batch export --dataset paper2code --model my-model -o calls.jsonl
  bench batch export --run 3fa2 -o calls.jsonl`,
	}
	flags.register(c)
	where.register(c)
	c.Flags().StringVarP(&output, "output", "o", "-", "the `file` to write; - is standard output")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		ctx := c.Context()
		r, l, err := flags.open(c, &where, func(*run.Run) error { return nil })
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		r.Concurrency = 8
		r.Events, r.Damage = func(run.Event) {}, func(error) {}
		if _, err := r.Pending(ctx); err != nil {
			return err
		}
		pending, err := l.Pending(ctx, r.Config.ID())
		if err != nil {
			return err
		}
		lines := make([]batch.Line, len(pending))
		for i, call := range pending {
			lines[i].Key, lines[i].Sample = call.Key, call.Sample
			if err := json.Unmarshal([]byte(call.Params), &lines[i].Model); err != nil {
				return fmt.Errorf("pending call %s: %w", call.Key, err)
			}
			if err := json.Unmarshal([]byte(call.Params), &struct{ Schema **llm.Schema }{&lines[i].Schema}); err != nil {
				return fmt.Errorf("pending call %s: %w", call.Key, err)
			}
			messages, err := l.Messages(ctx, call.Key)
			if err != nil {
				return err
			}
			for _, m := range messages {
				lines[i].Messages = append(lines[i].Messages, llm.Message{Role: llm.Role(m.Role), Content: m.Content})
			}
		}
		if err := writeTo(a.stdout, output, func(w io.Writer) error { return batch.Write(w, lines) }); err != nil {
			return err
		}
		if len(lines) == 0 {
			fmt.Fprintf(a.stderr, "Run %s: every call is answered. `bench run --run %[1]s` scores and prints the table.\n", r.Config.ID())
			return nil
		}
		fmt.Fprintf(a.stderr, "Run %s: %d calls without an answer. Next: bench batch import ANSWERS, then bench batch export --run %[1]s.\n", r.Config.ID(), len(lines))
		return nil
	}
	return c
}

func newBatchImport(a *app) *cobra.Command {
	var where workspace
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in the answers to calls that were exported",
		Long: `Import reads answers in the format of OpenAI's batch output: one JSON object a line, with the
custom_id of the call and the chat completion as response.body. What cannot be used is
named and left out; everything else is kept. Who answered is not known, so the answers are
counted at the full price, also where OpenAI's batches gave them for half.`,
		Example: `  bench batch import answers.jsonl`,
		Args:    cobra.ExactArgs(1),
	}
	where.register(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		f, err := os.Open(args[0])
		if err != nil {
			return usage(err)
		}
		defer f.Close()
		l, err := where.open(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		results, problems := batch.Read(f, args[0])
		taken := 0
		for _, result := range results {
			if err := take(c, l, result); err != nil {
				problems = errors.Join(problems, fmt.Errorf("%s, line %d: %w", args[0], result.Line, err))
				continue
			}
			taken++
		}
		fmt.Fprintf(a.stderr, "%d answers taken in.\n", taken)
		return problems
	}
	return c
}

// take puts one answer into the ledger.
func take(c *cobra.Command, l *ledger.Ledger, result batch.Result) error {
	if result.Sample.Err != nil {
		return result.Sample.Err
	}
	call, err := l.PendingCall(c.Context(), result.Key)
	if errors.Is(err, ledger.ErrNotFound) {
		if _, err := l.Call(c.Context(), result.Key); err == nil {
			return fmt.Errorf("the call %.12s is answered already; the first answer stays", result.Key)
		}
		return fmt.Errorf("no call %.12s was exported from this workspace", result.Key)
	}
	if err != nil {
		return err
	}
	s := result.Sample
	call.Text, call.Finish, call.Snapshot, call.Source = s.Text, s.Finish, s.Snapshot, string(llm.Live)
	call.Prompt, call.Cached, call.Completion, call.Reasoning = s.Usage.Prompt, s.Usage.Cached, s.Usage.Completion, s.Usage.Reasoning
	call.Started = time.Now()
	return l.PutCall(c.Context(), call)
}

// writeTo writes to a file, or to standard output for "-".
func writeTo(stdout io.Writer, name string, write func(io.Writer) error) (err error) {
	if name == "-" {
		return write(stdout)
	}
	f, err := os.Create(name)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
