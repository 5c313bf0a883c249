package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/0001_first.sql migrations/0003_batched.sql
var migrations embed.FS

// NewerError says that a ledger was written by a newer bench, which this one must not touch.
type NewerError struct {
	Path  string // of the database
	Found int64  // its schema's version
	Known int64  // the newest version that this program knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("ledger %s has schema version %d and this bench knows versions up to %d: update bench, or choose another workspace with --workspace",
		e.Path, e.Found, e.Known)
}

// setUp makes the database one of the newest version. One process at a time does so: neither
// applying a migration nor switching to WAL waits for another process that is doing the same.
func (l *Ledger) setUp(ctx context.Context, dir string) (err error) {
	turn, err := open(filepath.Join(dir, "ledger.lock"), "exclusive")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, turn.Close()) }()
	tx, err := turn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()

	database, err := open(l.path, "immediate")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	if err := l.migrate(ctx, database); err != nil {
		return err
	}
	var mode string
	if err := database.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system cannot hold a write-ahead log (journal mode %q): choose a local folder with --workspace", mode)
	}
	return nil
}

func (l *Ledger) migrate(ctx context.Context, database *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, database, files, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(2, &goose.GoFunc{RunTx: l.toParts}, nil)))
	if err != nil {
		return err
	}
	found, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if found > known {
		return &NewerError{Path: l.path, Found: found, Known: known}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring its schema from version %d to %d: %w", found, known, err)
	}
	return nil
}
