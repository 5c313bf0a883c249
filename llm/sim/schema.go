package sim

import (
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas are those that answers were asked for in, by their text.
type schemas struct {
	mu    sync.Mutex
	known map[string]*jsonschema.Schema
}

// check tells how an answer departs from the schema that it was asked for in, as an endpoint with structured output
// never lets it. Without a schema any answer will do.
func (s *schemas) check(schema []byte, answer string) error {
	if len(schema) == 0 {
		return nil
	}
	compiled, err := s.compile(string(schema))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

func (s *schemas) compile(text string) (*jsonschema.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[text]; known != nil {
		return known, nil
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", value); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		return nil, err
	}
	if s.known == nil {
		s.known = make(map[string]*jsonschema.Schema)
	}
	s.known[text] = compiled
	return compiled, nil
}
