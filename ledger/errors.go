package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotFound is wrapped by the errors of everything that looks up one thing that is not there.
var ErrNotFound = errors.New("not in the ledger")

// ErrClosed is returned for what is put into a ledger after Close.
var ErrClosed = errors.New("the ledger is closed")

// DamagedError says that what is stored is no longer what was put in. Putting it in again mends it.
type DamagedError struct {
	What string // "answer", "message" or "blob"
	Key  string // of the call, or the digest of the blob
	Path string // of the file that is damaged
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s %s in %s is damaged: its content does not match its digest", e.What, e.Key, e.Path)
}

// explain adds to an error which file it concerns and what can be done. Errors that say so themselves, and
// those of a context, stay as they are.
func explain(path string, err error) error {
	var newer *NewerError
	var damaged *DamagedError
	if err == nil || errors.As(err, &newer) || errors.As(err, &damaged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if mend := mend(err); mend != "" {
		return fmt.Errorf("ledger %s: %w: %s", path, err, mend)
	}
	return fmt.Errorf("ledger %s: %w", path, err)
}

func mend(err error) string {
	const (
		full     = "the disk is full: make room and run the same command again, nothing that was recorded is lost"
		readOnly = "it cannot be written: make the folder writable, or choose another one with --workspace"
	)
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_NOTNULL:
			return "it refers to a run or call that was not put into the ledger first"
		}
		switch e.Code() & 0xff { // the primary code
		case sqlite3.SQLITE_FULL:
			return full
		case sqlite3.SQLITE_NOTADB:
			return "the file is not a ledger: move it away and a new one will be made"
		case sqlite3.SQLITE_CORRUPT:
			return `the database is damaged: save what is left with "sqlite3 ledger.db .recover", or move it away and a new one will be made`
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
			return readOnly
		case sqlite3.SQLITE_IOERR:
			return "the disk is full or failing: look at its free space, then run the same command again"
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fmt.Sprintf("another process held it for %s: wait for that process, or end it", busyTimeout)
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return full
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return readOnly
	}
	return ""
}
