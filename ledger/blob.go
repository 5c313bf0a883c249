package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PutBlob stores data and returns its digest, the SHA-256 in hexadecimal. Equal data is stored once.
func (l *Ledger) PutBlob(ctx context.Context, data []byte) (string, error) {
	key := digest(data)
	if len(data) > maxText {
		return "", fmt.Errorf("blob %s has %d bytes; the ledger holds at most %d", key, len(data), maxText)
	}
	path := l.blobPath(key)
	_, err := l.Blob(ctx, key)
	var damaged *DamagedError
	if errors.Is(err, ErrNotFound) || errors.As(err, &damaged) {
		err = l.writeBlob(path, data)
	}
	if err == nil { // for a known blob too: whoever wrote it may not have come this far
		err = errors.Join(syncFolder(filepath.Dir(path)), syncFolder(l.blobs))
	}
	if err != nil {
		return "", fmt.Errorf("record blob %s: %w", key, explain(path, err))
	}
	return key, nil
}

// Blob returns the data of a digest. The error wraps [ErrNotFound] where there is none, and is a
// [*DamagedError] where the data is not what was stored.
func (l *Ledger) Blob(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !isDigest(key) {
		return nil, fmt.Errorf("blob %q: %w: a digest has 64 hexadecimal digits", key, ErrNotFound)
	}
	path := l.blobPath(key)
	packed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w: there is no %s", key, ErrNotFound, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", key, explain(path, err))
	}
	data, err := l.dec.DecodeAll(packed, nil)
	if err != nil || digest(data) != key {
		return nil, &DamagedError{What: "blob", Key: key, Path: path}
	}
	return data, nil
}

func (l *Ledger) blobPath(key string) string { return filepath.Join(l.blobs, key[:2], key[2:]) }

// writeBlob writes under another name first, so that what has the blob's name is always whole.
func (l *Ledger) writeBlob(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary := filepath.Join(l.blobs, "tmp-"+rand.Text())
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	_, err = f.Write(l.enc.EncodeAll(data, nil))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
