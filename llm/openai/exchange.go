package openai

import (
	"bufio"
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

// exchange carries one request to the endpoint on go-openai's behalf: it sends the body that [newBody] built,
// and keeps what go-openai's errors do not tell.
type exchange struct {
	*Client
	body   *payload
	stream bool // asked for
	most   int  // tokens of each answer
	sample int  // the index of the first sample of a simulated model, else -1
	watch  *watch

	status     int
	retryAfter time.Duration
	streamed   bool      // a stream came
	rest       io.Reader // of a stream
	response   []byte    // what came, unless it is a stream
}

// Do sends the request. An answer that cannot be one of a model is an *llm.Error.
func (x *exchange) Do(r *http.Request) (*http.Response, error) {
	r.Body = x.body.reader()
	r.GetBody = func() (io.ReadCloser, error) { return x.body.reader(), nil }
	r.ContentLength = int64(len(x.body.data))
	r.URL.RawQuery = x.query
	if x.azure {
		r.Header.Del("Authorization")
		r.Header.Set("Api-Key", x.apiKey)
	}
	if !x.stream {
		r.Header.Set("Accept", "application/json")
	}
	if x.sample >= 0 {
		r.Header.Set(llm.SampleHeader, strconv.Itoa(x.sample))
	}
	resp, err := x.http.Do(r)
	if err != nil {
		return nil, err
	}
	x.status = resp.StatusCode
	if x.status >= http.StatusBadRequest {
		x.retryAfter = askedWait(resp.Header, time.Now())
	}
	in := &capped{Reader: resp.Body, left: x.limit}
	if x.stream && x.status < http.StatusBadRequest {
		buffered := bufio.NewReader(&watched{in, x.watch})
		if isEvents(buffered) {
			x.streamed, x.rest = true, buffered
			resp.Body = struct {
				io.Reader
				io.Closer
			}{buffered, resp.Body}
			return resp, nil
		}
		return x.whole(resp, buffered)
	}
	return x.whole(resp, in)
}

// whole reads a response that is no stream.
func (x *exchange) whole(resp *http.Response, in io.Reader) (*http.Response, error) {
	defer resp.Body.Close()
	var err error
	x.response, err = readAll(in, resp.ContentLength)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &llm.Error{Kind: llm.CutShort, Err: err, Message: fmt.Sprintf("the connection ended after %d bytes", len(x.response))}
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case isHTML(resp.Header, x.response) && x.status < http.StatusBadRequest:
		return nil, &llm.Error{Kind: llm.NotAnAnswer, Message: "an HTML page came instead of an answer" + title(x.response)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.response))
	return resp, nil
}

// readAll is io.ReadAll for a response whose length may be known.
func readAll(in io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	if length > 0 && length < 1<<20 {
		b.Grow(int(length) + bytes.MinRead)
	}
	_, err := b.ReadFrom(in)
	return b.Bytes(), err
}

// isEvents waits for the beginning of a response and says whether it is one of server-sent events. Content
// types are not reliable there.
func isEvents(in *bufio.Reader) bool {
	for {
		if _, err := in.Peek(1); err != nil {
			return false
		}
		start, _ := in.Peek(in.Buffered()) // it is there
		trimmed := bytes.TrimLeft(start, " \t\r\n")
		if len(trimmed) > 0 {
			for _, field := range []string{":", "data:", "event:", "id:", "retry:"} {
				if n := min(len(field), len(trimmed)); string(trimmed[:n]) == field[:n] {
					return true
				}
			}
			return false
		}
		_, _ = in.Discard(len(start))
	}
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

// capped refuses to read more than what is left.
type capped struct {
	io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.Reader.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, &llm.Error{Kind: llm.NotAnAnswer, Message: "the answer is larger than what is read of one"}
	}
	return n, err
}

// shortened is the beginning of a text, for messages.
func shortened(s string) string {
	const most = 400
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
