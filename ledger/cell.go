package ledger

import (
	"context"
	"fmt"
	"time"

	"papereval/ledger/db"
)

// The states of a cell.
const (
	Running = "running"
	Done    = "done"
	// Failed is a system that wrote no repository. That is a result.
	Failed = "failed"
	// Broken is a cell that could not be worked on for a reason outside the system: no answer came, the
	// paper cannot be read. That is no result.
	Broken = "broken"
)

// Cell is the unit of work of a run.
type Cell struct {
	Run, Paper, System, Model string
	Seed                      int
	State                     string // one of the states above
	Tree                      string // digest of the repository's tree
	Error                     string // why it failed
	Started, Finished         time.Time
	Elapsed                   time.Duration
}

type cellID struct {
	run, paper, system, model string
	seed                      int
}

// PutCell records the state of a cell, in place of the one before. A cell that is [Running] has no uses any more. All uses that were recorded before are
// then on the disk; where one could not be, a cell that is [Done] is refused until it has been [Running] again.
func (l *Ledger) PutCell(ctx context.Context, c Cell) error {
	id := cellID{c.Run, c.Paper, c.System, c.Model, c.Seed}
	err := l.put(ctx, func(ctx context.Context, q *db.Queries) error {
		l.lostMu.Lock()
		lost := l.lost[id]
		l.lostMu.Unlock()
		if lost != nil && c.State == Done {
			return lost
		}
		if c.State == Running { // it starts anew and says again what it rests on
			if err := q.DeleteUses(ctx, db.DeleteUsesParams{Run: c.Run, Paper: c.Paper, System: c.System, Model: c.Model, Seed: int64(c.Seed)}); err != nil {
				return err
			}
		}
		return q.PutCell(ctx, db.PutCellParams{
			Run: c.Run, Paper: c.Paper, System: c.System, Model: c.Model, Seed: int64(c.Seed),
			State: c.State, Tree: c.Tree, Error: c.Error,
			Started: stamp(c.Started), Finished: stamp(c.Finished), Elapsed: int64(c.Elapsed),
		})
	})
	if err != nil {
		return fmt.Errorf("record cell %s %s %s %d of run %s: %w", c.Paper, c.System, c.Model, c.Seed, c.Run, err)
	}
	if c.State == Running {
		l.lostMu.Lock()
		delete(l.lost, id)
		l.lostMu.Unlock()
	}
	return nil
}

// Cells returns the cells of a run, sorted by paper, system, model and seed.
func (l *Ledger) Cells(ctx context.Context, run string) ([]Cell, error) {
	rows, err := l.queries.Cells(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the cells of run %s: %w", run, explain(l.path, err))
	}
	cells := make([]Cell, len(rows))
	for i, r := range rows {
		cells[i] = Cell{
			Run: r.Run, Paper: r.Paper, System: r.System, Model: r.Model, Seed: int(r.Seed),
			State: r.State, Tree: r.Tree, Error: r.Error,
			Started: unstamp(r.Started), Finished: unstamp(r.Finished), Elapsed: time.Duration(r.Elapsed),
		}
	}
	return cells, nil
}
