package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"papereval/ledger/db"
)

// The kinds of content.
const (
	Answers = "answers"
	Prompts = "prompts"
	Blobs   = "blobs"
	Records = "records" // all that is neither: runs, cells, scores, uses, budgets
	Free    = "free"    // room to be used again; [Ledger.Prune] gives it back
)

// Size is what one kind of content takes.
type Size struct {
	Kind  string
	Count int   // of them; 0 for records and free
	Disk  int64 // bytes
	Text  int64 // bytes before compression, each part once; 0 where that is not known
}

// kindOf tells what a table holds.
func kindOf(table string) string {
	switch table {
	case "answers":
		return Answers
	case "packs", "chunks", "messages":
		return Prompts
	}
	return Records
}

// Sizes returns what the ledger takes on the disk by the kinds of content, indexes included.
func (l *Ledger) Sizes(ctx context.Context) ([]Size, error) {
	sizes := []Size{{Kind: Answers}, {Kind: Prompts}, {Kind: Blobs}, {Kind: Records}, {Kind: Free}}
	at := map[string]*Size{}
	for i := range sizes {
		at[sizes[i].Kind] = &sizes[i]
	}
	err := l.read(ctx, func(q *db.Queries) error {
		answers, err := q.CountAnswers(ctx)
		if err != nil {
			return err
		}
		at[Answers].Count = int(answers)
		requests, err := q.CountRequests(ctx)
		if err != nil {
			return err
		}
		at[Prompts].Count = int(requests)
		chunks, err := q.CountChunks(ctx)
		at[Prompts].Text = chunks.Size
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("measure the ledger: %w", explain(l.path, err))
	}
	// The virtual table dbstat is nothing that sqlc knows.
	rows, err := l.sql.QueryContext(ctx, `SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat AS d LEFT JOIN sqlite_schema AS s ON s.name = d.name
		WHERE d.aggregate = TRUE GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("measure the ledger: %w", explain(l.path, err))
	}
	defer rows.Close()
	used := int64(0)
	for rows.Next() {
		var table string
		var bytes int64
		if err := rows.Scan(&table, &bytes); err != nil {
			return nil, fmt.Errorf("measure the ledger: %w", explain(l.path, err))
		}
		at[kindOf(table)].Disk += bytes
		used += bytes
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("measure the ledger: %w", explain(l.path, err))
	}
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(l.path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, explain(l.path, err)
		}
		if err == nil {
			at[Free].Disk += info.Size()
		}
	}
	at[Free].Disk = max(0, at[Free].Disk-used)
	err = l.eachBlob(ctx, func(_, _ string, info fs.FileInfo) error {
		at[Blobs].Count++
		at[Blobs].Disk += info.Size()
		return nil
	})
	return sizes, err
}

// eachBlob calls do with the path, digest and file of every blob, in the order of the digests. What a killed process left
// half-written has no digest.
func (l *Ledger) eachBlob(ctx context.Context, do func(path, digest string, info fs.FileInfo) error) error {
	return filepath.WalkDir(l.blobs, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) { // another process has just finished or dropped it
			return nil
		}
		if err != nil {
			return explain(path, err)
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return explain(path, err)
		}
		digest := filepath.Base(filepath.Dir(path)) + d.Name()
		if strings.HasPrefix(d.Name(), "tmp-") || !isDigest(digest) {
			digest = ""
		}
		return do(path, digest, info)
	})
}
