package openai

import (
	"encoding/json"
	"regexp"

	"papereval/llm"
)

// body is a chat completions request. go-openai's own type is not used for it because it leaves out a
// temperature of 0, and because go-openai refuses parameters by the model's name: whether they are
// acceptable is for the endpoint to say, which may call its models what it likes.
type body struct {
	Model               string         `json:"model"`
	Messages            []llm.Message  `json:"messages,omitempty"`
	N                   int            `json:"n,omitempty"`
	Temperature         *float64       `json:"temperature,omitempty"`
	ReasoningEffort     string         `json:"reasoning_effort,omitempty"`
	MaxTokens           int            `json:"max_tokens,omitempty"`
	MaxCompletionTokens int            `json:"max_completion_tokens,omitempty"`
	ResponseFormat      *format        `json:"response_format,omitempty"`
	Stream              bool           `json:"stream,omitempty"`
	StreamOptions       *streamOptions `json:"stream_options,omitempty"`
}

type format struct {
	Type   string  `json:"type"`
	Schema *schema `json:"json_schema,omitempty"`
}

type schema struct {
	Name   string          `json:"name"`
	Strict bool            `json:"strict"`
	Schema json.RawMessage `json:"schema"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// long is the limit of tokens above which an answer may take so long that it is streamed: only then it can be
// told from a connection that died.
const long = 4096

// newBody is a request for n samples, as far as the endpoint is known to understand it. room, unless it is 0, is
// how many tokens the prompt leaves for each.
func newBody(req *llm.Request, n int, d dialect, room int) *body {
	m := req.Model
	b := &body{Model: m.Name, Messages: req.Messages, Temperature: m.Temperature, ReasoningEffort: m.ReasoningEffort}
	if n > 1 {
		b.N = n
	}
	most := llm.MaxCompletion(req)
	for _, less := range []int{d.most, room} {
		if m.MaxTokens == 0 && less > 0 {
			most = min(most, less)
		}
	}
	if reasons(m.Name) != d.otherMax {
		b.MaxCompletionTokens = most
	} else {
		b.MaxTokens = most
	}
	if req.Schema != nil {
		switch d.form {
		case bySchema:
			b.ResponseFormat = &format{"json_schema", &schema{req.Schema.Name, true, req.Schema.JSON}}
		case anyObject:
			b.ResponseFormat = &format{Type: "json_object"}
		}
	}
	if !d.whole && (m.MaxTokens == 0 || m.MaxTokens > long) {
		b.Stream = true
		if !d.noUsage {
			b.StreamOptions = &streamOptions{true}
		}
	}
	return b
}

// Body is the JSON of a chat completions request for n samples, n at least 1, which are not streamed.
func Body(m llm.Model, messages []llm.Message, n int) (json.RawMessage, error) {
	return RequestBody(&llm.Request{Model: m, Messages: messages}, n)
}

// RequestBody is [Body] with everything that a request may ask for.
func RequestBody(req *llm.Request, n int) (json.RawMessage, error) {
	return json.Marshal(newBody(req, n, dialect{whole: true}, 0))
}

var reasoningName = regexp.MustCompile(`^(.*/)?(o[0-9]|gpt-5)`)

// reasons says whether a model is one of OpenAI's reasoning models, by its name with or without a
// provider's prefix. They take max_completion_tokens instead of max_tokens, and n is 1.
func reasons(name string) bool { return reasoningName.MatchString(name) }
