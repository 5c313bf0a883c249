package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"papereval/ledger/db"
)

// Messages returns the messages of a call, answered or not. The error wraps [ErrNotFound] where there is no
// such call, and is a [*DamagedError] where a message is not what was recorded.
func (l *Ledger) Messages(ctx context.Context, key string) (messages []Message, err error) {
	binary, ok := binaryKey(key)
	if !ok {
		return nil, fmt.Errorf("call %s: %w", key, ErrNotFound)
	}
	err = l.read(ctx, func(q *db.Queries) error {
		request, err := q.Request(ctx, binary)
		if err != nil {
			return err
		}
		rows, err := q.Messages(ctx, request)
		if err != nil {
			return err
		}
		messages = make([]Message, len(rows))
		for i, row := range rows {
			content, err := l.join(ctx, q, row)
			if err != nil {
				return err
			}
			messages[i] = Message{Role: row.Role, Content: content}
		}
		return nil
	})
	switch {
	case errors.Is(err, errDamaged):
		return nil, &DamagedError{What: "message", Key: key, Path: l.path}
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("call %s: %w", key, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read the messages of call %s: %w", key, explain(l.path, err))
	}
	return messages, nil
}

// errDamaged is content that does not match its digest.
var errDamaged = errors.New("damaged")

// join puts a message's content together from its chunks.
func (l *Ledger) join(ctx context.Context, q *db.Queries, m db.MessagesRow) (string, error) {
	var content strings.Builder
	digests := sha256.New()
	for rest := m.Chunks; len(rest) > 0; {
		id, n := binary.Uvarint(rest)
		if n <= 0 {
			return "", errDamaged
		}
		rest = rest[n:]
		text, digest, err := l.chunk(ctx, q, int64(id))
		if err != nil {
			return "", err
		}
		digests.Write(digest)
		content.Write(text)
	}
	if !bytes.Equal(digests.Sum(nil), m.Digest) {
		return "", errDamaged
	}
	return content.String(), nil
}

// chunk returns the text of a chunk, which is only to be read, and its digest.
func (l *Ledger) chunk(ctx context.Context, q *db.Queries, id int64) (text, digest []byte, err error) {
	c, err := q.ChunkByID(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, errDamaged
	}
	if err != nil {
		return nil, nil, err
	}
	pack, err := l.packText(ctx, q, c.Pack)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, errDamaged
	}
	if err != nil {
		return nil, nil, err
	}
	if text, err = slice(pack, c.Start, c.Size); err != nil {
		return nil, nil, err
	}
	if s := sha256.Sum256(text); !bytes.Equal(s[:], c.Digest) {
		return nil, nil, errDamaged
	}
	return text, c.Digest, nil
}

// slice is a chunk's place in its pack.
func slice(pack []byte, start, size int64) ([]byte, error) {
	if start < 0 || size < 0 || start > int64(len(pack)) || size > int64(len(pack))-start {
		return nil, errDamaged
	}
	return pack[start : start+size], nil
}

// read runs queries that all see the ledger as it was at one moment.
func (l *Ledger) read(ctx context.Context, do func(*db.Queries) error) error {
	tx, err := l.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	return do(l.queries.WithTx(tx))
}
