// Package sim is a simulated model: a real HTTP server that speaks OpenAI's chat completions protocol. What
// it answers comes from [Answerer]s, which live beside the prompts that they answer.
package sim

import "papereval/llm"

// Model is the name of the simulated model in the list of models; requests may use any name.
const Model = "sim"

// Endpoint is the identity of the simulated endpoint, wherever it listens.
const Endpoint = "sim"

// An Answerer knows the answers to some prompts. It is safe for concurrent use.
type Answerer interface {
	// Answer returns the answer to a request for one sample; ok is false where the prompt is none that it
	// knows. The request holds what reaches an endpoint: the model, the messages, and as First the index of
	// the sample within its HTTP request. There is no label.
	Answer(req *llm.Request) (text string, ok bool)
}

// AnswererFunc makes a function an [Answerer].
type AnswererFunc func(req *llm.Request) (text string, ok bool)

// Answer calls f.
func (f AnswererFunc) Answer(req *llm.Request) (string, bool) { return f(req) }
