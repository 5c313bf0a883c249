package main

import (
	"io"
	"os"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// app is what every command prints to.
type app struct {
	stdout, stderr io.Writer
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "bench",
		Short: "Benchmark systems that turn a research paper into a code repository",
		Long: `bench runs systems that turn a research paper into a code repository (PaperCoder and
its baselines), scores what they wrote with language-model judges, and prints tables.

Without --model nothing is ever paid for: a bundled recording of real answers serves
the bundled papers. With --model, bench asks an OpenAI-compatible endpoint
(OPENAI_API_KEY, OPENAI_BASE_URL). Whatever was answered once is kept in the ledger of
the workspace and never asked for again: the same command continues an interrupted run.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 5 stopped at the
budget, 130 interrupted.`,
		Example: `  bench run --dataset paper2code
  bench run --dataset paper2code --data paper2code --split iclr --model o3-mini
  bench report --format markdown`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see `%s --help`", err, c.CommandPath())
	})
	root.AddCommand(newRun(a), newReport(a), newJudge(a), newDataset(a), newBatch(a), newLedger(a), newSim(a), newDoctor(a))
	for _, c := range commands(root) {
		if c.Args == nil {
			c.Args = cobra.NoArgs
		}
		c.Args = usageArgs(c.Args)
		if c.RunE != nil {
			c.PreRunE = func(c *cobra.Command, _ []string) error { return readSettings(c) }
		} else {
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() } // so that a misspelt command is an error
		}
	}
	return root
}

// commands are a command and all below it.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, child := range c.Commands() {
		all = append(all, commands(child)...)
	}
	return all
}

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usagef("%w; see `%s --help`", err, c.CommandPath())
		}
		return nil
	}
}

// version is the program's version as the Go tool recorded it: a module version or a commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	return v
}

// printable removes what could steer a terminal from a text that may come from a model.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// isTerminal tells whether a writer is a terminal that a display can be drawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
