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
	Model               string        `json:"model"`
	Messages            []llm.Message `json:"messages"`
	N                   int           `json:"n,omitempty"`
	Temperature         *float64      `json:"temperature,omitempty"`
	ReasoningEffort     string        `json:"reasoning_effort,omitempty"`
	MaxTokens           int           `json:"max_tokens,omitempty"`
	MaxCompletionTokens int           `json:"max_completion_tokens,omitempty"`
}

// Body is the JSON of a chat completions request for n samples, n at least 1.
func Body(m llm.Model, messages []llm.Message, n int) (json.RawMessage, error) {
	b := body{Model: m.Name, Messages: messages, Temperature: m.Temperature, ReasoningEffort: m.ReasoningEffort}
	if n > 1 {
		b.N = n
	}
	if reasons(m.Name) {
		b.MaxCompletionTokens = m.MaxTokens
	} else {
		b.MaxTokens = m.MaxTokens
	}
	return json.Marshal(b)
}

var reasoningName = regexp.MustCompile(`^(.*/)?(o[0-9]|gpt-5)`)

// reasons says whether a model is one of OpenAI's reasoning models, by its name with or without a
// provider's prefix. They take max_completion_tokens instead of max_tokens, and n is 1.
func reasons(name string) bool { return reasoningName.MatchString(name) }
