// Package ledger is the durable record of every effect that was paid for and of every score: an SQLite
// database, ledger.db, and a folder of blobs beside it.
//
// What a Put method was given is on the disk when it returns nil; [Ledger.Use] alone is later (see there).
// Several processes may have the same ledger open.
package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/singleflight"
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
	owner   string // names this opening of the ledger: see [Ledger.Owner]
	sql     *sql.DB
	queries *db.Queries // for reading; writes go through the writer
	writing *sql.DB     // one connection, the writer's
	changes *db.Queries // prepared for the writer

	enc      *zstd.Encoder // for answers and blobs
	quick    *zstd.Encoder // for what is soon packed anew
	thorough *zstd.Encoder // for what nobody waits for
	dec      *zstd.Decoder

	chunks *recent[sum, int64]     // the ids of chunks that are on the disk
	long   *recent[string, []part] // long messages, cut
	models *recent[model, int64]   // the ids of models that are on the disk
	open   *recent[int64, []byte]  // packs, uncompressed
	counts *recent[sum, int]       // of tokens
	count  singleflight.Group
	packer packer

	mu            sync.RWMutex // guards closed, and the queues against being closed under a sender
	closed        bool
	urgent, queue chan write
	stopped       chan struct{} // closed when the writer has ended
	prunes        int64         // as the writer saw it last

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
		owner:   fmt.Sprintf("%d-%s", os.Getpid(), rand.Text()),
		chunks:  newRecent[sum, int64](hotChunks),
		long:    newRecent[string, []part](hotMessages),
		models:  newRecent[model, int64](1 << 10),
		open:    newRecent[int64, []byte](openPacks),
		counts:  newRecent[sum, int](1 << 14),
		urgent:  make(chan write, maxBatch),
		queue:   make(chan write, maxBatch),
		stopped: make(chan struct{}),
		lost:    map[cellID]error{},
	}
	if err := os.MkdirAll(l.blobs, 0o755); err != nil {
		return nil, explain(l.blobs, err)
	}
	// Used for whole texts only, these hold nothing that would have to be closed.
	if l.enc, err = zstd.NewWriter(nil); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if l.quick, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(packSize)); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l.thorough, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(2*packSize))
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if l.dec, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxText)); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if err := l.setUp(ctx, dir); err != nil {
		return nil, explain(l.path, err)
	}
	if err := l.connect(ctx); err != nil {
		return nil, explain(l.path, err)
	}
	go l.writer()
	if l.packer.due() {
		go l.packSmall()
	}
	return l, nil
}

// connect opens the database for reading side by side, and for writing in turn.
func (l *Ledger) connect(ctx context.Context) (err error) {
	if l.sql, err = open(l.path, "deferred"); err != nil {
		return err
	}
	l.sql.SetMaxOpenConns(8)
	l.sql.SetMaxIdleConns(8)
	if l.writing, err = open(l.path, "immediate"); err != nil {
		return errors.Join(err, l.sql.Close())
	}
	l.writing.SetMaxOpenConns(1)
	l.queries, err = db.Prepare(ctx, l.sql)
	if err == nil {
		l.changes, err = db.Prepare(ctx, l.writing)
	}
	var small []db.SmallPacksRow
	if err == nil {
		small, err = l.queries.SmallPacks(ctx, smallPack)
	}
	for _, pack := range small {
		l.packer.add(int(pack.Size))
	}
	if err != nil {
		return errors.Join(err, l.writing.Close(), l.sql.Close())
	}
	return nil
}

// model is who is asked, and what of a request shapes the answer besides its messages.
type model struct{ endpoint, name, params string }

// open opens an SQLite database whose transactions begin with the given lock: a transaction that starts to
// write only later could fail instead of waiting for another process.
func open(path, lock string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{
		"_txlock": {lock},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"auto_vacuum(incremental)", // of a new database
			"synchronous(FULL)",
			"foreign_keys(1)",
		},
	}.Encode()}
	return sql.Open("sqlite", dsn.String())
}

// Close waits until everything that was queued is on the disk, and closes the ledger. It may be called
// again.
func (l *Ledger) Close() error {
	l.packer.end()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.urgent)
	close(l.queue)
	l.mu.Unlock()
	<-l.stopped
	l.shrink()
	return explain(l.path, errors.Join(l.sql.Close(), l.writing.Close()))
}

func (l *Ledger) isClosed() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.closed
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

// flag is a bool as the database holds it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
