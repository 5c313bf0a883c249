// Package ledger is the durable record of every effect that was paid for and of every score: an SQLite
// database, ledger.db, and a folder of blobs beside it.
//
// What a Put method was given is on the disk when it returns nil; [Ledger.Use] alone is later (see there).
// Several processes may have the same ledger open.
package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"papereval/ledger/db"
)

//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate

// busyTimeout is how long a process waits for another one that is writing.
const busyTimeout = 30 * time.Second

// maxText bounds what one text or blob may hold, in bytes, so that a damaged length cannot ask for all of
// the memory.
const maxText = 1 << 30

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	path    string // of the database
	blobs   string // the folder of the blobs
	sql     *sql.DB
	queries *db.Queries // for reading; writes go through the writer
	enc     *zstd.Encoder
	dec     *zstd.Decoder

	mu      sync.RWMutex // guards closed, and the queue against being closed under a sender
	closed  bool
	queue   chan write
	stopped chan struct{} // closed when the writer has ended

	lostMu sync.Mutex
	lost   map[cellID]error // uses that could not be recorded: their cells must not become done
}

// Open opens the ledger in the folder dir and creates what is missing. A database of an older bench is
// brought up to date; one of a newer bench is refused with a [*NewerError].
func Open(ctx context.Context, dir string) (*Ledger, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("ledger folder: %w", err)
	}
	l := &Ledger{
		path:    filepath.Join(dir, "ledger.db"),
		blobs:   filepath.Join(dir, "blobs"),
		queue:   make(chan write, maxBatch),
		stopped: make(chan struct{}),
		lost:    map[cellID]error{},
	}
	if err := os.MkdirAll(l.blobs, 0o755); err != nil {
		return nil, explain(l.blobs, err)
	}
	// Used for whole texts only, these two hold nothing that would have to be closed.
	if l.enc, err = zstd.NewWriter(nil); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if l.dec, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxText)); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if err := setUp(ctx, dir, l.path); err != nil {
		return nil, explain(l.path, err)
	}
	if l.sql, err = open(l.path, "immediate"); err != nil {
		return nil, explain(l.path, err)
	}
	l.sql.SetMaxOpenConns(8)
	l.sql.SetMaxIdleConns(8)
	l.queries = db.New(l.sql)
	go l.writer()
	return l, nil
}

// open opens an SQLite database whose transactions begin with the given lock: a transaction that starts to
// write only later could fail instead of waiting for another process.
func open(path, lock string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{
		"_txlock": {lock},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"synchronous(FULL)",
			"foreign_keys(1)",
		},
	}.Encode()}
	return sql.Open("sqlite", dsn.String())
}

// Close waits until everything that was queued is on the disk, and closes the ledger. It may be called
// again.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.queue)
	l.mu.Unlock()
	<-l.stopped
	return explain(l.path, l.sql.Close())
}

// stamp is a time as the database holds it: nanoseconds since 1970, 0 for a time that is not known.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unstamp(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
