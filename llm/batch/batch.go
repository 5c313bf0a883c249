// Package batch reads and writes OpenAI's batch format: files of JSON lines with requests, and with answers
// to them. Whoever can run such a file can answer.
package batch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"papereval/llm"
	"papereval/llm/openai"
)

// URL is the path of the endpoint that the requests are for.
const URL = "/v1/chat/completions"

// Line is a request for one sample.
type Line struct {
	Key      string // see llm.Key
	Model    llm.Model
	Messages []llm.Message
}

type request struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      string          `json:"url"`
	Body     json.RawMessage `json:"body"`
}

var keyForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Write writes one request a line. The key, which becomes the custom_id, is 64 hexadecimal digits and
// different in every line.
func Write(w io.Writer, lines []Line) error {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	seen := map[string]bool{}
	for i, l := range lines {
		switch {
		case !keyForm.MatchString(l.Key):
			return fmt.Errorf("batch request %d: %q is no key of a call", i+1, l.Key)
		case seen[l.Key]:
			return fmt.Errorf("batch request %d: the key %s is there twice", i+1, l.Key)
		}
		seen[l.Key] = true
		body, err := openai.Body(l.Model, l.Messages, 1)
		if err != nil {
			return fmt.Errorf("batch request %d: %w", i+1, err)
		}
		if err := encoder.Encode(request{l.Key, http.MethodPost, URL, body}); err != nil {
			return fmt.Errorf("writing batch request %d: %w", i+1, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing batch requests: %w", err)
	}
	return nil
}
