package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"papereval/ledger/db"
)

// Run is a set of cells under one frozen configuration.
type Run struct {
	ID      string
	Config  []byte // YAML
	Created time.Time
}

// AmbiguousError says that several things begin with what was asked for.
type AmbiguousError struct {
	Prefix string
	What   string   // "runs" or "calls"
	Found  []string // runs the oldest first; of calls some
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("several %s begin with %q: %s; give more of it", e.What, e.Prefix, strings.Join(e.Found, ", "))
}

// PutRun records a run. It changes nothing where there is one with this id.
func (l *Ledger) PutRun(ctx context.Context, r Run) error {
	config := r.Config
	if config == nil {
		config = []byte{} // nil would be NULL
	}
	err := l.put(ctx, func(ctx context.Context, q *db.Queries) error {
		return q.PutRun(ctx, db.PutRunParams{ID: r.ID, Config: config, Created: stamp(r.Created)})
	})
	if err != nil {
		return fmt.Errorf("record run %s: %w", r.ID, err)
	}
	return nil
}

// Runs returns all runs, the oldest first.
func (l *Ledger) Runs(ctx context.Context) ([]Run, error) {
	rows, err := l.queries.Runs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", explain(l.path, err))
	}
	runs := make([]Run, len(rows))
	for i, row := range rows {
		runs[i] = Run{ID: row.ID, Config: row.Config, Created: unstamp(row.Created)}
	}
	return runs, nil
}

// Run returns the run whose id begins with prefix, or the latest run where prefix is empty. The error wraps
// [ErrNotFound] where there is none, and is an [*AmbiguousError] where there are several.
func (l *Ledger) Run(ctx context.Context, prefix string) (*Run, error) {
	runs, err := l.Runs(ctx)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("run %q: %w: %s holds no run yet, start one with bench run", prefix, ErrNotFound, l.path)
	}
	if prefix == "" {
		return &runs[len(runs)-1], nil
	}
	var all, found []string
	var run Run
	for _, r := range runs {
		all = append(all, r.ID)
		if strings.HasPrefix(r.ID, prefix) {
			found, run = append(found, r.ID), r
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("run %q: %w: %s has %s", prefix, ErrNotFound, l.path, strings.Join(all, ", "))
	case 1:
		return &run, nil
	}
	return nil, &AmbiguousError{Prefix: prefix, What: "runs", Found: found}
}
