package openai

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"papereval/llm"
)

// maxBody is the largest response that is read, in bytes.
const maxBody = 64 << 20

// exchange carries one request to the endpoint on go-openai's behalf: it sends the body that [Body] built,
// and keeps what go-openai's errors do not tell.
type exchange struct {
	client *http.Client
	body   []byte
	limit  int64 // of the response, in bytes

	status     int
	retryAfter time.Duration
	response   []byte
}

// Do sends the request. An answer that cannot be one of a model is an *llm.Error.
func (x *exchange) Do(r *http.Request) (*http.Response, error) {
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
	r.ContentLength = int64(len(x.body))
	resp, err := x.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	x.status = resp.StatusCode
	x.retryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	x.response, err = io.ReadAll(io.LimitReader(resp.Body, x.limit+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &llm.Error{Kind: llm.CutShort, Err: err, Message: fmt.Sprintf("the connection ended after %d bytes", len(x.response))}
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case int64(len(x.response)) > x.limit:
		return nil, &llm.Error{Kind: llm.NotAnAnswer, Message: fmt.Sprintf("the answer is larger than %d MB", x.limit>>20)}
	case isHTML(resp.Header, x.response) && x.status < 400:
		return nil, &llm.Error{Kind: llm.NotAnAnswer, Message: "an HTML page came instead of an answer" + title(x.response)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.response))
	return resp, nil
}

func isHTML(h http.Header, body []byte) bool {
	if t, _, err := mime.ParseMediaType(h.Get("Content-Type")); err == nil && t == "text/html" {
		return true
	}
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// title quotes the title of an HTML page, which usually says what happened.
func title(page []byte) string {
	page = page[:min(len(page), 8192)]
	lower := bytes.ToLower(page)
	_, rest, ok := bytes.Cut(lower, []byte("<title>"))
	if !ok {
		return ""
	}
	start := len(lower) - len(rest)
	end := bytes.Index(rest, []byte("</title>"))
	if end < 0 || start+end > len(page) {
		return ""
	}
	return fmt.Sprintf(" (%q)", shortened(strings.TrimSpace(string(page[start:start+end]))))
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		// The upper limit keeps nonsense from overflowing.
		return time.Duration(max(0, min(seconds, 1e8)) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// shortened is the beginning of a text, for messages.
func shortened(s string) string {
	const most = 400
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
