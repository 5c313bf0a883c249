package llm_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
)

// endpoint starts a simulated model on the loopback interface and returns a client for it.
func endpoint(t *testing.T, s *sim.Server) llm.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return openai.New(server.URL+"/v1", "key-of-the-test", server.Client())
}

// echo answers with the last message.
func echo(req *llm.Request) (string, bool) {
	return "to " + req.Messages[len(req.Messages)-1].Content, true
}

func request(prompt string, first, samples int) *llm.Request {
	return &llm.Request{
		Model:    llm.Model{Endpoint: sim.Endpoint, Name: "sim"},
		Messages: []llm.Message{{Role: llm.User, Content: prompt}},
		First:    first, Samples: samples,
	}
}

// shelf is a store in memory.
type shelf struct {
	mu      sync.Mutex
	samples map[string]llm.Sample
	used    []string
	putErr  error
	getErr  error
}

func newShelf() *shelf { return &shelf{samples: map[string]llm.Sample{}} }

func (s *shelf) Sample(_ context.Context, key string) (*llm.Sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.getErr != nil {
		return nil, s.getErr
	}
	found, ok := s.samples[key]
	if !ok {
		return nil, fmt.Errorf("%.8s: %w", key, llm.ErrUnknown)
	}
	return &found, nil
}

func (s *shelf) Put(ctx context.Context, _ *llm.Request, sample *llm.Sample, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.putErr, ctx.Err()); err != nil {
		return err
	}
	if first, ok := s.samples[sample.Key]; ok {
		*sample = first
	}
	s.samples[sample.Key] = *sample
	return nil
}

func (s *shelf) Used(_ context.Context, _ *llm.Request, sample *llm.Sample) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = append(s.used, sample.Key)
	return nil
}

func (s *shelf) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.samples))
}
