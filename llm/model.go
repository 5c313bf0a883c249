package llm

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Model names a model together with everything that shapes its answers. All of it is part of a call's key.
type Model struct {
	// Endpoint identifies who answers: the base URL of a live endpoint, "replay:" and the digest of a
	// recording, or "sim".
	Endpoint string `json:"endpoint"`
	// Name is what the endpoint calls the model: "o3-mini".
	Name string `json:"name"`
	// Temperature is nil where the endpoint's default holds.
	Temperature *float64 `json:"temperature,omitempty"`
	// ReasoningEffort is "", "low", "medium" or "high".
	ReasoningEffort string `json:"reasoning_effort,omitempty"`
	// MaxTokens limits the answer, reasoning included; 0 leaves it to the endpoint.
	MaxTokens int `json:"max_tokens,omitempty"`

	// Context is how many tokens prompt and answer may have together. It decides what is shown to the
	// model, so it reaches the key through the messages and is no part of it by itself.
	Context int `json:"-"`
}

// DefaultContext is assumed for a model whose context window is not known: the limit that the published
// evaluation of Paper2Code puts on its judge's prompt (codes/eval.py).
const DefaultContext = 128_000

// ParseModel reads a model's name with its options, "o3-mini?reasoning_effort=high&context=200000". The
// options are temperature, reasoning_effort, max_tokens and context.
func ParseModel(s string) (Model, error) {
	name, query, _ := strings.Cut(s, "?")
	m := Model{Name: name, Context: DefaultContext}
	if name == "" {
		return m, fmt.Errorf("model %q has no name", s)
	}
	if info, ok := Catalogue().Find(name); ok && info.Context > 0 {
		m.Context = info.Context
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return m, fmt.Errorf("model %q: options are written NAME?option=value&option=value: %w", s, err)
	}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		values := options[key]
		value := values[len(values)-1]
		var err error
		switch key {
		case "temperature":
			var t float64
			if t, err = strconv.ParseFloat(value, 64); err == nil && !(t >= 0 && t <= 2) { // NaN neither
				err = fmt.Errorf("it lies between 0 and 2")
			}
			m.Temperature = &t
		case "reasoning_effort":
			if m.ReasoningEffort = value; value != "low" && value != "medium" && value != "high" {
				err = fmt.Errorf("it is low, medium or high")
			}
		case "max_tokens":
			m.MaxTokens, err = positive(value)
		case "context":
			m.Context, err = positive(value)
		default:
			err = fmt.Errorf("no such option; there are temperature, reasoning_effort, max_tokens and context")
		}
		if err != nil {
			return m, fmt.Errorf("model %q: %s=%s: %w", s, key, value, err)
		}
	}
	return m, nil
}

func positive(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err == nil && n <= 0 {
		err = fmt.Errorf("it is a number above 0")
	}
	return n, err
}

// String is the model's name for tables: "o3-mini-high" for o3-mini with high reasoning effort, as the
// papers of this field write it.
func (m Model) String() string {
	s := m.Name
	if m.ReasoningEffort != "" {
		s += "-" + m.ReasoningEffort
	}
	return s
}
