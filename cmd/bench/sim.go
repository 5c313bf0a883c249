package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"papereval/llm/sim"
)

func newSim(a *app) *cobra.Command {
	var listen, options string
	c := &cobra.Command{
		Use:   "sim",
		Short: "Serve the simulated model over HTTP",
		Long: `Sim serves a simulated model that speaks OpenAI's chat completions, files and batches
protocols. Its answers have the right form for every stage and judge of bench, depend on the
prompt and on the seed, and mean nothing. It can be as slow, as limited and as faulty as real
endpoints are. Ctrl-C ends it and prints what it was asked for.

The options, written option=value&option=value:
  seed=7                   other answers
  latency=200ms jitter=50ms  before an answer begins
  rpm=500 tpm=200000       limits of requests and tokens a minute, with OpenAI's headers
  n=ignore n=refuse        several samples in one request are not to be had
  schema=refuse            nor is a response_format
  usage=exact              count the tokens of long prompts, too, instead of a fourth of their bytes
  cache=on                 report prompt tokens as cached that an earlier request began with
  batchdelay=1s batchlines=50000 batchbytes=200000000   of batches
and faults, each with a rate from 0 to 1:
  rate429 rate429after     rate limits, without and with Retry-After
  rate500 rate502html      failures, the second as a gateway's page
  timeout stall            no answer, or no more of it, until the client leaves
  cut reset badjson        a connection that ends in an answer or before it, malformed JSON
  truncated empty badscore what the model says: cut JSON, nothing, scores out of range
  wrongusage               tokens that cannot be
  batchfail batchexpire    lines of a batch that fail, batches that expire`,
		Example: `  bench sim --listen 127.0.0.1:8080 --options 'latency=200ms&rate429=0.05'
  OPENAI_BASE_URL=http://127.0.0.1:8080/v1 bench run --model any-name
  bench run --model 'sim?at=http://127.0.0.1:8080/v1'

  # one that lives as long as the run
  bench run --model 'sim?latency=200ms&rate429=0.05'`,
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "the `address` to listen on; port 0 takes a free one")
	c.Flags().StringVar(&options, "options", "", "how it behaves: `option=value&...`, as above")
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx := c.Context()
		parsed, err := sim.ParseOptions(options)
		if err != nil {
			return usagef("--options: %w", err)
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
		if err != nil {
			return usagef("--listen %s: %w; port 0 takes a free one", listen, err)
		}
		simulation := sim.New(parsed, answerers(parsed.Seed)...)
		server := newSimServer(simulation)
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		base := "http://" + listener.Addr().String() + "/v1"
		fmt.Fprintf(a.stdout, "The simulated model listens at %s\n\n  OPENAI_BASE_URL=%[1]s bench run --model any-name\n  bench run --model 'sim?at=%[1]s'\n\nCtrl-C ends it.\n", base)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the simulated model: %w", err)
		}
		fmt.Fprintln(a.stderr, strings.TrimSpace(simulation.Counts())+".")
		return nil
	}
	return c
}
