// Package openai asks any endpoint that speaks OpenAI's chat completions protocol.
package openai

import (
	"context"
	"net/http"
	"sync"
	"time"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// timeout bounds one request where the caller brings no http.Client. Reasoning models think for many
// minutes before the first byte.
const timeout = 30 * time.Minute

// Client is an llm.Client over HTTP. Samples are asked for together, with the protocol's n; singly and at
// the same time where n does not work: for OpenAI's reasoning models, which allow only 1 (by the model's
// name), for endpoints that refuse it, and for what is missing where an endpoint ignores it.
type Client struct {
	baseURL  string
	endpoint string
	apiKey   string
	http     *http.Client
	secrets  []string
	limit    int64 // of a response, in bytes
}

var _ llm.Client = (*Client)(nil)

// New returns a client for the endpoint at a base URL such as "https://api.openai.com/v1", which is used
// where it is empty. The key may be empty where the endpoint needs none. A nil httpClient stands for one
// with a limit of 30 minutes a request.
func New(baseURL, apiKey string, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = &http.Client{Timeout: timeout}
	}
	return &Client{baseURL: trimmed(baseURL), endpoint: Endpoint(baseURL), apiKey: apiKey, http: httpClient, limit: maxBody,
		secrets: []string{apiKey, password(baseURL)}}
}

// Endpoint is the endpoint's identity; see [Endpoint].
func (c *Client) Endpoint() string { return c.endpoint }

// Complete asks for all samples of a request.
func (c *Client) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	n := req.Count()
	var samples []llm.Sample
	if n > 1 && !reasons(req.Model.Name) {
		var err error
		samples, err = c.send(ctx, req, n)
		if err != nil && llm.KindOf(err) != llm.BadRequest {
			return nil, err
		}
	}
	together := len(samples)
	samples = append(samples, make([]llm.Sample, n-together)...)
	failures := make([]error, n)
	var wg sync.WaitGroup
	for i := together; i < n; i++ {
		wg.Go(func() {
			one, err := c.send(ctx, req, 1)
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
	return &llm.Response{Samples: samples}, nil
}

// send makes one HTTP request for n samples and returns 1 to n.
func (c *Client) send(ctx context.Context, req *llm.Request, n int) ([]llm.Sample, error) {
	data, err := Body(req.Model, req.Messages, n)
	if err != nil {
		return nil, err
	}
	x := &exchange{client: c.http, body: data, limit: c.limit}
	config := goopenai.DefaultConfig(c.apiKey)
	config.BaseURL = c.baseURL
	config.HTTPClient = x
	started := time.Now()
	resp, err := goopenai.NewClientWithConfig(config).CreateChatCompletion(ctx, goopenai.ChatCompletionRequest{Model: req.Model.Name})
	if err != nil {
		return nil, c.failure(ctx, x, req.Model, err)
	}
	elapsed := time.Since(started)
	m := req.Model
	m.Endpoint = c.endpoint
	samples := Samples(&resp, m, n)
	if len(samples) == 0 {
		e := BodyError(http.StatusOK, x.response)
		if e == nil {
			e = &llm.Error{Kind: llm.Empty, Message: "the answer has no choices"}
		}
		return nil, c.failure(ctx, x, req.Model, e)
	}
	for i := range samples {
		samples[i].Elapsed = elapsed / time.Duration(len(samples)) // so that their sum is what passed
	}
	return samples, nil
}
