package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"papereval/ledger"
	"papereval/llm"
)

// store keeps a run's answers in the ledger.
type store struct {
	ledger *ledger.Ledger
	run    string
	model  string      // that generates, which cells are named by
	damage func(error) // told of answers that were damaged and are paid for again
}

var _ llm.Store = (*store)(nil)

// LedgerError is a ledger that cannot be read or written: nothing can go on.
type LedgerError struct{ Err error }

func (e *LedgerError) Error() string { return "ledger: " + e.Err.Error() }

func (e *LedgerError) Unwrap() error { return e.Err }

func (s *store) Sample(ctx context.Context, key string) (*llm.Sample, error) {
	call, err := s.ledger.Call(ctx, key)
	var damaged *ledger.DamagedError
	switch {
	case errors.As(err, &damaged):
		s.damage(err)
		return nil, fmt.Errorf("%w: %w", llm.ErrUnknown, err)
	case errors.Is(err, ledger.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", llm.ErrUnknown, err)
	case err != nil:
		return nil, &LedgerError{err}
	}
	return &llm.Sample{
		Index: call.Sample, Key: key, Text: call.Text, Finish: call.Finish, Snapshot: call.Snapshot,
		Source:  llm.Source(call.Source),
		Usage:   llm.Usage{Prompt: call.Prompt, Cached: call.Cached, Completion: call.Completion, Reasoning: call.Reasoning},
		Elapsed: call.Elapsed, Batched: call.Batched,
	}, nil
}

func (s *store) Put(ctx context.Context, req *llm.Request, sample *llm.Sample, started time.Time) error {
	call := newCall(req, sample.Index, sample.Key)
	fill(call, sample, started)
	if err := s.ledger.PutCall(ctx, call); err != nil {
		return &LedgerError{err}
	}
	// Another process may have stored an answer first. That one stands, so that a rerun ends the same way.
	stored, err := s.Sample(ctx, sample.Key)
	if err != nil {
		return err
	}
	*sample = *stored
	return s.Used(ctx, req, sample)
}

func (s *store) Used(ctx context.Context, req *llm.Request, sample *llm.Sample) error {
	l := req.Label
	err := s.ledger.Use(ctx, ledger.Use{Run: s.run, Key: sample.Key, Paper: l.Paper, System: l.System,
		Model: s.model, Seed: l.Seed, Evaluator: l.Evaluator, Stage: l.Stage, File: l.File})
	if err != nil {
		return &LedgerError{err}
	}
	return nil
}

// params are what of a request shapes the answer besides its messages, as the ledger has it.
type params struct {
	llm.Model
	Schema *llm.Schema `json:"schema,omitempty"`
}

// CheckKey says whether a call of the ledger has the key that its content gives: fits is false where it was changed
// behind the ledger's back. checked is false where that cannot be known, because a newer bench has written it.
func CheckKey(c *ledger.Call) (fits, checked bool) {
	req, err := request(c)
	if err != nil {
		return false, false
	}
	return llm.Key(req, c.Sample) == c.Key, true
}

// request is what a call of the ledger asks for. The error is one of parameters that this bench does not know.
func request(c *ledger.Call) (*llm.Request, error) {
	var p params
	decoder := json.NewDecoder(strings.NewReader(c.Params))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return nil, err
	}
	req := &llm.Request{Model: p.Model, Schema: p.Schema, First: c.Sample,
		Label: llm.Label{Paper: c.Paper, System: c.System, Evaluator: c.Evaluator, Stage: c.Stage, File: c.File}}
	for _, m := range c.Messages {
		req.Messages = append(req.Messages, llm.Message{Role: llm.Role(m.Role), Content: m.Content})
	}
	return req, nil
}

// newCall is a sample of a request as the ledger has it, without its answer; key is its [llm.Key].
func newCall(req *llm.Request, index int, key string) *ledger.Call {
	params, err := json.Marshal(params{req.Model, req.Schema})
	if err != nil {
		panic(fmt.Sprintf("run: a model that cannot be encoded: %v", err)) // strings and numbers always can
	}
	messages := make([]ledger.Message, len(req.Messages))
	for i, m := range req.Messages {
		messages[i] = ledger.Message{Role: string(m.Role), Content: m.Content}
	}
	l := req.Label
	return &ledger.Call{Key: key, Endpoint: req.Model.Endpoint, Model: req.Model.String(), Params: string(params),
		Messages: messages, Sample: index, Paper: l.Paper, System: l.System, Evaluator: l.Evaluator, Stage: l.Stage, File: l.File}
}

// fill puts an answer into a call.
func fill(call *ledger.Call, s *llm.Sample, started time.Time) {
	call.Text, call.Finish, call.Snapshot, call.Source = s.Text, s.Finish, s.Snapshot, string(s.Source)
	call.Prompt, call.Cached, call.Completion, call.Reasoning = s.Usage.Prompt, s.Usage.Cached, s.Usage.Completion, s.Usage.Reasoning
	call.Started, call.Elapsed, call.Batched = started, s.Elapsed, s.Batched
}
