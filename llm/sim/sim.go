// Package sim is a simulated model: a real HTTP server that speaks OpenAI's chat completions, files and batches
// protocols, with the faults that real endpoints have. What it answers comes from [Answerer]s, which live beside
// the prompts that they answer.
//
// The same request gets the same answer from a server with the same seed: in any order, on any run, and whether
// the samples of a request come together (the protocol's n) or singly. A sample's index is its place among the
// request's choices, counted from the header [llm.SampleHeader] where there is one, else from the body's seed.
package sim

import (
	"encoding/json"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"

	"papereval/llm"
)

// Model is the name of the simulated model in the list of models; requests may use any name.
const Model = "sim"

// Endpoint is the identity of the simulated endpoint, wherever it listens.
const Endpoint = llm.SimulatedEndpoint

// An Answerer knows the answers to some prompts. It is safe for concurrent use.
type Answerer interface {
	// Answer returns the answer to a request for one sample; ok is false where the prompt is none that it
	// knows. The request holds what reaches an endpoint: the model, the messages, and as First the index of
	// the sample. There is no label.
	Answer(req *llm.Request) (text string, ok bool)
}

// AnswererFunc makes a function an [Answerer].
type AnswererFunc func(req *llm.Request) (text string, ok bool)

// Answer calls f.
func (f AnswererFunc) Answer(req *llm.Request) (string, bool) { return f(req) }

// Random is a source of random numbers that depends on the seed and on the texts alone, the same on every
// machine.
func Random(seed uint64, texts ...string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, hash(texts...)))
}

// hash tells texts apart; where one ends and the next begins counts.
func hash(texts ...string) uint64 {
	var d xxhash.Digest
	d.Reset()
	for _, text := range texts {
		_, _ = d.WriteString(text)
		_, _ = d.Write([]byte{0xff}) // in no text that is UTF-8
	}
	return d.Sum64()
}

// Indented is an answer in JSON, as models write it.
func Indented(v any) string {
	data, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		panic(err) // strings and numbers always can be encoded
	}
	return string(data)
}
