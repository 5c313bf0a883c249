package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
)

// isSimulated tells whether a model's name as the user gives it is the simulated model's.
func isSimulated(spec string) bool {
	return spec == sim.Model || strings.HasPrefix(spec, sim.Model+"?")
}

// modelOptions are those of the options behind "sim?" that any model has.
var modelOptions = []string{"temperature", "reasoning_effort", "max_tokens", "context"}

// openSimulated reads "sim?option=value&...": with the option at, the simulated model that listens there; else
// one of this process.
func openSimulated(spec string) (llm.Model, llm.Client, error) {
	_, query, _ := strings.Cut(spec, "?")
	var ofModel, ofServer []string
	at := ""
	for option := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(option, "=")
		switch {
		case option == "":
		case slices.Contains(modelOptions, name):
			ofModel = append(ofModel, option)
		case name == "at":
			var err error
			if at, err = url.QueryUnescape(value); err != nil || !strings.HasPrefix(at, "http") {
				return llm.Model{}, nil, usagef("--model %s: at=%s: it is the address that `bench sim` prints, such as http://127.0.0.1:8080/v1", spec, value)
			}
		default:
			ofServer = append(ofServer, option)
		}
	}
	model, err := llm.ParseModel(sim.Model + "?" + strings.Join(ofModel, "&"))
	if err != nil {
		return llm.Model{}, nil, usage(err)
	}
	model.Endpoint = sim.Endpoint
	if at != "" {
		if ofServer != nil {
			return llm.Model{}, nil, usagef("--model %s: the simulated model at %s has options of its own: give %s to `bench sim --options`", spec, at, strings.Join(ofServer, "&"))
		}
		return model, &simulated{spec: spec, client: openai.New(at, "", nil)}, nil
	}
	options, err := sim.ParseOptions(strings.Join(ofServer, "&"))
	if err != nil {
		return llm.Model{}, nil, usagef("--model %s: %w; at=URL asks one that runs already, and %s are as for any model", spec, err, strings.Join(modelOptions, ", "))
	}
	if options.Seed != 0 { // it shapes every answer, so it is another model
		model.Name = fmt.Sprintf("%s-%d", sim.Model, options.Seed)
	}
	return model, &simulated{spec: spec, options: options}, nil
}

// simulated asks the simulated model over HTTP. One of this process starts to listen when it is first asked.
type simulated struct {
	spec    string
	options sim.Options

	mu     sync.Mutex
	client llm.Client
	server *http.Server
	closed bool
}

var _ io.Closer = (*simulated)(nil)

// Complete asks the server.
func (s *simulated) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	client, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := client.Complete(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, sample := range resp.Samples {
		if sample.Err == nil && sample.Source != llm.Simulated {
			return nil, &llm.Error{Kind: llm.NotAnAnswer, Endpoint: sim.Endpoint, Model: req.Model.Name,
				Message: fmt.Sprintf("what --model %s names is no simulated model: a live one is named by OPENAI_BASE_URL and --model NAME", s.spec)}
		}
	}
	return resp, nil
}

func (s *simulated) start(ctx context.Context) (llm.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the simulated model has ended")
	}
	if s.client == nil {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("starting the simulated model: %w", err)
		}
		s.server = newSimServer(sim.New(s.options, answerers(s.options.Seed)...))
		go s.server.Serve(listener) //nolint:errcheck // it ends with Close, and always with an error
		s.client = openai.New("http://"+listener.Addr().String()+"/v1", "", nil)
	}
	return s.client, nil
}

// Close ends the server of this process.
func (s *simulated) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.server == nil {
		return nil
	}
	return s.server.Close()
}

func newSimServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
}

// beside is who answers for an endpoint when two models have the same: the last one, but two different simulated
// models answer generators and judges.
func beside(first, second llm.Client) llm.Client {
	a, ok := first.(*simulated)
	b, also := second.(*simulated)
	if !ok || !also || a.spec == b.spec {
		return second
	}
	return &twoSimulated{generators: a, judges: b}
}

// twoSimulated are the simulated models of --model and --judge-model.
type twoSimulated struct{ generators, judges *simulated }

// Complete asks the one that the request is for.
func (t *twoSimulated) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if req.Label.Evaluator != "" {
		return t.judges.Complete(ctx, req)
	}
	return t.generators.Complete(ctx, req)
}

// Close ends both.
func (t *twoSimulated) Close() error { return errors.Join(t.generators.Close(), t.judges.Close()) }

// endWith ends what endpoints have started when ctx ends.
func endWith(ctx context.Context, endpoints map[string]llm.Client) {
	for _, client := range endpoints {
		if closer, ok := client.(io.Closer); ok {
			context.AfterFunc(ctx, func() { _ = closer.Close() })
		}
	}
}
