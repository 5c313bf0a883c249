package run

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"papereval/datasets"
	"papereval/datasets/paperbench"
	"papereval/eval/replication"
	"papereval/llm"
	"papereval/llm/openai"
	"papereval/repo"
)

const (
	leavesAtOnce  = 256
	leavesLatency = 100 * time.Millisecond
	leavesOfAll   = 3585
)

// BenchmarkReplication measures how the Code-Dev leaves of PaperBench are graded against `bench sim`: the wall time
// as a multiple of that of a bare client that sends the same bodies, and the process's peak memory before it does.
// What is graded is the same repository for every paper, of this package's own source files.
//
//	go test -run '^$' -bench Replication -benchtime 1x ./run
func BenchmarkReplication(b *testing.B) {
	_ = prose(b) // it skips where there are no papers
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = "../../shared/data"
	}
	ds, err := paperbench.Open(filepath.Join(root, "paperbench"))
	if err != nil {
		b.Fatal(err)
	}
	entries, err := datasets.Select(ds, datasets.All, nil)
	if err != nil {
		b.Fatal(err)
	}
	tree, _, err := repo.ReadDir(os.DirFS("."))
	if err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(40)) // as cmd/bench has it
	url := startSim(b, "latency="+leavesLatency.String())
	for b.Loop() {
		r, model, l := figureRun(b, b.TempDir(), url)
		r.Concurrency = leavesAtOnce
		r.Config.AllowMissingAddenda = true
		r.Papers = entries
		r.readPapers()
		r.slots = make(chan struct{}, slotsPerCall*leavesAtOnce)
		var calls atomic.Int64
		inner := r.Endpoints[model.Endpoint]
		r.Endpoints[model.Endpoint] = llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			calls.Add(1)
			return inner.Complete(ctx, req)
		})
		client := r.client()
		started := time.Now()
		gradeAll(b, r, client, model, tree)
		took := time.Since(started)
		b.ReportMetric(float64(peakMemory(b))/1e6, "peak-MB")
		b.ReportMetric(float64(calls.Load()), "calls")

		// Once more, from the ledger, to know what was sent.
		var mu sync.Mutex
		sent := make(map[string]*llm.Request)
		gradeAll(b, r, llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			mu.Lock()
			sent[llm.Key(req, 0)] = req
			mu.Unlock()
			return client.Complete(ctx, req)
		}), model, tree)
		if n := calls.Load(); int(n) != len(sent) {
			b.Errorf("%d calls were sent, and there are %d", n, len(sent))
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		bare := sendBare(b, url, slices.Collect(maps.Values(sent)))
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(bare.Seconds(), "bare-s")
		b.ReportMetric(took.Seconds()/bare.Seconds(), "x-bare")
	}
}

// gradeAll grades the repository by the rubric of every paper that has a text, all at once.
func gradeAll(b *testing.B, r *Run, client llm.Client, model llm.Model, tree *repo.Tree) {
	judge := &replication.Judge{Variant: replication.Variant{CodeDev: true}, Prompts: replication.Prompts(), Client: client, Model: model}
	var leaves atomic.Int64
	var group errgroup.Group
	for _, e := range r.Papers {
		if len(e.Forms()) == 0 {
			continue
		}
		group.Go(func() error {
			s, err := r.subject(e)
			if err != nil {
				return err
			}
			s.Repository, s.Slots, s.Label = tree, r.slots, llm.Label{Paper: e.ID, System: "s"}
			result, err := judge.Evaluate(b.Context(), s)
			if err != nil {
				return err
			}
			leaves.Add(int64(result.Scores[0].Valid))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	if n := leaves.Load(); n != leavesOfAll {
		b.Errorf("%d leaves were graded", n)
	}
}

// sendBare sends the bodies of requests, as many at once as the judge may, and reads the answers.
func sendBare(b *testing.B, url string, requests []*llm.Request) time.Duration {
	bodies := make(chan []byte, len(requests))
	for _, req := range requests {
		body, err := openai.RequestBody(req, 1)
		if err != nil {
			b.Fatal(err)
		}
		// As live calls are sent: streamed.
		bodies <- append(bytes.TrimSuffix(body, []byte("}")), `,"stream":true,"stream_options":{"include_usage":true}}`...)
	}
	close(bodies)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: leavesAtOnce}}
	defer client.CloseIdleConnections()
	started := time.Now()
	var wg sync.WaitGroup
	for range leavesAtOnce {
		wg.Go(func() {
			for body := range bodies {
				resp, err := client.Post(url+"/chat/completions", "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					b.Errorf("HTTP %d, %v", resp.StatusCode, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	return time.Since(started)
}
