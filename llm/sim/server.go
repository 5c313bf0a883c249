package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"papereval/llm"
)

const maxRequest = 64 << 20 // bytes

// Server is the simulated endpoint: POST /v1/chat/completions, GET /v1/models, and files and batches below
// /v1/files and /v1/batches.
type Server struct {
	// Faults, unless nil, says what goes wrong with the n-th completion, counted from 0, beside what the
	// options say. It is set before the first request.
	Faults func(n int, r *http.Request) Fault

	options   Options
	marked    bool
	answerers []Answerer
	requests  atomic.Int64
	quota     *quota
	usage     counter
	cache     cache
	shelf     shelf
	schemas   schemas
	mux       *http.ServeMux
	buffers   sync.Pool

	mu     sync.Mutex
	tries  map[uint64]int // how often each request came, by its digest
	counts map[string]int // what became of requests
}

// New returns the simulated model: a server that asks the answerers in order, and marks its answers as
// simulated.
func New(options Options, answerers ...Answerer) *Server {
	s := NewServer(answerers...)
	s.options, s.marked = options, true
	s.quota = newQuota(options.RPM, options.TPM)
	s.usage.exact = options.ExactUsage
	return s
}

// NewServer returns a server that stands in for a live endpoint in tests: its answers are not marked as
// simulated.
func NewServer(answerers ...Answerer) *Server {
	s := &Server{answerers: answerers, mux: http.NewServeMux(), quota: newQuota(0, 0), tries: map[uint64]int{}, counts: map[string]int{}}
	s.buffers.New = func() any { return new(bytes.Buffer) }
	s.mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		model := map[string]any{"id": Model, "object": "model", "created": created, "owned_by": "bench"}
		jsonReply(http.StatusOK, list(model)).send(w)
	})
	s.batches()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refusal(http.StatusNotFound, "unknown_url", fmt.Sprintf("Unknown request URL: %s %s", r.Method, r.URL.Path)).send(w)
	})
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.marked {
		w.Header().Set(llm.SimulatedHeader, "1")
	}
	s.mux.ServeHTTP(w, r)
}

// Requests is how many completions were asked for so far, faults included, lines of batches not.
func (s *Server) Requests() int { return int(s.requests.Load()) }

// Counts says in one line what was asked for so far and what became of it.
func (s *Server) Counts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := []string{fmt.Sprintf("%d completions asked for", s.requests.Load())}
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, s.counts[name]))
	}
	return strings.Join(parts, ", ")
}

// count notes what became of a request.
func (s *Server) count(what string) {
	s.mu.Lock()
	s.counts[what]++
	s.mu.Unlock()
}

// try is how often a request with that digest came before. A server that has seen very many begins anew.
func (s *Server) try(digest uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tries) > 1<<20 {
		clear(s.tries)
	}
	s.tries[digest]++
	return s.tries[digest] - 1
}

// draw is a number from 0 to 1 for a decision about one try of a request.
func (s *Server) draw(what string, digest uint64, try int) float64 {
	return Random(s.options.Seed, what, strconv.FormatUint(digest, 16), strconv.Itoa(try)).Float64()
}

// read takes the body of a request into a buffer that is given back by free.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (body []byte, free func(), refused *reply) {
	buffer := s.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	free = func() { s.buffers.Put(buffer) }
	buffer.Grow(int(min(max(r.ContentLength, 0), maxRequest)) + bytes.MinRead)
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, maxRequest)); err != nil {
		answer := refusal(http.StatusBadRequest, "invalid_body", "The request's body cannot be read: "+err.Error())
		return nil, free, &answer
	}
	return buffer.Bytes(), free, nil
}

// pause lets the latency pass; it is false where the client left meanwhile.
func (s *Server) pause(r *http.Request, draw float64) bool {
	d := s.options.Latency + time.Duration((2*draw-1)*float64(s.options.Jitter))
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// reply is a whole response.
type reply struct {
	status int
	kind   string
	body   []byte
}

func (a reply) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", cmp.Or(a.kind, "application/json"))
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // whoever asked may have left
}

// sendWith sends it as the fault has it.
func (a reply) sendWith(f *Fault, w http.ResponseWriter, r *http.Request) {
	if f.BadJSON {
		a.body = broken(a.body)
	}
	if !f.Cut && !f.Stall {
		a.send(w)
		return
	}
	w.Header().Set("Content-Type", cmp.Or(a.kind, "application/json"))
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2])
	f.stop(w, r)
}

func jsonReply(status int, v any) reply { return reply{status: status, body: encoded(v)} }

func encoded(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err)) // strings and numbers always can be encoded
	}
	return data
}

func list[T any](items ...T) map[string]any {
	return map[string]any{"object": "list", "data": append([]T{}, items...), "has_more": false}
}

// refusal is an error in OpenAI's form.
func refusal(status int, code, message string) reply {
	kind := "invalid_request_error"
	if status >= http.StatusInternalServerError {
		kind = "server_error"
	}
	return reply{status: status, body: errorBody(kind, code, message)}
}

func errorBody(kind, code, message string) []byte {
	object := map[string]any{"message": message, "type": kind, "param": nil, "code": nil}
	if code != "" {
		object["code"] = code
	}
	return encoded(map[string]any{"error": object})
}

func beginning(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return string([]rune(s)[:min(80, len([]rune(s)))])
}
