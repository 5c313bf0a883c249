package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Verified is what [Ledger.Verify] looked at.
type Verified struct{ Answers, Prompts, Blobs int }

// Damage is something that is not what was recorded.
type Damage struct {
	*DamagedError
	Label string // what the call was for; empty for a blob or the database
}

// Verify reads everything that has a digest and tells found of what does not match it, in the order of recording.
// The error is one of reading.
func (l *Ledger) Verify(ctx context.Context, found func(Damage)) (Verified, error) {
	var v Verified
	if err := l.checkDatabase(ctx, found); err != nil {
		return v, err
	}
	keys, err := l.queries.AllKeys(ctx)
	if err != nil {
		return v, fmt.Errorf("verify: %w", explain(l.path, err))
	}
	for _, binary := range keys {
		key := hex.EncodeToString(binary)
		_, err := l.Call(ctx, key)
		if !errors.Is(err, ErrNotFound) {
			v.Answers++
			if err := l.damage(ctx, key, err, found); err != nil {
				return v, err
			}
		}
		v.Prompts++
		_, err = l.Messages(ctx, key)
		if err := l.damage(ctx, key, err, found); err != nil {
			return v, err
		}
	}
	err = l.eachBlob(ctx, func(path, digest string, _ fs.FileInfo) error {
		if digest == "" {
			return nil
		}
		v.Blobs++
		_, err := l.Blob(ctx, digest)
		return l.damage(ctx, "", err, found)
	})
	if err != nil {
		return v, err
	}
	return v, l.missingBlobs(ctx, found)
}

// damage tells found of an error that is a damage, and returns any other.
func (l *Ledger) damage(ctx context.Context, key string, err error, found func(Damage)) error {
	var damaged *DamagedError
	if errors.Is(err, ErrNotFound) {
		return nil // dropped by another process
	}
	if !errors.As(err, &damaged) {
		return err
	}
	d := Damage{DamagedError: damaged}
	if key != "" {
		c, err := l.Asked(ctx, key)
		if err != nil {
			return err
		}
		d.Label = c.Label()
	}
	found(d)
	return nil
}

// missingBlobs finds what cells and scores refer to and is not there.
func (l *Ledger) missingBlobs(ctx context.Context, found func(Damage)) error {
	digests, err := l.queries.NeededBlobs(ctx)
	if err != nil {
		return fmt.Errorf("verify: %w", explain(l.path, err))
	}
	for _, digest := range digests {
		if _, err := l.Blob(ctx, digest); errors.Is(err, ErrNotFound) {
			path := l.blobs
			if isDigest(digest) {
				path = l.blobPath(digest)
			}
			found(Damage{DamagedError: &DamagedError{What: "blob", Key: digest, Path: path}, Label: "it is missing"})
		}
	}
	return nil
}

// checkDatabase asks SQLite whether its file is in order.
func (l *Ledger) checkDatabase(ctx context.Context, found func(Damage)) error {
	rows, err := l.sql.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return fmt.Errorf("verify: %w", explain(l.path, err))
	}
	lines, err := column[string](rows)
	if err != nil {
		return fmt.Errorf("verify: %w", explain(l.path, err))
	}
	if text := strings.Join(lines, "; "); text != "ok" {
		found(Damage{DamagedError: &DamagedError{What: "database", Path: l.path}, Label: text})
	}
	return nil
}
