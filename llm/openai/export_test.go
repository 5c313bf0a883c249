package openai

import "papereval/llm"

// NewMessages returns a function that appends the JSON of messages, and remembers long ones.
func NewMessages() func([]byte, []llm.Message) []byte { return (&payloads{}).messages }

// Limit sets the size of the largest response that is read, in bytes.
func (c *Client) Limit(n int64) { c.limit = n }

// MaxBody is the usual limit.
const MaxBody = maxBody
