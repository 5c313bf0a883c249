// Package openai asks any endpoint that speaks OpenAI's chat completions protocol: OpenAI and Azure, vLLM,
// Ollama, OpenRouter, DeepSeek and the like. What an endpoint refuses of the protocol is left out.
package openai

import (
	"context"
	"errors"
	"math"
	"net/http"
	"sync"
	"time"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// Client is an llm.Client over HTTP. Samples are asked for together, with the protocol's n; singly and at
// the same time where n does not work: for OpenAI's reasoning models, which allow only 1 (by the model's
// name), for endpoints that refuse it, and for what is missing where an endpoint ignores it. However often it
// sends, at most [llm.Request.Count] answers are paid for.
//
// Answers that may be long are streamed, several samples too.
type Client struct {
	// Limits are changed before the first request.
	Limits Limits

	baseURL    string // without its query
	batchURL   string // of files and batches
	deployment string // of Azure's, if the address names one
	query      string
	azure      bool
	endpoint   string
	apiKey     string
	http       *http.Client
	secrets    []string
	limit      int64 // of a response, in bytes
	payloads   payloads

	mu       sync.Mutex
	dialects map[string]dialect // by model
}

var _ llm.Client = (*Client)(nil)

// New returns a client for the endpoint at a base URL such as "https://api.openai.com/v1", which is used
// where it is empty, or "https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT?api-version=2024-10-21". The
// key may be empty where the endpoint needs none. A nil httpClient stands for one that keeps connections open.
func New(baseURL, apiKey string, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = &http.Client{Transport: transport()}
	}
	name, above := deployment(baseURL)
	return &Client{Limits: usualLimits, baseURL: trimmed(baseURL), batchURL: above, deployment: name, query: query(baseURL), azure: isAzure(baseURL),
		endpoint: Endpoint(baseURL), apiKey: apiKey, http: httpClient, limit: maxBody,
		secrets: append(secrets(baseURL), apiKey)}
}

// transport keeps as many connections open as requests may be in flight.
func transport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		t = usual.Clone()
	}
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 1024
	t.WriteBufferSize = 32 << 10 // prompts are large
	return t
}

// Endpoint is the endpoint's identity; see [Endpoint].
func (c *Client) Endpoint() string { return c.endpoint }

// Complete asks for all samples of a request.
func (c *Client) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	n := req.Count()
	var samples []llm.Sample
	refused := false
	if n > 1 && c.Together(req.Model.Name) {
		var err error
		samples, err = c.send(ctx, req, req.First, n)
		if refused = llm.KindOf(err) == llm.BadRequest; err != nil && !refused {
			return nil, err
		}
	}
	together := len(samples)
	samples = append(samples, make([]llm.Sample, n-together)...)
	failures := make([]error, n)
	var wg sync.WaitGroup
	for i := together; i < n; i++ {
		wg.Go(func() {
			one, err := c.send(ctx, req, req.First+i, 1)
			if failures[i] = err; err != nil {
				samples[i] = llm.Sample{Err: err}
				return
			}
			samples[i] = one[0]
		})
	}
	wg.Wait()
	answered := false
	for i := range samples {
		samples[i].Index = req.First + i
		answered = answered || failures[i] == nil
	}
	if !answered {
		return nil, failures[0]
	}
	if refused {
		c.Apart(req.Model.Name)
	}
	return &llm.Response{Samples: samples}, nil
}

// send asks for n samples, of which the first has the given index, and returns 1 to n. What the endpoint
// refuses to understand is left out, and left out from then on if it answers.
func (c *Client) send(ctx context.Context, req *llm.Request, index, n int) ([]llm.Sample, error) {
	d, room := c.dialect(req.Model.Name), 0
	for {
		b := newBody(req, n, d, room)
		x, samples, err := c.try(ctx, req, b, index, n)
		if err == nil {
			c.learn(req.Model.Name, d)
			return samples, nil
		}
		var e *llm.Error
		if !errors.As(err, &e) {
			return nil, err
		}
		next, left, ok := d.without(b, req, e, x.response)
		if !ok {
			return nil, err
		}
		d, room = next, max(room, left)
	}
}

// try makes one HTTP request.
func (c *Client) try(ctx context.Context, req *llm.Request, b *body, index, n int) (*exchange, []llm.Sample, error) {
	x := &exchange{Client: c, stream: b.Stream, most: max(b.MaxTokens, b.MaxCompletionTokens), sample: -1}
	if req.Model.Endpoint == llm.SimulatedEndpoint {
		x.sample = index
	}
	var err error
	if x.body, err = c.payloads.encode(b); err != nil {
		return x, nil, err
	}
	defer x.body.release()
	within, cancel := context.WithTimeoutCause(ctx, c.Limits.Answer, &stalledError{c.Limits.Answer, "the answer was not whole"})
	defer cancel()
	own := within
	if x.stream {
		own, x.watch = newWatch(within, &stalledError{c.Limits.First, "nothing came"}, &stalledError{c.Limits.Stall, "no byte came"})
		defer x.watch.stop()
	}
	started := time.Now()
	a, err := x.ask(own, req.Model.Name, n)
	// Of several samples those that came to their end are kept.
	if err != nil && (a == nil || !a.whole()) {
		return x, nil, x.failure(ctx, own, req, n, a, err)
	}
	elapsed := time.Since(started)
	a.settle(req, n, x.most)
	m := req.Model
	m.Endpoint = c.endpoint
	samples := Samples(&a.ChatCompletionResponse, m, n)
	if len(samples) == 0 {
		e := BodyError(http.StatusOK, x.response)
		if e == nil {
			e = &llm.Error{Kind: llm.Empty, Message: "the answer has no choices"}
		}
		return x, nil, x.failure(ctx, own, req, n, a, e)
	}
	for i := range samples {
		samples[i].Elapsed = elapsed / time.Duration(len(samples)) // so that their sum is what passed
	}
	return x, samples, nil
}

// ask has go-openai make the request. What comes is read as a stream or whole, whatever was asked for: some
// endpoints answer otherwise. Where an answer broke off, what came of it is returned with the error.
func (x *exchange) ask(ctx context.Context, model string, n int) (*answer, error) {
	config := goopenai.DefaultConfig(x.apiKey)
	config.BaseURL = x.baseURL
	config.HTTPClient = x
	config.EmptyMessagesLimit = math.MaxInt32 // some endpoints say for minutes that they are still there
	stream, err := goopenai.NewClientWithConfig(config).CreateChatCompletionStream(ctx, goopenai.ChatCompletionRequest{Model: model})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if !x.streamed {
		return x.read()
	}
	return x.collect(stream, n)
}
