package main

import (
	"errors"

	"github.com/spf13/cobra"

	"papereval/reports"
	"papereval/reports/recorded"
)

func newReport(a *app) *cobra.Command {
	var (
		where  workspace
		id     string
		format string
		file   string
	)
	c := &cobra.Command{
		Use:   "report",
		Short: "Print the tables of a run again, without a model",
		Example: `  bench report                          # of the latest run
  bench report --run 3fa2 --format markdown > scores.md
  bench report --run 3fa2 --format json | jq`,
	}
	where.register(c)
	c.Flags().StringVar(&id, "run", "", "the run's `id` or the beginning of it (default: the latest)")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), list(reports.Formats()))
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
		loaded, err := recorded.Load(c.Context(), l, found.ID, prices)
		if err != nil {
			return err
		}
		return reports.Render(a.stdout, output, reports.Tables(loaded))
	}
	return c
}
