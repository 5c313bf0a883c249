package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"papereval/ledger/db"
)

// OverBudgetError says that a call may cost more than what is left of a run's budget. All amounts are billionths of
// a US dollar.
type OverBudgetError struct {
	Cap       int64
	Committed int64 // what was spent, and the worst case of what is open
	Worst     int64 // what the refused call may cost
	Open      int64 // the part of Committed that is open: while there is some, more may become free
}

func (e *OverBudgetError) Error() string {
	return fmt.Sprintf("a call that may cost $%s does not fit into the budget of $%s: $%s is spent and $%s reserved for calls under way",
		dollars(e.Worst), dollars(e.Cap), dollars(e.Committed-e.Open), dollars(e.Open))
}

// dollars prints billionths of a dollar, in cents where nothing is lost by that.
func dollars(nano int64) string {
	if nano%1e7 == 0 {
		return fmt.Sprintf("%d.%02d", nano/1e9, nano%1e9/1e7)
	}
	return fmt.Sprintf("%d.%06d", nano/1e9, nano%1e9/1e3)
}

// Reserve sets worst aside for a call that is about to be sent, where what the run has spent, what is reserved and
// worst together are within limit; otherwise the error is an [*OverBudgetError] and nothing changes. The amounts are
// billionths of a US dollar. All processes that have the ledger open share the run's budget. The run has to be in
// the ledger.
//
// A reservation is on the disk when Reserve returns, and counts until [Ledger.Settle] is told what was spent. Those
// that a dead process left open count at their worst case for good, because their calls may have been paid for: see
// [Ledger.Reservations].
func (l *Ledger) Reserve(ctx context.Context, run string, limit, worst int64) (id int64, err error) {
	ids, err := l.reserve(ctx, run, limit, worst, 1, false)
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// ReserveUnsent is Reserve for calls that are not sent yet. What is reserved is divided into equal parts, at least 1,
// each a reservation of its own. Until [Ledger.Sending] says that they may be charged for, those of a dead process can
// be settled with nothing.
func (l *Ledger) ReserveUnsent(ctx context.Context, run string, limit, worst int64, parts int) (ids []int64, err error) {
	return l.reserve(ctx, run, limit, worst, parts, true)
}

func (l *Ledger) reserve(ctx context.Context, run string, limit, worst int64, parts int, unsent bool) (ids []int64, err error) {
	if limit < 0 || worst < 0 || parts < 1 {
		return nil, fmt.Errorf("reserve for run %s: a cap of %d and a worst case of %d in %d parts: neither can be below 0, nor in no part", run, limit, worst, parts)
	}
	var over *OverBudgetError
	err = l.putUrgent(ctx, func(ctx context.Context, q *db.Queries) error {
		over, ids = nil, nil
		b, err := q.Budget(ctx, run)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if committed := b.Settled + b.Open; worst > limit-committed { // no sum that could overflow
			over = &OverBudgetError{Cap: limit, Committed: committed, Worst: worst, Open: b.Open}
			return nil
		}
		if err := q.PutBudget(ctx, db.PutBudgetParams{Run: run, Open: worst}); err != nil {
			return err
		}
		made := stamp(time.Now())
		for left, rest := int64(parts), worst; left > 0; left-- {
			part := rest / left
			rest -= part
			id, err := q.PutReservation(ctx, db.PutReservationParams{Run: run, Owner: l.owner, Worst: part, Made: made, Unsent: flag(unsent)})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reserve for run %s: %w", run, err)
	}
	if over != nil {
		return nil, over
	}
	return ids, nil
}

// Sending notes that the call of a reservation is about to be sent. The error wraps [ErrNotFound] where it is settled.
func (l *Ledger) Sending(ctx context.Context, id int64) error {
	found := int64(0)
	err := l.put(ctx, func(ctx context.Context, q *db.Queries) (err error) {
		found, err = q.SendReservation(ctx, id)
		return err
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("%w, or settled already", ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("send the call of reservation %d: %w", id, err)
	}
	return nil
}

// Settle replaces a reservation by what was spent, 0 where nothing was. What was spent counts in full, also where it
// is above the worst case. The error wraps [ErrNotFound] where the reservation is settled already.
func (l *Ledger) Settle(ctx context.Context, id, spent int64) error {
	if spent < 0 {
		return fmt.Errorf("settle reservation %d: %d was spent, which cannot be below 0", id, spent)
	}
	found := false
	err := l.put(context.WithoutCancel(ctx), func(ctx context.Context, q *db.Queries) error {
		found = false
		r, err := q.TakeReservation(ctx, id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		return q.PutBudget(ctx, db.PutBudgetParams{Run: r.Run, Settled: spent, Open: -r.Worst})
	})
	if err == nil && !found {
		err = fmt.Errorf("%w, or settled already", ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("settle reservation %d: %w", id, err)
	}
	return nil
}

// Spent returns what a run has spent under a budget, and the worst case of what is open, in billionths of a US
// dollar. Both are 0 for a run that never had a budget.
func (l *Ledger) Spent(ctx context.Context, run string) (settled, open int64, err error) {
	b, err := l.queries.Budget(ctx, run)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, fmt.Errorf("read the budget of run %s: %w", run, explain(l.path, err))
	}
	return b.Settled, b.Open, nil
}

// Reservation is an open one.
type Reservation struct {
	ID    int64
	Run   string
	Owner string // who made it: see [Ledger.Owner]
	Worst int64  // billionths of a US dollar
	Made  time.Time
	// Unsent is true while nothing can have been charged for its call: see [Ledger.ReserveUnsent].
	Unsent bool
}

// Owner names this opening of the ledger in the reservations that it makes: the process's id and a random part. No
// other opening has the same name.
func (l *Ledger) Owner() string { return l.owner }

// Reservations returns the open reservations of a run, the oldest first.
func (l *Ledger) Reservations(ctx context.Context, run string) ([]Reservation, error) {
	rows, err := l.queries.Reservations(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("read the reservations of run %s: %w", run, explain(l.path, err))
	}
	open := make([]Reservation, len(rows))
	for i, r := range rows {
		open[i] = Reservation{ID: r.ID, Run: r.Run, Owner: r.Owner, Worst: r.Worst, Made: unstamp(r.Made), Unsent: r.Unsent == 1}
	}
	return open, nil
}
