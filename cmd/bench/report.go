package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"papereval/eval/replication"
	"papereval/reports"
	"papereval/reports/recorded"
	"papereval/run"
)

func newReport(a *app) *cobra.Command {
	var (
		where  workspace
		id     string
		format string
		file   string
		asZero bool
	)
	c := &cobra.Command{
		Use:   "report",
		Short: "Print the tables of a run again, without a model",
		Example: `  bench report                          # of the latest run
  bench report --run 3fa2 --format markdown > scores.md
  bench report --run 3fa2 --format json | jq

  # replication scores as PaperBench publishes them
  bench report --run 3fa2 --invalid-as-zero`,
	}
	where.register(c)
	c.Flags().StringVar(&id, "run", "", "the run's `id` or the beginning of it (default: the latest)")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), list(reports.Formats()))
	registerAsZero(c, &asZero)
	registerPrices(c, &file)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		prices, err := readPrices(file)
		if err != nil {
			return err
		}
		l, err := where.open(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		found, err := l.Run(c.Context(), id)
		if err != nil {
			return usage(err)
		}
		config, err := run.ParseConfig(found.Config)
		if err != nil {
			return fmt.Errorf("run %s in the ledger: %w", found.ID, err)
		}
		if err := checkAsZero(asZero, config); err != nil {
			return err
		}
		loaded, err := recorded.Load(c.Context(), l, found.ID, prices)
		if err != nil {
			return err
		}
		if asZero {
			loaded.CountInvalidAsZero()
		}
		return reports.Render(a.stdout, output, reports.Tables(loaded))
	}
	return c
}

func registerAsZero(c *cobra.Command, asZero *bool) {
	c.Flags().BoolVar(asZero, "invalid-as-zero", false, "show replication scores with every leaf that could not be judged as 0, as the published program counts them; what is stored stays as it is")
}

// checkAsZero refuses the flag where there are no leaves.
func checkAsZero(asZero bool, config *run.Config) error {
	if asZero && !slices.ContainsFunc(config.Evaluators, func(name string) bool {
		_, err := replication.ParseVariant(name)
		return err == nil
	}) {
		return usagef("--invalid-as-zero is about the evaluator replication, which the run does not have")
	}
	return nil
}
