// Package llm is what a language model looks like to the rest of bench: a request in, samples out.
//
// A [Client] answers one request. Everything that happens on the way to an endpoint (the ledger, limits,
// recording) is a Client that wraps a Client, in the manner of http.RoundTripper.
package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Client answers requests. It is safe for concurrent use.
//
// An error returned by Complete concerns the request as a whole; what concerns one sample only is in
// [Sample.Err], so that one refused sample does not cost the others.
type Client interface {
	Complete(ctx context.Context, req *Request) (*Response, error)
}

// Role says who speaks in a [Message], by the names of the chat completions protocol.
type Role string

// The roles of the chat completions protocol that bench uses.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
}

// Request asks a model for one or several independent samples of the same prompt. Each sample has its own
// key (see [Key]); only those that are not yet known are sent.
type Request struct {
	Model    Model
	Messages []Message
	// Schema is what the answer is to be like; nil where it is text.
	Schema *Schema
	// First is the index of the first sample. In generation it is the cell's seed.
	First int
	// Samples is how many samples are asked for; 0 means 1.
	Samples int
	// Label says what the request is for. It serves display, replay and simulation and is never part of
	// a key.
	Label Label
}

// Schema is the JSON schema of an answer. Endpoints that know none answer as well as they can: whoever asks
// reads the answer as text from a model, with or without a schema.
type Schema struct {
	Name string          `json:"name"` // letters, digits, - and _
	JSON json.RawMessage `json:"schema"`
}

// Count is the number of samples that are asked for, at least 1.
func (r *Request) Count() int { return max(r.Samples, 1) }

// Label says what a request is for.
type Label struct {
	Run       string `json:"run,omitempty"`
	Paper     string `json:"paper,omitempty"`
	System    string `json:"system,omitempty"`
	Seed      int    `json:"seed,omitempty"`
	Evaluator string `json:"evaluator,omitempty"` // empty while generating
	Stage     string `json:"stage,omitempty"`
	File      string `json:"file,omitempty"`
	// Again is true when the request repeats an earlier one whose answer could not be used.
	Again bool `json:"again,omitempty"`
}

// String is the label as a reader sees it: "Transformer papercoder coding main.py".
func (l Label) String() string {
	s := ""
	for _, part := range []string{l.Paper, l.System, l.Evaluator, l.Stage, l.File} {
		if part != "" {
			if s != "" {
				s += " "
			}
			s += part
		}
	}
	if l.Again {
		s += " (asked again)"
	}
	return s
}

// Response holds the samples in the order of their indexes, Request.Count of them.
type Response struct {
	Samples []Sample
}

// Source says where a sample, or the scores that rest on it, came from.
type Source string

// The sources of a sample.
const (
	Live      Source = "live"
	Recorded  Source = "recorded"
	Simulated Source = "simulated"
	Imported  Source = "imported" // a score from elsewhere
)

// Sample is one answer of a model.
type Sample struct {
	Index  int    `json:"index"`
	Key    string `json:"key"` // see [Key]; set by the ledger's client
	Text   string `json:"text"`
	Finish string `json:"finish"` // the protocol's finish reason: "stop" for a whole answer
	// Snapshot is the model that answered, by the name that the endpoint gives it.
	Snapshot string        `json:"snapshot"`
	Source   Source        `json:"source"`
	Usage    Usage         `json:"usage"`
	Elapsed  time.Duration `json:"elapsed"`
	// Batched is true where a batch answered, at half the price: see [Price.Cost].
	Batched bool `json:"batched,omitempty"`
	// Known is true when the answer was in the ledger and nothing was sent.
	Known bool `json:"-"`
	// Err says why there is no answer; the other fields are then without meaning.
	Err error `json:"-"`
}

// Usage counts tokens as the endpoint reported them. Cached is part of Prompt, Reasoning part of Completion.
type Usage struct {
	Prompt     int `json:"prompt"`
	Cached     int `json:"cached,omitempty"`
	Completion int `json:"completion"`
	Reasoning  int `json:"reasoning,omitempty"`
}

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.Prompt + v.Prompt, u.Cached + v.Cached, u.Completion + v.Completion, u.Reasoning + v.Reasoning}
}

// One completes a request for a single sample and returns it; a sample's error becomes the call's.
func One(ctx context.Context, c Client, req *Request) (*Sample, error) {
	if req.Count() != 1 {
		return nil, fmt.Errorf("llm: One called for %d samples", req.Count())
	}
	resp, err := c.Complete(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := resp.Samples[0].Err; err != nil {
		return nil, err
	}
	return &resp.Samples[0], nil
}

// ClientFunc makes a function a [Client].
type ClientFunc func(ctx context.Context, req *Request) (*Response, error)

// Complete calls f.
func (f ClientFunc) Complete(ctx context.Context, req *Request) (*Response, error) {
	return f(ctx, req)
}
