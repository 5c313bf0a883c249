package run

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
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
	url := startSim(b, "latency="+leavesLatency.String())
	for b.Loop() {
		r, model, l := figureRun(b, b.TempDir(), url)
		r.Concurrency = leavesAtOnce
		r.Config.AllowMissingAddenda = true
		r.Papers = entries
		r.readPapers()
		r.slots = make(chan struct{}, slotsPerCall*leavesAtOnce)
		var mu sync.Mutex
		var sent []*llm.Request
		inner := r.Endpoints[model.Endpoint]
		r.Endpoints[model.Endpoint] = llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			mu.Lock()
			sent = append(sent, req)
			mu.Unlock()
			return inner.Complete(ctx, req)
		})
		judge := &replication.Judge{Variant: replication.Variant{CodeDev: true}, Prompts: replication.Prompts(), Client: r.client(), Model: model}
		leaves := make(chan int, len(entries))
		started := time.Now()
		var group errgroup.Group
		for _, e := range entries {
			if len(e.Forms()) == 0 {
				continue
			}
			group.Go(func() error {
				s, err := r.subject(e)
				if err != nil {
					return err
				}
				s.Repository = tree
				s.Slots = r.slots
				s.Label = llm.Label{Paper: e.ID, System: "s"}
				result, err := judge.Evaluate(b.Context(), s)
				if err != nil {
					return err
				}
				leaves <- result.Scores[0].Valid
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		took := time.Since(started)
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		close(leaves)
		valid := 0
		for n := range leaves {
			valid += n
		}
		if valid != leavesOfAll {
			b.Errorf("%d leaves were graded", valid)
		}
		b.ReportMetric(float64(peakMemory(b))/1e6, "peak-MB")
		bare := sendBare(b, url, sent)
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(bare.Seconds(), "bare-s")
		b.ReportMetric(took.Seconds()/bare.Seconds(), "x-bare")
		b.ReportMetric(float64(len(sent)), "calls")
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
		bodies <- body
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
