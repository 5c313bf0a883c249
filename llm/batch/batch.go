// Package batch reads and writes OpenAI's batch format: files of JSON lines with requests, and with answers
// to them. Whoever can run such a file can answer. A [Sender] has an endpoint do it.
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
	Schema   *llm.Schema // may be nil
	Sample   int         // its index, which only the simulated endpoint is told
}

// encode is a line as it stands in the file, with its end; sample is the index of the first that it asks for.
func encode(key, url string, m llm.Model, sample int, body json.RawMessage) ([]byte, error) {
	if m.Endpoint == llm.SimulatedEndpoint { // so that it is the same sample as in a request of its own
		body = append(fmt.Appendf(nil, `{"seed":%d,`, sample), body[1:]...)
	}
	line, err := json.Marshal(request{key, http.MethodPost, url, body})
	return append(line, '\n'), err
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
	seen := map[string]bool{}
	for i, l := range lines {
		switch {
		case !keyForm.MatchString(l.Key):
			return fmt.Errorf("batch request %d: %q is no key of a call", i+1, l.Key)
		case seen[l.Key]:
			return fmt.Errorf("batch request %d: the key %s is there twice", i+1, l.Key)
		}
		seen[l.Key] = true
		body, err := openai.RequestBody(&llm.Request{Model: l.Model, Messages: l.Messages, Schema: l.Schema}, 1)
		if err != nil {
			return fmt.Errorf("batch request %d: %w", i+1, err)
		}
		line, err := encode(l.Key, URL, l.Model, l.Sample, body)
		if err != nil {
			return fmt.Errorf("batch request %d: %w", i+1, err)
		}
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("writing batch request %d: %w", i+1, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing batch requests: %w", err)
	}
	return nil
}
