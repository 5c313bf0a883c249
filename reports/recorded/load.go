// Package recorded makes reports of what the ledger holds, so that package reports depends on nothing but data.
package recorded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"papereval/ledger"
	"papereval/llm"
	"papereval/repo"
	"papereval/reports"
	"papereval/run"
	"papereval/tokens"
)

// Load reads a run from the ledger, with costs by the given prices. No model and no dataset is needed for it.
func Load(ctx context.Context, l *ledger.Ledger, id string, prices *llm.Models) (*reports.Run, error) {
	record, err := l.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	config, err := run.ParseConfig(record.Config)
	if err != nil {
		return nil, fmt.Errorf("run %s in the ledger: %w", id, err)
	}
	cells, err := l.Cells(ctx, id)
	if err != nil {
		return nil, err
	}
	scores, err := l.Scores(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := l.Usage(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &reports.Run{ID: record.ID, Dataset: config.Dataset, Revision: config.Revision, Model: config.Model.LLM().String(),
		JudgeModel: config.JudgeModel.LLM().String(), Samples: config.Samples, Seeds: config.Seeds}
	spent := newSpending(rows, config, prices)
	if calls, batched := count(rows); batched > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("Cost: %d of %d answers came in batches and are counted at half the price.", batched, calls))
	}
	papers := make(map[string]run.Paper)
	for _, p := range config.Papers {
		papers[p.ID] = p
		r.Papers = append(r.Papers, p.ID)
	}
	for _, c := range cells {
		cell := reports.Cell{Paper: c.Paper, Title: papers[c.Paper].Title, Venue: papers[c.Paper].Venue, System: c.System, Model: c.Model, Seed: c.Seed, State: c.State, Error: c.Error}
		cell.Usage, cell.Source = spent.of(c, "")
		if c.Tree != "" {
			if cell.Files, cell.Tokens, err = size(ctx, l, c.Tree); err != nil {
				return nil, fmt.Errorf("repository of %s by %s: %w", c.Paper, c.System, err)
			}
		}
		for _, s := range scores {
			if c.State == ledger.Broken { // those of an earlier execution say nothing about this one
				break
			}
			if s.Paper != c.Paper || s.System != c.System || s.Model != c.Model || s.Seed != c.Seed {
				continue
			}
			score := reports.Score{Evaluator: s.Evaluator, Metric: s.Metric, JudgeModel: s.JudgeModel, Status: s.Status, Source: s.Source,
				Reason: s.Reason, Value: s.Value, Low: s.Low, High: s.High, Asked: s.Asked, Valid: s.Valid, Shown: s.Shown, Files: s.Files}
			if err := json.Unmarshal([]byte(cmp.Or(s.Samples, "[]")), &score.Samples); err != nil {
				return nil, fmt.Errorf("score of %s by %s: %w", s.Paper, s.System, err)
			}
			score.Usage, _ = spent.of(c, s.Evaluator)
			cell.Scores = append(cell.Scores, score)
		}
		r.Cells = append(r.Cells, cell)
	}
	return r, nil
}

// spending is what the calls of cells and evaluators took.
type spending map[spender]*spent

type spender struct {
	paper, system, model string
	seed                 int
	evaluator            string // empty for generating
}

type spent struct {
	usage  reports.Usage
	source string
}

func newSpending(rows []ledger.UsageRow, config *run.Config, prices *llm.Models) spending {
	s := make(spending)
	for _, row := range rows {
		asked := config.Model.LLM()
		if row.Evaluator != "" {
			asked = config.JudgeModel.LLM()
		}
		u := reports.Usage{Calls: row.Calls, Prompt: row.Prompt, Cached: row.Cached, Completion: row.Completion, Elapsed: row.Elapsed}
		tokens := llm.Usage{Prompt: row.Prompt, Cached: row.Cached, Completion: row.Completion}
		if usd, ok := cost(asked, row, tokens, prices); ok {
			u.CostUSD = &usd
		}
		key := spender{row.Paper, row.System, row.Model, row.Seed, row.Evaluator}
		if s[key] == nil {
			s[key] = &spent{}
		}
		s[key].usage = s[key].usage.Add(u)
		if row.Source > s[key].source { // live, recorded, simulated: the weakest counts
			s[key].source = row.Source
		}
	}
	return s
}

// cost is what the model that was asked takes for the tokens: by the name of the one that answered, where that has a
// price. What was recorded costs what it did when it was live.
func cost(asked llm.Model, row ledger.UsageRow, tokens llm.Usage, prices *llm.Models) (usd float64, ok bool) {
	if asked.Endpoint == llm.SimulatedEndpoint {
		return prices.PriceOf(asked).Cost(tokens, row.Batched)
	}
	if usd, ok = prices.Cost(row.Snapshot, tokens, row.Batched); ok {
		return usd, true
	}
	return prices.Cost(row.CallModel, tokens, row.Batched)
}

// count counts calls, and those of them that batches answered.
func count(rows []ledger.UsageRow) (calls, batched int) {
	for _, row := range rows {
		if calls += row.Calls; row.Batched {
			batched += row.Calls
		}
	}
	return calls, batched
}

func (s spending) of(c ledger.Cell, evaluator string) (reports.Usage, string) {
	found := s[spender{c.Paper, c.System, c.Model, c.Seed, evaluator}]
	if found == nil {
		return reports.Usage{}, ""
	}
	return found.usage, found.source
}

// size counts the files that a judge would be shown, and their tokens: the same count for every system.
func size(ctx context.Context, l *ledger.Ledger, tree string) (files, count int, err error) {
	blob, err := l.Blob(ctx, tree)
	if damaged := (*ledger.DamagedError)(nil); errors.As(err, &damaged) {
		return 0, 0, fmt.Errorf("%w; run the same `bench run` again, which writes it anew", err)
	} else if err != nil {
		return 0, 0, err
	}
	t, err := repo.Decode(blob)
	if err != nil {
		return 0, 0, err
	}
	shown, _ := repo.Judged(t)
	for _, f := range shown {
		count += tokens.Count(f.Text)
	}
	return len(shown), count, nil
}
