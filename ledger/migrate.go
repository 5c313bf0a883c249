package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"

	"papereval/ledger/db"
)

//go:embed migrations/0002_parts.sql
var partsSQL string

// toParts is the second migration: messages are cut into parts, answers are compressed, and rows point to each
// other by number. What was damaged before stays damaged, and is named as such.
func (l *Ledger) toParts(ctx context.Context, tx *sql.Tx) error {
	before, after, ok := strings.Cut(partsSQL, "-- move\n")
	if !ok {
		return fmt.Errorf("0002_parts.sql has no line that says move")
	}
	if _, err := tx.ExecContext(ctx, before); err != nil {
		return err
	}
	if err := l.moveRequests(ctx, tx); err != nil {
		return err
	}
	for _, statement := range []string{
		`INSERT INTO pending SELECT requests.id, run FROM old_pending JOIN requests ON requests.key = unhex(old_pending.key)`,
		`INSERT INTO uses SELECT run, old_uses.paper, old_uses.system, old_uses.model, seed, old_uses.evaluator, requests.id, old_uses.stage, old_uses.file
			FROM old_uses JOIN requests ON requests.key = unhex(old_uses.key)`,
		after,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// moveRequests moves the requests one by one, with their messages and answers.
func (l *Ledger) moveRequests(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT key FROM old_requests ORDER BY rowid`)
	if err != nil {
		return err
	}
	keys, err := column[string](rows)
	if err != nil {
		return err
	}
	q := db.New(tx)
	for _, key := range keys {
		c := Call{Key: key}
		err := tx.QueryRowContext(ctx, `SELECT endpoint, model, params, sample, paper, system, evaluator, stage, file FROM old_requests WHERE key = ?`, key).
			Scan(&c.Endpoint, &c.Model, &c.Params, &c.Sample, &c.Paper, &c.System, &c.Evaluator, &c.Stage, &c.File)
		if err != nil {
			return err
		}
		if !isDigest(key) {
			return fmt.Errorf("request %q: its key is no SHA-256", key)
		}
		if err := l.moveRequest(ctx, tx, q, &c); err != nil {
			return fmt.Errorf("request %s: %w", key, err)
		}
	}
	return nil
}

func (l *Ledger) moveRequest(ctx context.Context, tx *sql.Tx, q *db.Queries, c *Call) error {
	damaged, err := l.oldMessages(ctx, tx, c)
	if err != nil {
		return err
	}
	a, err := l.putRequest(ctx, q, c, l.cutAll(c, false))
	if err != nil {
		return err
	}
	if damaged {
		if _, err := tx.ExecContext(ctx, `UPDATE messages SET digest = zeroblob(32) WHERE request = ?`, a.id); err != nil {
			return err
		}
	}
	a.remember(l)

	answer := db.PutAnswerParams{Request: a.id}
	var text, digest string
	err = tx.QueryRowContext(ctx, `SELECT text, sha256, finish, snapshot, source, prompt, cached, completion, reasoning, started, elapsed FROM old_answers WHERE key = ?`, c.Key).
		Scan(&text, &digest, &answer.Finish, &answer.Snapshot, &answer.Source, &answer.Prompt, &answer.Cached, &answer.Completion, &answer.Reasoning, &answer.Started, &answer.Elapsed)
	if err == sql.ErrNoRows { //nolint:errorlint // it is never wrapped
		return nil
	}
	if err != nil {
		return err
	}
	answer.Body = l.pack(text)
	if answer.Digest, err = hex.DecodeString(digest); err != nil {
		answer.Digest = make([]byte, sha256.Size) // damaged, which it remains
	}
	// As the table was in this version.
	_, err = tx.ExecContext(ctx, `INSERT INTO answers (request, digest, finish, snapshot, source, prompt, cached, completion, reasoning, started, elapsed, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, answer.Request, answer.Digest, answer.Finish, answer.Snapshot, answer.Source,
		answer.Prompt, answer.Cached, answer.Completion, answer.Reasoning, answer.Started, answer.Elapsed, answer.Body)
	return err
}

// oldMessages reads a call's messages as the first schema had them; damaged is true where they are not what was
// recorded.
func (l *Ledger) oldMessages(ctx context.Context, tx *sql.Tx, c *Call) (damaged bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT role, old_texts.digest, body FROM old_messages JOIN old_texts ON old_texts.digest = old_messages.digest WHERE key = ? ORDER BY position`, c.Key)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var role, sha256 string
		var body []byte
		if err := rows.Scan(&role, &sha256, &body); err != nil {
			return false, err
		}
		content, err := l.dec.DecodeAll(body, nil)
		damaged = damaged || err != nil || digest(content) != sha256
		c.Messages = append(c.Messages, Message{Role: role, Content: string(content)})
	}
	return damaged, rows.Err()
}

// column reads a query's only column.
func column[T any](rows *sql.Rows) (values []T, err error) {
	defer rows.Close()
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}
