// Package simtest lets tests ask a simulated model over real HTTP.
package simtest

import (
	"net/http/httptest"
	"sync"
	"testing"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
)

// Server is a simulated endpoint for a test. Client asks it.
type Server struct {
	llm.Client
	Model llm.Model
	URL   string // the base URL, as OPENAI_BASE_URL wants it

	mu       sync.Mutex
	requests []*llm.Request
}

// New starts an endpoint that answers every request by answer, until the test ends.
func New(t testing.TB, answer func(req *llm.Request) string) *Server {
	s := &Server{}
	server := httptest.NewServer(sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, req)
		return answer(req), true
	})))
	t.Cleanup(server.Close)
	s.URL = server.URL + "/v1"
	client := openai.New(s.URL, "", nil)
	s.Client, s.Model = client, llm.Model{Endpoint: client.Endpoint(), Name: sim.Model, Context: llm.DefaultContext}
	return s
}

// Requests are the requests so far, one for each sample.
func (s *Server) Requests() []*llm.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*llm.Request(nil), s.requests...)
}
