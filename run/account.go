package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"papereval/ledger"
	"papereval/llm"
)

// Account keeps a run's budget in the ledger. All that have the ledger open may share it, each with an Account of its
// own. Reservations that a dead process left open count as spent.
type Account struct {
	ledger *ledger.Ledger
	run    string
	limit  llm.Dollars
	owners string // the folder of the files that living owners hold locked
	alive  *flock.Flock

	mu    sync.Mutex
	dead  map[string]bool
	taken map[int64]llm.Dollars // reservations of dead processes whose calls this one looks after
}

var _ llm.Account = (*Account)(nil)

// OpenAccount opens the account of a run that is in the ledger, with limit as its cap. The ledger is that of the
// workspace.
func OpenAccount(l *ledger.Ledger, workspace, run string, limit llm.Dollars) (*Account, error) {
	a := &Account{ledger: l, run: run, limit: limit, owners: filepath.Join(workspace, "owners"), dead: map[string]bool{}, taken: map[int64]llm.Dollars{}}
	if err := os.MkdirAll(a.owners, 0o755); err != nil {
		return nil, &WorkspaceError{err}
	}
	a.alive = flock.New(filepath.Join(a.owners, l.Owner()))
	if ok, err := a.alive.TryLock(); err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("%s is locked: a ledger has one account at a time", a.alive.Path())
		}
		return nil, &WorkspaceError{err}
	}
	return a, nil
}

// Close ends the account. Reservations that are still open are then those of a dead process.
func (a *Account) Close() error {
	return errors.Join(os.Remove(a.alive.Path()), a.alive.Close())
}

// Reserve sets the worst case of a call aside; see [llm.Account].
func (a *Account) Reserve(ctx context.Context, worst llm.Dollars) (id int64, err error) {
	err = a.reserve(ctx, worst, func() (err error) {
		id, err = a.ledger.Reserve(ctx, a.run, int64(a.limit), int64(worst))
		return err
	})
	return id, err
}

// ReserveUnsent sets the worst case of a call aside that is not sent yet; see [llm.Account].
func (a *Account) ReserveUnsent(ctx context.Context, worst llm.Dollars, parts int) (ids []int64, err error) {
	err = a.reserve(ctx, worst, func() (err error) {
		ids, err = a.ledger.ReserveUnsent(ctx, a.run, int64(a.limit), int64(worst), parts)
		return err
	})
	return ids, err
}

func (a *Account) reserve(ctx context.Context, worst llm.Dollars, reserve func() error) error {
	for {
		err := reserve()
		var refused *ledger.OverBudgetError
		if !errors.As(err, &refused) {
			return failure(ctx, err)
		}
		open, err := a.ledger.Reservations(ctx, a.run)
		if err != nil {
			return failure(ctx, err)
		}
		over := &llm.OverBudget{Cap: a.limit, Spent: llm.Dollars(refused.Committed - refused.Open), Worst: worst}
		for _, r := range open {
			switch {
			case r.Owner == a.ledger.Owner(), a.tookOver(r.ID) > 0:
				over.InFlight += llm.Dollars(r.Worst)
			case a.lives(r.Owner):
				over.InFlight += llm.Dollars(r.Worst)
				over.Elsewhere = true
			default:
				over.Lost += llm.Dollars(r.Worst)
			}
		}
		if over.InFlight+over.Lost == llm.Dollars(refused.Open) {
			return over
		} // else something was settled or reserved in between
	}
}

// releaseUnsent gives back what dead processes had set aside for calls that they did not send.
func (a *Account) releaseUnsent(ctx context.Context) error {
	open, err := a.ledger.Reservations(ctx, a.run)
	if err != nil {
		return failure(ctx, err)
	}
	var group errgroup.Group
	group.SetLimit(64) // those that share commits
	for _, r := range open {
		if r.Unsent && r.Owner != a.ledger.Owner() && !a.lives(r.Owner) {
			group.Go(func() error { return a.Settle(ctx, r.ID, 0) })
		}
	}
	return group.Wait()
}

// takeOver takes a reservation of a dead process as that of a call under way.
func (a *Account) takeOver(r ledger.Reservation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken[r.ID] = llm.Dollars(r.Worst)
}

// tookOver is the worst case of a reservation that was taken over, else 0.
func (a *Account) tookOver(id int64) llm.Dollars {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taken[id]
}

// Settle replaces a reservation by what was spent; see [llm.Account].
func (a *Account) Settle(ctx context.Context, id int64, spent llm.Dollars) error {
	return failure(ctx, a.ledger.Settle(ctx, id, int64(spent)))
}

// failure is an error of the ledger, unless the context has ended.
func failure(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	return &LedgerError{err}
}

// lives tells whether the process that made a reservation still runs: it holds its file locked. Who is dead stays
// dead.
func (a *Account) lives(owner string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead[owner] {
		return false
	}
	file := filepath.Join(a.owners, owner)
	if _, err := os.Stat(file); err == nil {
		probe := flock.New(file)
		ok, err := probe.TryRLock() // shared, so that two who look do not take each other for the owner
		_ = probe.Close()
		if err != nil || !ok {
			return true
		}
		_ = os.Remove(file)
	}
	a.dead[owner] = true
	return false
}
