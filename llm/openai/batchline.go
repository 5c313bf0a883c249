package openai

import (
	"cmp"
	"encoding/json"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// Lines makes the lines of a batch for one model, without what the endpoint was known not to understand when it was
// made. The zero value leaves nothing out.
type Lines struct{ dialect dialect }

// Lines returns how lines for a model are made now.
func (c *Client) Lines(model string) Lines { return Lines{c.dialect(model)} }

// BatchBody is [RequestBody] for a line of a batch. On Azure the model is the deployment that the client's address names.
func (c *Client) BatchBody(l Lines, req *llm.Request, n int) (json.RawMessage, error) {
	b := l.body(req, n)
	b.Model = cmp.Or(c.deployment, b.Model)
	return json.Marshal(b)
}

func (l Lines) body(req *llm.Request, n int) *body {
	l.dialect.whole = true // nothing is streamed
	return newBody(req, n, l.dialect, 0)
}

// Refused takes in why a line for n samples was refused. It is true where what the endpoint does not understand can be
// left out, which is then done with later lines: it is worth sending again. What it leaves out comes to an end.
func (c *Client) Refused(l Lines, req *llm.Request, n int, e *llm.Error, response []byte) bool {
	l.dialect.whole = true
	next, _, ok := l.dialect.without(l.body(req, n), req, e, response)
	if !ok || next == l.dialect {
		return false
	}
	next.whole = false // nothing was learned about that
	c.learn(req.Model.Name, next)
	return true
}

// BatchPath is what a batch, and every line of it, says that its requests are for.
func (c *Client) BatchPath() string {
	if c.azure {
		return "/chat/completions"
	}
	return string(goopenai.BatchEndpointChatCompletions)
}
