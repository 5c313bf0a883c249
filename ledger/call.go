package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
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
	Batched                               bool // a batch answered, at half the price

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
	parts, err := l.cutUp(ctx, c)
	if err != nil {
		return fmt.Errorf("record the answer of call %s: %w", c.Key, err)
	}
	text := sumOf(c.Text)
	answer := db.PutAnswerParams{
		Digest: text[:], Body: l.pack(c.Text),
		Finish: c.Finish, Snapshot: c.Snapshot, Source: c.Source,
		Prompt: int64(c.Prompt), Cached: int64(c.Cached), Completion: int64(c.Completion), Reasoning: int64(c.Reasoning),
		Started: stamp(c.Started), Elapsed: int64(c.Elapsed), Batched: flag(c.Batched),
	}
	var asked asked
	err = l.putThen(ctx, func(ctx context.Context, q *db.Queries) (err error) {
		if asked, err = l.putRequest(ctx, q, c, parts); err != nil {
			return err
		}
		if !asked.fresh {
			if known, err := l.intact(ctx, q, asked.id); known || err != nil {
				return err
			}
			if err := q.DeleteAnswer(ctx, asked.id); err != nil {
				return err
			}
		}
		answer.Request = asked.id
		return q.PutAnswer(ctx, answer)
	}, func() { asked.remember(l) })
	if err != nil {
		return fmt.Errorf("record the answer of call %s: %w", c.Key, err)
	}
	return nil
}

// Call returns an answered call without its messages. The error wraps [ErrNotFound] where there is no
// answer, and is a [*DamagedError] where the answer is not what was recorded.
func (l *Ledger) Call(ctx context.Context, key string) (*Call, error) {
	binary, ok := binaryKey(key)
	if !ok {
		return nil, fmt.Errorf("answer of call %s: %w", key, ErrNotFound)
	}
	row, err := l.queries.Call(ctx, binary)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("answer of call %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read call %s: %w", key, explain(l.path, err))
	}
	a := row.Answer
	c := request(row.Request, row.Model)
	if c.Text, ok = l.unpack(a.Body, a.Digest); !ok {
		return nil, &DamagedError{What: "answer", Key: key, Path: l.path}
	}
	c.Finish, c.Snapshot, c.Source = a.Finish, a.Snapshot, a.Source
	c.Prompt, c.Cached, c.Completion, c.Reasoning = int(a.Prompt), int(a.Cached), int(a.Completion), int(a.Reasoning)
	c.Started, c.Elapsed, c.Batched = unstamp(a.Started), time.Duration(a.Elapsed), a.Batched == 1
	return c, nil
}

// Asked returns a call without its messages and answer, answered or not. The error wraps [ErrNotFound] where there
// is none.
func (l *Ledger) Asked(ctx context.Context, key string) (*Call, error) {
	binary, ok := binaryKey(key)
	if !ok {
		return nil, fmt.Errorf("call %s: %w", key, ErrNotFound)
	}
	row, err := l.queries.AskedCall(ctx, binary)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("call %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read call %s: %w", key, explain(l.path, err))
	}
	return request(row.Request, row.Model), nil
}

// Label is what a call was for, as a reader sees it: "Transformer papercoder coding main.py".
func (c *Call) Label() string {
	var parts []string
	for _, part := range []string{c.Paper, c.System, c.Evaluator, c.Stage, c.File} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// Key returns the key of the only call whose key begins with prefix. The error wraps [ErrNotFound] where there is
// none, and is an [*AmbiguousError] where there are several.
func (l *Ledger) Key(ctx context.Context, prefix string) (string, error) {
	if fill := 2*sha256.Size - len(prefix); fill >= 0 && isDigest(prefix+strings.Repeat("0", fill)) {
		low, _ := binaryKey(prefix + strings.Repeat("0", fill))
		high, _ := binaryKey(prefix + strings.Repeat("f", fill))
		found, err := l.queries.KeysBetween(ctx, db.KeysBetweenParams{Low: low, High: high})
		if err != nil {
			return "", fmt.Errorf("find call %s: %w", prefix, explain(l.path, err))
		}
		var keys []string
		for _, key := range found {
			keys = append(keys, hex.EncodeToString(key))
		}
		if len(keys) > 1 {
			for i := range keys { // enough to choose from
				keys[i] = keys[i][:max(12, len(prefix)+1)]
			}
			return "", &AmbiguousError{Prefix: prefix, What: "calls", Found: keys}
		}
		if len(keys) == 1 {
			return keys[0], nil
		}
	}
	return "", fmt.Errorf("call %q: %w: `bench ledger show` lists the calls of a run with their keys", prefix, ErrNotFound)
}

// RunsOf returns the ids of the runs that rest on a call.
func (l *Ledger) RunsOf(ctx context.Context, key string) ([]string, error) {
	binary, _ := binaryKey(key)
	runs, err := l.queries.RunsOfCall(ctx, binary)
	if err != nil {
		return nil, fmt.Errorf("find the runs of call %s: %w", key, explain(l.path, err))
	}
	return runs, nil
}

func request(r db.Request, m db.Model) *Call {
	return &Call{
		Key: hex.EncodeToString(r.Key), Endpoint: m.Endpoint, Model: m.Model, Params: m.Params, Sample: int(r.Sample),
		Paper: r.Paper, System: r.System, Evaluator: r.Evaluator, Stage: r.Stage, File: r.File,
	}
}

// asked is a request that a transaction has recorded.
type asked struct {
	id    int64
	fresh bool // it was not known
	// What is to be remembered when it is on the disk.
	model   model
	modelID int64
	parts   *stored
}

func (a *asked) remember(l *Ledger) {
	if a.modelID != 0 {
		l.models.put(a.model, a.modelID)
	}
	l.remember(a.parts)
}

// putRequest records what was asked, with its messages where parts are not nil.
func (l *Ledger) putRequest(ctx context.Context, q *db.Queries, c *Call, parts *parts) (a asked, err error) {
	key, _ := binaryKey(c.Key)
	a.model = model{c.Endpoint, c.Model, c.Params}
	if a.modelID, err = l.putModel(ctx, q, a.model); err != nil {
		return a, err
	}
	a.id, err = q.PutRequest(ctx, db.PutRequestParams{
		Key: key, Model: a.modelID, Sample: int64(c.Sample),
		Paper: c.Paper, System: c.System, Evaluator: c.Evaluator, Stage: c.Stage, File: c.File,
	})
	a.fresh = err == nil
	if errors.Is(err, sql.ErrNoRows) {
		a.id, err = q.Request(ctx, key)
	}
	if err != nil || parts == nil {
		return a, err
	}
	a.parts, err = parts.put(ctx, l, q, a.id)
	return a, err
}

func (l *Ledger) putModel(ctx context.Context, q *db.Queries, m model) (int64, error) {
	if id, ok := l.models.get(m); ok {
		return id, nil
	}
	id, err := q.Model(ctx, db.ModelParams{Endpoint: m.endpoint, Model: m.name, Params: m.params})
	if errors.Is(err, sql.ErrNoRows) {
		return q.PutModel(ctx, db.PutModelParams{Endpoint: m.endpoint, Model: m.name, Params: m.params})
	}
	return id, err
}

// intact tells whether there is an answer that is not damaged.
func (l *Ledger) intact(ctx context.Context, q *db.Queries, request int64) (bool, error) {
	row, err := q.AnswerText(ctx, request)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, ok := l.unpack(row.Body, row.Digest)
	return ok, nil
}

// pack compresses a text that is stored by itself.
func (l *Ledger) pack(text string) []byte { return l.enc.EncodeAll([]byte(text), []byte{}) }

// unpack is the text of a body; ok is false where it does not match its digest.
func (l *Ledger) unpack(body, digest []byte) (text string, ok bool) {
	raw, err := l.dec.DecodeAll(body, nil)
	if err != nil {
		return "", false
	}
	s := sha256.Sum256(raw)
	return string(raw), bytes.Equal(s[:], digest)
}
