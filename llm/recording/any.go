package recording

import (
	"fmt"
	"os"

	"papereval/llm"
)

// Answers are answers that were given before.
type Answers interface {
	llm.Client
	Endpoint() string // the identity for llm.Model.Endpoint
	About() About
}

// OpenAny opens what "replay:" names: a recording, or the output folder of the published program.
func OpenAny(path string) (Answers, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening what is to be replayed: %w", err)
	}
	if info.IsDir() {
		return OpenTranscript(path)
	}
	return Open(path)
}
