package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// Batch is a batch as the endpoint shows it.
type Batch = goopenai.Batch

const (
	briefly  = time.Minute // is what short requests may take
	slowest  = 50_000      // bytes a second of an upload
	maxFile  = 8 << 30     // bytes of a file that is downloaded
	perPage  = 100
	maxPages = 20
)

// UploadBatch uploads a file of requests, size bytes long, and returns the id that the endpoint gives it.
func (c *Client) UploadBatch(ctx context.Context, name string, content io.Reader, size int64) (id string, err error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if err := errors.Join(w.WriteField("purpose", string(goopenai.PurposeBatch)), field(w, name)); err != nil {
		return "", err
	}
	head := form.Len()
	if err := w.Close(); err != nil {
		return "", err
	}
	// It may be too large to be held in memory.
	body := io.MultiReader(bytes.NewReader(form.Bytes()[:head]), content, bytes.NewReader(form.Bytes()[head:]))
	x := &transfer{Client: c, limit: 2*time.Minute + time.Duration(size/slowest)*time.Second}
	var file goopenai.File
	err = x.run(ctx, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.batchURL+"/files", body)
		if err != nil {
			return err
		}
		r.ContentLength = int64(form.Len()) + size
		r.Header.Set("Content-Type", w.FormDataContentType())
		if c.apiKey != "" {
			r.Header.Set("Authorization", "Bearer "+c.apiKey)
		}
		resp, err := x.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if x.status >= http.StatusBadRequest {
			return BodyError(x.status, x.response)
		}
		return json.Unmarshal(x.response, &file)
	})
	if err == nil && file.ID == "" {
		err = x.named(&llm.Error{Kind: llm.NotAnAnswer, Message: "the upload was answered without the id of a file: " + plain(x.response)})
	}
	return file.ID, err
}

func field(w *multipart.Writer, name string) error {
	_, err := w.CreateFormFile("file", name)
	return err
}

// Uploaded says whether a batch of an uploaded file can be created yet: Azure takes a while.
func (c *Client) Uploaded(ctx context.Context, file string) (bool, error) {
	if !c.azure {
		return true, nil
	}
	x := &transfer{Client: c, limit: briefly}
	var f goopenai.File
	err := x.run(ctx, func(ctx context.Context) (err error) {
		f, err = x.api().GetFile(ctx, url.PathEscape(file))
		return err
	})
	if err == nil && f.Status == "error" {
		err = x.named(&llm.Error{Kind: llm.BadRequest, Message: "the uploaded file was refused: " + plain(x.response)})
	}
	return f.Status == "processed", err
}

// CreateBatch has the requests of an uploaded file answered within 24 hours. What metadata says stays with the batch.
func (c *Client) CreateBatch(ctx context.Context, file string, metadata map[string]string) (*Batch, error) {
	in := goopenai.CreateBatchRequest{InputFileID: file, Endpoint: goopenai.BatchEndpoint(c.BatchPath()), CompletionWindow: "24h",
		Metadata: map[string]any{}}
	for name, value := range metadata {
		in.Metadata[name] = value
	}
	return c.batch(ctx, func(ctx context.Context, api *goopenai.Client) (goopenai.BatchResponse, error) {
		return api.CreateBatch(ctx, in)
	})
}

// Batch looks how a batch is doing.
func (c *Client) Batch(ctx context.Context, id string) (*Batch, error) {
	return c.batch(ctx, func(ctx context.Context, api *goopenai.Client) (goopenai.BatchResponse, error) {
		return api.RetrieveBatch(ctx, url.PathEscape(id))
	})
}

func (c *Client) batch(ctx context.Context, ask func(context.Context, *goopenai.Client) (goopenai.BatchResponse, error)) (*Batch, error) {
	x := &transfer{Client: c, limit: briefly}
	var b goopenai.BatchResponse
	err := x.run(ctx, func(ctx context.Context) (err error) {
		b, err = ask(ctx, x.api())
		return err
	})
	if err == nil && (b.ID == "" || b.Status == "") {
		err = x.named(&llm.Error{Kind: llm.NotAnAnswer, Message: "what came is no batch: " + plain(x.response)})
	}
	if err != nil {
		return nil, err
	}
	return &b.Batch, nil
}

// Batches returns the endpoint's batches, the newest first, back to those made before the given time.
func (c *Client) Batches(ctx context.Context, since time.Time) ([]Batch, error) {
	var all []Batch
	var after *string
	limit := perPage
	for range maxPages {
		x := &transfer{Client: c, limit: briefly}
		var page goopenai.ListBatchResponse
		err := x.run(ctx, func(ctx context.Context) (err error) {
			page, err = x.api().ListBatch(ctx, after, &limit)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if len(page.Data) == 0 || !page.HasMore {
			return all, nil
		}
		last := page.Data[len(page.Data)-1]
		if time.Unix(int64(last.CreatedAt), 0).Before(since) {
			return all, nil
		}
		after = &last.ID
	}
	return all, nil
}

// File reads the content of a file; use is called with it while it comes.
func (c *Client) File(ctx context.Context, id string, use func(io.Reader) error) error {
	x := &transfer{Client: c, raw: true}
	var failed error // of use
	err := x.run(ctx, func(ctx context.Context) error {
		content, err := x.api().GetFileContent(ctx, url.PathEscape(id))
		if err != nil {
			return err
		}
		defer content.Close()
		in := &noting{Reader: &watched{&capped{Reader: content, left: maxFile}, x.watch}}
		failed = use(in)
		return in.err
	})
	if err == nil {
		err = failed
	}
	return err
}

// noting keeps the error that ended a reader before its end.
type noting struct {
	io.Reader
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// transfer carries one request of the files and batches protocols, on go-openai's behalf or directly.
type transfer struct {
	*Client
	limit time.Duration // of the whole request; 0 where only a stall ends it
	raw   bool          // what comes is a file
	watch *watch

	status     int
	retryAfter time.Duration
	response   []byte // what came, unless it is a file
}

func (x *transfer) api() *goopenai.Client {
	config := goopenai.DefaultConfig(x.apiKey)
	config.BaseURL, config.HTTPClient = x.batchURL, x
	return goopenai.NewClientWithConfig(config)
}

// Do sends the request.
func (x *transfer) Do(r *http.Request) (*http.Response, error) {
	r.URL.RawQuery = strings.Trim(x.query+"&"+r.URL.RawQuery, "&")
	if x.azure {
		r.Header.Del("Authorization")
		r.Header.Set("Api-Key", x.apiKey)
	}
	resp, err := x.http.Do(r)
	if err != nil {
		return nil, err
	}
	x.status = resp.StatusCode
	if x.status >= http.StatusBadRequest {
		x.retryAfter = askedWait(resp.Header, time.Now())
	} else if x.raw && !isHTML(resp.Header, nil) {
		return resp, nil
	}
	defer resp.Body.Close()
	if x.response, err = readAll(&capped{Reader: resp.Body, left: x.Client.limit}, resp.ContentLength); err != nil {
		return nil, err
	}
	if x.status < http.StatusBadRequest && isHTML(resp.Header, x.response) {
		return nil, &llm.Error{Kind: llm.NotAnAnswer, Message: "an HTML page came instead of an answer" + title(x.response)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.response))
	return resp, nil
}

// run makes the request within its limits and names what went wrong. A context that ended stays what it is.
func (x *transfer) run(ctx context.Context, send func(context.Context) error) error {
	first := &stalledError{x.limit, "the answer was not whole"}
	if x.limit == 0 {
		first = &stalledError{x.Limits.Stall, "nothing came"}
	}
	own, watch := newWatch(ctx, first, &stalledError{x.Limits.Stall, "no byte came"})
	x.watch = watch
	defer watch.stop()
	err := send(own)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("batches of %s: %w", x.endpoint, context.Cause(ctx))
	}
	var e *llm.Error
	var api *goopenai.APIError
	var request *goopenai.RequestError
	var transport *url.Error
	var stalled *stalledError
	switch {
	case errors.As(context.Cause(own), &stalled):
		e = &llm.Error{Kind: llm.Network, Message: stalled.Error(), Err: stalled}
	case errors.As(err, &e):
	case errors.As(err, &api), errors.As(err, &request):
		e = BodyError(x.status, x.response)
	case errors.Is(err, io.ErrUnexpectedEOF):
		e = &llm.Error{Kind: llm.Network, Message: "the connection ended in the middle", Err: err}
	case errors.As(err, &transport):
		e = &llm.Error{Kind: llm.Network, Message: transport.Err.Error(), Err: transport.Err}
	case x.status > 0 && x.status < http.StatusBadRequest && !x.raw:
		e = &llm.Error{Kind: llm.NotAnAnswer, Message: "what came cannot be read: " + err.Error(), Err: err}
	default:
		e = &llm.Error{Kind: llm.Network, Err: err}
	}
	return x.named(e)
}

// named adds who was asked to an error, and takes secrets out of it.
func (x *transfer) named(e *llm.Error) error {
	if e == nil {
		e = &llm.Error{Kind: llm.Server}
	}
	copied := *e
	copied.Endpoint, copied.RetryAfter = x.endpoint, x.retryAfter
	if copied.Status == 0 && x.status >= http.StatusBadRequest {
		copied.Status = x.status
	}
	copied.Message = llm.Redact(copied.Message, x.secrets...)
	if copied.Err != nil {
		copied.Err = errors.New(llm.Redact(copied.Err.Error(), x.secrets...))
	}
	return &copied
}
