package openai

// AppendMessages is appendMessages.
var AppendMessages = appendMessages

// Limit sets the size of the largest response that is read, in bytes.
func (c *Client) Limit(n int64) { c.limit = n }

// MaxBody is the usual limit.
const MaxBody = maxBody
