package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"papereval/llm"
	"papereval/tokens"
)

const (
	maxRequest = 64 << 20 // bytes
	maxChoices = 128      // as OpenAI allows
)

// Server is the simulated endpoint: POST /v1/chat/completions and GET /v1/models.
type Server struct {
	// Faults, unless nil, says what goes wrong with the n-th completion, counted from 0. It is set before
	// the first request.
	Faults func(n int, r *http.Request) Fault

	answerers []Answerer
	requests  atomic.Int64
	mux       *http.ServeMux
}

// NewServer returns a server that asks the answerers in order.
func NewServer(answerers ...Answerer) *Server {
	s := &Server{answerers: answerers, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.mux.HandleFunc("GET /v1/models", models)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "unknown_url", fmt.Sprintf("Unknown request URL: %s %s", r.Method, r.URL.Path))
	})
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Requests is how many completions were asked for so far, faults included.
func (s *Server) Requests() int { return int(s.requests.Load()) }

type chatRequest struct {
	Model           string        `json:"model"`
	Messages        []llm.Message `json:"messages"`
	N               int           `json:"n"`
	Temperature     *float64      `json:"temperature"`
	ReasoningEffort string        `json:"reasoning_effort"`
	MaxTokens       int           `json:"max_tokens"`
	MaxCompletion   int           `json:"max_completion_tokens"`
	Stream          bool          `json:"stream"`
}

type choice struct {
	Index        int         `json:"index"`
	Message      llm.Message `json:"message"`
	FinishReason string      `json:"finish_reason"`
}

type completion struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Model   string         `json:"model"`
	Choices []choice       `json:"choices"`
	Usage   map[string]int `json:"usage"`
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	n := int(s.requests.Add(1)) - 1
	var fault Fault
	if s.Faults != nil {
		fault = s.Faults(n, r)
	}
	if fault.before(w) {
		return
	}
	var in chatRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_json", "The request is not the JSON of a chat completion: "+err.Error())
		return
	}
	count := max(in.N, 1)
	switch {
	case in.Model == "" || len(in.Messages) == 0:
		refuse(w, http.StatusBadRequest, "missing_required_parameter", "A model and at least one message are needed.")
		return
	case in.N < 0 || in.N > maxChoices:
		refuse(w, http.StatusBadRequest, "invalid_value", fmt.Sprintf("n lies between 1 and %d.", maxChoices))
		return
	case in.Stream:
		refuse(w, http.StatusBadRequest, "unsupported_value", "The simulated model does not stream.")
		return
	}
	if fault.IgnoreN {
		count = 1
	}
	out, ok := s.answer(&in, count)
	if !ok {
		refuse(w, http.StatusBadRequest, "unknown_prompt", "The simulated model has no answer to this prompt: "+
			strconv.Quote(beginning(in.Messages[len(in.Messages)-1].Content)))
		return
	}
	first := &out.Choices[0]
	if fault.Finish != "" {
		first.FinishReason = fault.Finish
		if fault.Finish == "length" {
			first.Message.Content = first.Message.Content[:len(first.Message.Content)/2]
		}
	}
	if fault.Empty {
		first.Message.Content = ""
	}
	data, err := json.Marshal(out)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err)) // strings and numbers always can be encoded
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if fault.Cut {
		_, _ = w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush() // else nothing at all would arrive
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(data) // whoever asked may have left
}

// answer is the same for the same request, its id included.
func (s *Server) answer(in *chatRequest, count int) (*completion, bool) {
	model := llm.Model{Endpoint: Endpoint, Name: in.Model, Temperature: in.Temperature,
		ReasoningEffort: in.ReasoningEffort, MaxTokens: max(in.MaxTokens, in.MaxCompletion)}
	prompt, written := 0, 0
	for _, m := range in.Messages {
		prompt += tokens.Count(m.Content)
	}
	out := &completion{Object: "chat.completion", Model: in.Model}
	for i := range count {
		req := &llm.Request{Model: model, Messages: in.Messages, First: i, Samples: 1}
		text, ok := "", false
		for _, a := range s.answerers {
			if text, ok = a.Answer(req); ok {
				break
			}
		}
		if !ok {
			return nil, false
		}
		if i == 0 {
			out.ID = "chatcmpl-" + llm.Key(req, 0)[:24]
		}
		written += tokens.Count(text)
		out.Choices = append(out.Choices, choice{i, llm.Message{Role: llm.Assistant, Content: text}, "stop"})
	}
	out.Usage = map[string]int{"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
	return out, true
}

func models(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list",
		"data": []map[string]any{{"id": Model, "object": "model", "owned_by": "bench"}}})
}

// refuse sends an error in OpenAI's form.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	kind := "invalid_request_error"
	if status >= http.StatusInternalServerError {
		kind = "server_error"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"message": message, "type": kind, "param": nil, "code": code}})
}

func beginning(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return string([]rune(s)[:min(80, len([]rune(s)))])
}
