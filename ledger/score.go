package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"papereval/ledger/db"
)

// Score is a value with its validity and what it came from. Value, Low and High may be NaN.
type Score struct {
	Paper, System, Model string
	Seed                 int
	Evaluator, Metric    string
	JudgeModel           string // empty where no model judged
	Status, Source       string
	Value                float64
	Asked, Valid         int     // samples or leaves asked for; of these, how many could be used
	Low, High            float64 // the score if every invalid one were worst / best
	Shown, Files         int     // Shown of Files files were shown to the judge
	Reason               string  // why there is no value
	Samples              string  // JSON array of the single values; empty where there are none
	Detail               string  // digest of the blob with what the score rests on; empty where there is none
	Provenance           string  // JSON
}

// PutScores records scores of a run, all or none, each in place of the one of the same cell, evaluator,
// metric and judge's model.
func (l *Ledger) PutScores(ctx context.Context, run string, scores []Score) error {
	for _, s := range scores {
		for name, text := range map[string]string{"samples": s.Samples, "provenance": s.Provenance} {
			if text != "" && !json.Valid([]byte(text)) {
				return fmt.Errorf("record score %s %s of %s %s: its %s are not JSON: %.80q", s.Evaluator, s.Metric, s.Paper, s.System, name, text)
			}
		}
	}
	err := l.put(ctx, func(ctx context.Context, q *db.Queries) error {
		for _, s := range scores {
			err := q.PutScore(ctx, db.PutScoreParams{
				Run: run, Paper: s.Paper, System: s.System, Model: s.Model, Seed: int64(s.Seed),
				Evaluator: s.Evaluator, Metric: s.Metric, JudgeModel: s.JudgeModel,
				Status: s.Status, Source: s.Source, Value: nullable(s.Value),
				Asked: int64(s.Asked), Valid: int64(s.Valid), Low: nullable(s.Low), High: nullable(s.High),
				Shown: int64(s.Shown), Files: int64(s.Files), Reason: s.Reason,
				Samples: s.Samples, Detail: s.Detail, Provenance: s.Provenance,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d scores of run %s: %w", len(scores), run, err)
	}
	return nil
}

// Scores returns the scores of a run, sorted by paper, system, model, seed, evaluator, metric and judge's
// model.
func (l *Ledger) Scores(ctx context.Context, run string) ([]Score, error) {
	rows, err := l.queries.Scores(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the scores of run %s: %w", run, explain(l.path, err))
	}
	scores := make([]Score, len(rows))
	for i, r := range rows {
		scores[i] = Score{
			Paper: r.Paper, System: r.System, Model: r.Model, Seed: int(r.Seed),
			Evaluator: r.Evaluator, Metric: r.Metric, JudgeModel: r.JudgeModel,
			Status: r.Status, Source: r.Source, Value: number(r.Value),
			Asked: int(r.Asked), Valid: int(r.Valid), Low: number(r.Low), High: number(r.High),
			Shown: int(r.Shown), Files: int(r.Files), Reason: r.Reason,
			Samples: r.Samples, Detail: r.Detail, Provenance: r.Provenance,
		}
	}
	return scores, nil
}

// nullable is NULL for NaN, which SQLite does not hold.
func nullable(x float64) sql.NullFloat64 { return sql.NullFloat64{Float64: x, Valid: !math.IsNaN(x)} }

func number(x sql.NullFloat64) float64 {
	if !x.Valid {
		return math.NaN()
	}
	return x.Float64
}
