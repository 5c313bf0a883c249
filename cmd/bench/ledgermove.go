package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"papereval/ledger"
	"papereval/run"
)

func newLedgerExport(a *app) *cobra.Command {
	var (
		where      workspace
		output, id string
	)
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the answers with their requests to a file, to be handed over",
		Long: `Export writes every answered call, or those that one run rests on, as JSON lines: the request
with its whole prompt, the answer, tokens and times. A file whose name ends in .zst is
compressed. No API key is in it; prompts hold the papers that they are about.`,
		Example: `  bench ledger export -o answers.jsonl.zst
  bench ledger export --run 3fa2 -o run.jsonl`,
	}
	where.register(c)
	c.Flags().StringVarP(&output, "output", "o", "-", "the `file` to write; - is standard output")
	c.Flags().StringVar(&id, "run", "", "only what this run rests on: its `id` or the beginning of it (default: all answers)")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		l, err := where.open(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		if c.Flags().Changed("run") {
			found, err := l.Run(c.Context(), id)
			if err != nil {
				return usage(err)
			}
			id = found.ID
		}
		calls := 0
		var damages error
		err = writeTo(a.stdout, output, func(w io.Writer) error {
			return packed(w, strings.HasSuffix(output, ".zst"), func(w io.Writer) error {
				calls, err = l.Export(c.Context(), w, id)
				if !onlyDamaged(err) {
					return err
				}
				damages = err
				return nil
			})
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "%d answered calls written. In the other workspace `bench ledger import` takes them in.\n", calls)
		if damages != nil {
			return fmt.Errorf("left out:\n%w", damages)
		}
		return nil
	}
	return c
}

// onlyDamaged tells an export that left out damaged calls from one that could not go on.
func onlyDamaged(err error) bool {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // of the outermost error
	if !ok {
		return false
	}
	for _, err := range joined.Unwrap() {
		if !errors.As(err, new(*ledger.DamagedError)) && !onlyDamaged(err) {
			return false
		}
	}
	return true
}

// packed compresses what write writes, if it is to.
func packed(w io.Writer, compress bool, write func(io.Writer) error) error {
	out := bufio.NewWriterSize(w, 1<<20)
	if !compress {
		return errors.Join(write(out), out.Flush())
	}
	// A window over many prompts: they are much alike.
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(32<<20))
	if err != nil {
		return err
	}
	return errors.Join(write(z), z.Close(), out.Flush())
}

func newLedgerImport(a *app) *cobra.Command {
	var where workspace
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in answers that somebody else has paid for",
		Long: `Import reads what bench ledger export wrote and takes in the calls that are not known yet. No
answer that is there is replaced, unless it is damaged. Every answer must match its digest and
every key its request; lines that do not are named and left out, and the exit code is 1.`,
		Example: `  bench ledger import answers.jsonl.zst && bench run --dataset paper2code --model o3-mini`,
		Args:    cobra.ExactArgs(1),
	}
	where.register(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		f, err := os.Open(args[0])
		if err != nil {
			return usage(err)
		}
		defer f.Close()
		in := io.Reader(bufio.NewReader(f))
		if magic, _ := in.(*bufio.Reader).Peek(4); bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
			z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(1<<27))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			defer z.Close()
			in = z
		}
		l, err := where.open(c.Context(), true)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		var unchecked atomic.Int64
		done, err := l.Import(c.Context(), in, args[0], func(call *ledger.Call) error {
			fits, checked := run.CheckKey(call)
			if !checked {
				unchecked.Add(1)
			} else if !fits {
				return errors.New("its key does not belong to its request: it was changed after the export")
			}
			return nil
		})
		if err != nil && done == (ledger.Imported{}) {
			return err
		}
		fmt.Fprintf(a.stderr, "%d answers taken in, %d were there already", done.New, done.Known)
		if done.Mended > 0 {
			fmt.Fprintf(a.stderr, ", %d damaged ones replaced", done.Mended)
		}
		if done.Other > 0 {
			fmt.Fprintf(a.stderr, ", %d were there with another answer, which stays", done.Other)
		}
		fmt.Fprintln(a.stderr, ".")
		if n := unchecked.Load(); n > 0 {
			fmt.Fprintf(a.stderr, "The keys of %d calls could not be checked: a newer bench has written them.\n", n)
		}
		return err
	}
	return c
}
