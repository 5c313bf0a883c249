package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"papereval/llm/batch"
	"papereval/llm/openai"
	"papereval/run"
)

func registerBatch(c *cobra.Command, batched *bool) {
	c.Flags().BoolVar(batched, "batch", false, "have calls answered in OpenAI's batches, which cost half and take up to a day each; a budget sets the full price aside until the answer is there")
}

// batchEndpoint is an endpoint that takes batches.
type batchEndpoint interface {
	batches(ctx context.Context) (*openai.Client, error)
}

// batches starts the simulated model, if need be.
func (s *simulated) batches(ctx context.Context) (*openai.Client, error) {
	client, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	live, ok := client.(*openai.Client)
	if !ok {
		return nil, fmt.Errorf("the simulated model cannot be asked for batches")
	}
	return live, nil
}

// inBatches lets a run have its calls answered in batches.
func inBatches(r *run.Run, batched bool) error {
	if !batched {
		return nil
	}
	o := &batch.Options{Endpoints: map[string]func(context.Context) (*openai.Client, error){}}
	for name, client := range r.Endpoints {
		switch endpoint := client.(type) {
		case *openai.Client:
			o.Endpoints[name] = func(context.Context) (*openai.Client, error) { return endpoint, nil }
		case batchEndpoint:
			o.Endpoints[name] = endpoint.batches
		case *twoSimulated:
			return usagef("--batch: --model and --judge-model are two different simulated models, which cannot share batches")
		}
	}
	if len(o.Endpoints) == 0 {
		return usagef("--batch: a recording answers at once and for nothing; batches are for --model NAME at an endpoint that takes OpenAI's batches")
	}
	r.Batch = o
	return nil
}

// leftAside tells of batches under way that a run does not wait for.
func leftAside(a *app, r *run.Run) {
	if r.Batch != nil {
		return
	}
	open, _ := filepath.Glob(filepath.Join(r.Dir(), run.BatchesDir, "*.json")) // the pattern is well-formed
	if len(open) > 0 {
		fmt.Fprintf(a.stderr, "Run %s has %d batches under way: without --batch their calls are sent, and paid for, again.\n", r.Config.ID(), len(open))
	}
}

// tellBatches says what goes on without this process.
func tellBatches(a *app, r *run.Run) {
	for _, open := range r.OpenBatches() {
		fmt.Fprintf(a.stderr, "Batch %s of %d calls goes on at the endpoint: the same command picks it up.\n", printable(open.Batch), open.Calls)
	}
}
