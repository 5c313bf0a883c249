package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// failure names what went wrong with a request as a whole. A context that ended stays what it is. a is what
// came nevertheless, or nil.
func (x *exchange) failure(ctx, own context.Context, req *llm.Request, n int, a *answer, err error) error {
	m := req.Model
	if ctx.Err() != nil {
		return fmt.Errorf("asking %s: %w", m.Name, context.Cause(ctx))
	}
	e := new(llm.Error)
	var api *goopenai.APIError
	var request *goopenai.RequestError
	var transport *url.Error
	var stalled *stalledError
	switch {
	case errors.As(context.Cause(own), &stalled) && x.status < http.StatusBadRequest:
		e = &llm.Error{Kind: llm.Server, Message: stalled.Error(), Err: stalled}
		if a != nil && a.size() > 0 {
			e.Kind, e.Message = llm.CutShort, fmt.Sprintf("%s after %d characters", stalled, a.size())
		}
	case errors.As(err, &e):
		copied := *e
		e = &copied
	case x.streamed && errors.As(err, &api): // an error in the middle of a stream
		e = objectError(x.status, api)
	case x.streamed:
		e = &llm.Error{Kind: llm.CutShort, Err: err, Message: fmt.Sprintf("the connection ended after %d characters: %v", a.size(), err)}
	case errors.As(err, &api), errors.As(err, &request):
		e = BodyError(x.status, x.response)
	case errors.As(err, &transport):
		e = &llm.Error{Kind: llm.Network, Message: transport.Err.Error(), Err: transport.Err}
		if transport.Op == "parse" || strings.Contains(e.Message, "unsupported protocol scheme") {
			e.Kind, e.Message = llm.BadRequest, e.Message+": OPENAI_BASE_URL is written https://HOST/v1"
		}
	case errors.Is(err, goopenai.ErrChatCompletionInvalidModel):
		e = &llm.Error{Kind: llm.UnknownModel, Message: "it does not speak the chat completions protocol", Err: err}
	default:
		e = &llm.Error{Kind: llm.Network, Err: err}
	}
	e.Endpoint, e.Model, e.RetryAfter = x.endpoint, m.Name, x.retryAfter
	if e.Status == 0 && x.status >= http.StatusBadRequest {
		e.Status = x.status
	}
	if e.Usage == (llm.Usage{}) {
		e.Usage, e.Estimated = x.charged(req, n, a, e)
	}
	if e.Status == http.StatusNotFound && x.azure && !strings.Contains(x.query, "api-version") {
		e.Message += " (the base URL of an Azure deployment ends in ?api-version=DATE)"
	}
	e.Message = llm.Redact(e.Message, x.secrets...)
	if e.Err != nil {
		if text := e.Err.Error(); llm.Redact(text, x.secrets...) != text {
			e.Err = errors.New(llm.Redact(text, x.secrets...))
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
	return objectError(status, found.Error)
}

// objectError names the error in OpenAI's error object.
func objectError(status int, found *goopenai.APIError) *llm.Error {
	code := ""
	if found.Code != nil {
		code = fmt.Sprint(found.Code)
	}
	if n, ok := found.Code.(int); ok && status < 400 && n >= 400 && n < 600 {
		status = n
	}
	return StatusError(status, code, found.Type, found.Message)
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
