package llm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Key identifies one sample of a request: the SHA-256, in hexadecimal, of the canonical JSON of the model
// with its parameters, the messages, the schema of the answer where there is one, and the sample's index. Time limits, concurrency, API keys and labels
// are no part of it.
func Key(req *Request, index int) string {
	// Struct fields are encoded in the order of their declaration and there are no maps in it, so the
	// encoding is canonical.
	data, err := json.Marshal(struct {
		Model    Model     `json:"model"`
		Messages []Message `json:"messages"`
		Schema   *Schema   `json:"schema,omitempty"`
		Sample   int       `json:"sample"`
	}{req.Model, req.Messages, req.Schema, index})
	if err != nil {
		// Strings and numbers always can be; a schema is a constant of the code that asks.
		panic(fmt.Sprintf("llm: a request that cannot be encoded: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
