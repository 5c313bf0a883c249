package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"papereval/ledger/db"
)

// Call is one sample of a request, with its answer where there is one.
type Call struct {
	// Key is the SHA-256, in hexadecimal, of everything that shapes the answer.
	Key      string
	Endpoint string
	Model    string // its name
	// Params is JSON: what else of the request shapes the answer, without the messages.
	Params string
	// Messages are stored with a call and not read with it: see [Ledger.Messages].
	Messages []Message
	Sample   int

	// Paper, System, Evaluator, Stage and File are labels of whoever asked first, for display only.
	Paper, System, Evaluator, Stage, File string

	Text     string
	Finish   string
	Snapshot string // the model that answered, as the endpoint names it
	Source   string
	// Tokens; Cached is part of Prompt, Reasoning part of Completion.
	Prompt, Cached, Completion, Reasoning int

	Started time.Time
	Elapsed time.Duration
}

// Message is one turn of a conversation.
type Message struct {
	Role    string
	Content string
}

// PutCall records an answer. The first answer of a key wins: a later one changes nothing, unless the first
// is damaged, which it replaces. The key is then no longer pending in any run.
//
// Where two processes may have asked at once, [Ledger.Call] tells which answer was first.
func (l *Ledger) PutCall(ctx context.Context, c *Call) error {
	texts, err := l.texts(c)
	if err != nil {
		return err
	}
	answer := db.PutAnswerParams{
		Key: c.Key, Text: c.Text, Sha256: digest([]byte(c.Text)),
		Finish: c.Finish, Snapshot: c.Snapshot, Source: c.Source,
		Prompt: int64(c.Prompt), Cached: int64(c.Cached), Completion: int64(c.Completion), Reasoning: int64(c.Reasoning),
		Started: stamp(c.Started), Elapsed: int64(c.Elapsed),
	}
	err = l.put(ctx, func(ctx context.Context, q *db.Queries) error {
		if err := putRequest(ctx, q, c, texts); err != nil {
			return err
		}
		known, err := intact(ctx, q, c.Key)
		if err != nil {
			return err
		}
		if !known {
			if err := q.DeleteAnswer(ctx, c.Key); err != nil {
				return err
			}
			if err := q.PutAnswer(ctx, answer); err != nil {
				return err
			}
		}
		return q.DeletePending(ctx, c.Key)
	})
	if err != nil {
		return fmt.Errorf("record the answer of call %s: %w", c.Key, err)
	}
	return nil
}

// Call returns an answered call without its messages. The error wraps [ErrNotFound] where there is no
// answer, and is a [*DamagedError] where the answer is not what was recorded.
func (l *Ledger) Call(ctx context.Context, key string) (*Call, error) {
	row, err := l.queries.Call(ctx, key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("answer of call %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read call %s: %w", key, explain(l.path, err))
	}
	a := row.Answer
	if digest([]byte(a.Text)) != a.Sha256 {
		return nil, &DamagedError{What: "answer", Key: key, Path: l.path}
	}
	c := request(row.Request)
	c.Text, c.Finish, c.Snapshot, c.Source = a.Text, a.Finish, a.Snapshot, a.Source
	c.Prompt, c.Cached, c.Completion, c.Reasoning = int(a.Prompt), int(a.Cached), int(a.Completion), int(a.Reasoning)
	c.Started, c.Elapsed = unstamp(a.Started), time.Duration(a.Elapsed)
	return c, nil
}

func request(r db.Request) *Call {
	return &Call{
		Key: r.Key, Endpoint: r.Endpoint, Model: r.Model, Params: r.Params, Sample: int(r.Sample),
		Paper: r.Paper, System: r.System, Evaluator: r.Evaluator, Stage: r.Stage, File: r.File,
	}
}

// putRequest records what was asked. texts are the contents of the messages.
func putRequest(ctx context.Context, q *db.Queries, c *Call, texts []db.PutTextParams) error {
	err := q.PutRequest(ctx, db.PutRequestParams{
		Key: c.Key, Endpoint: c.Endpoint, Model: c.Model, Params: c.Params, Sample: int64(c.Sample),
		Paper: c.Paper, System: c.System, Evaluator: c.Evaluator, Stage: c.Stage, File: c.File,
	})
	if err != nil {
		return err
	}
	for i, text := range texts {
		if err := q.PutText(ctx, text); err != nil {
			return err
		}
		m := db.PutMessageParams{Key: c.Key, Position: int64(i), Role: c.Messages[i].Role, Digest: text.Digest}
		if err := q.PutMessage(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// intact tells whether there is an answer that is not damaged.
func intact(ctx context.Context, q *db.Queries, key string) (bool, error) {
	stored, err := q.AnswerText(ctx, key)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && digest([]byte(stored.Text)) == stored.Sha256, err
}

// digest is the SHA-256 of data in hexadecimal.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
