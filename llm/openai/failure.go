package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// failure names what went wrong with a request as a whole. A context that ended stays what it is.
func (c *Client) failure(ctx context.Context, x *exchange, m llm.Model, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("asking %s: %w", m.Name, context.Cause(ctx))
	}
	e := new(llm.Error)
	var api *goopenai.APIError
	var request *goopenai.RequestError
	var transport *url.Error
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &e):
		copied := *e
		e = &copied
	case errors.As(err, &api), errors.As(err, &request):
		e = BodyError(x.status, x.response)
	case errors.As(err, &transport):
		e = &llm.Error{Kind: llm.Network, Message: transport.Err.Error(), Err: transport.Err}
		if transport.Op == "parse" || strings.Contains(e.Message, "unsupported protocol scheme") {
			e.Kind, e.Message = llm.BadRequest, e.Message+": OPENAI_BASE_URL is written https://HOST/v1"
		}
	case errors.Is(err, goopenai.ErrChatCompletionInvalidModel):
		e = &llm.Error{Kind: llm.UnknownModel, Message: "it does not speak the chat completions protocol", Err: err}
	case x.status != 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		e = &llm.Error{Kind: llm.CutShort, Err: err, Message: fmt.Sprintf("its JSON ends after %d bytes", len(x.response))}
	case errors.As(err, &syntax), errors.As(err, &shape):
		e = &llm.Error{Kind: llm.NotAnAnswer, Err: err, Message: "it is not the JSON of a chat completion: " + shortened(string(x.response))}
	default:
		e = &llm.Error{Kind: llm.Network, Err: err}
	}
	e.Endpoint, e.Model, e.RetryAfter = c.endpoint, m.Name, x.retryAfter
	if e.Status == 0 && x.status >= 400 {
		e.Status = x.status
	}
	e.Message = llm.Redact(e.Message, c.secrets...)
	if e.Err != nil {
		if text := e.Err.Error(); llm.Redact(text, c.secrets...) != text {
			e.Err = errors.New(llm.Redact(text, c.secrets...))
		}
	}
	return e
}

// BodyError names the error in a response: OpenAI's error object, or whatever else came with a status of
// failure. It is nil where the status is one of success and there is no error object; some gateways put
// one there, with the status in its code.
func BodyError(status int, body []byte) *llm.Error {
	var found goopenai.ErrorResponse
	if json.Unmarshal(body, &found) != nil || found.Error == nil {
		if status < 400 {
			return nil
		}
		return StatusError(status, "", "", plain(body))
	}
	code := ""
	if found.Error.Code != nil {
		code = fmt.Sprint(found.Error.Code)
	}
	if n, ok := found.Error.Code.(int); ok && status < 400 && n >= 400 && n < 600 {
		status = n
	}
	return StatusError(status, code, found.Error.Type, found.Error.Message)
}

// plain is the body of an error that is not in OpenAI's form.
func plain(body []byte) string {
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "<") {
		return "an HTML page" + title(body)
	}
	return shortened(text)
}

// StatusError names an endpoint's error by HTTP status and by the code, type and message of OpenAI's error
// object, each of which may be missing.
func StatusError(status int, code, kind, message string) *llm.Error {
	e := &llm.Error{Status: status, Message: shortened(message)}
	if e.Message == "" && status != 0 {
		e.Message = http.StatusText(status)
	}
	text := strings.ToLower(code + " " + kind + " " + message)
	says := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case status == http.StatusPaymentRequired, says("insufficient_quota", "exceeded your current quota", "insufficient balance"):
		e.Kind = llm.OutOfCredit
	case says("request too large"): // larger than the rate allows at once: waiting does not help
		e.Kind = llm.PromptTooLong
	case status == http.StatusTooManyRequests:
		e.Kind = llm.RateLimited
	case status == http.StatusUnauthorized, status == http.StatusForbidden, says("invalid_api_key"):
		e.Kind = llm.Unauthorized
	case status == http.StatusServiceUnavailable, status == 529:
		e.Kind = llm.Overloaded
	case status == http.StatusRequestTimeout, status >= 500:
		e.Kind = llm.Server
	case status == http.StatusRequestEntityTooLarge,
		says("context_length_exceeded", "maximum context length", "context window", "prompt is too long"):
		e.Kind = llm.PromptTooLong
	case says("content_filter", "content_policy"):
		e.Kind = llm.Filtered
	case says("model_not_found"), says("model") && says("does not exist", "not found"):
		e.Kind = llm.UnknownModel
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		e.Kind = llm.NotAnAnswer // nothing speaks the protocol there
	case says("rate_limit", "rate limit"):
		e.Kind = llm.RateLimited
	case says("overloaded"):
		e.Kind = llm.Overloaded
	case status < 400:
		e.Kind = llm.Server // an error object that says nothing more
	default:
		e.Kind = llm.BadRequest
	}
	return e
}
