package run

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/openai"
)

// The size of the run that BenchmarkFigures measures.
const (
	figureCalls   = 4000
	figureRampUp  = 1500 // calls before the clock starts, while the limit of the endpoint is being found
	figureAtOnce  = 128
	figureLatency = 200 * time.Millisecond
	sharedBytes   = 90_000
	ownBytes      = 10_000
)

// prose is the text of real papers, one after the other.
func prose(b *testing.B) string {
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = "../../shared/data"
	}
	files, err := filepath.Glob(filepath.Join(root, "paperbench/papers/*/paper.md"))
	if err != nil || len(files) == 0 {
		b.Skip("the shared data is not at ", root)
	}
	var text strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		text.Write(data)
	}
	return text.String()
}

// startSim starts `bench sim` in a process of its own and returns its base URL.
func startSim(b *testing.B, options string) string {
	bin := filepath.Join(b.TempDir(), "bench")
	if out, err := exec.Command("go", "build", "-o", bin, "papereval/cmd/bench").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(bin, "sim", "--listen", "127.0.0.1:0", "--options", options)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := regexp.MustCompile(`http://\S+/v1`).FindString(lines.Text()); m != "" {
			return m
		}
	}
	b.Fatal("bench sim did not say where it listens")
	return ""
}

// figureRun is a run whose chain of clients asks an endpoint.
func figureRun(b *testing.B, dir, url string) (*Run, llm.Model, *ledger.Ledger) {
	l, err := ledger.Open(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	client := openai.New(url, "", nil)
	model := llm.Model{Endpoint: client.Endpoint(), Name: "m", Context: 200_000}
	r := &Run{Workspace: dir, Ledger: l, Endpoints: map[string]llm.Client{model.Endpoint: client}, Concurrency: figureAtOnce,
		Events: func(Event) {}, Damage: func(error) {}, id: "figures"}
	if err := l.PutRun(b.Context(), ledger.Run{ID: r.id}); err != nil {
		b.Fatal(err)
	}
	return r, model, l
}

// ask sends the calls from..to, as many at once as may be.
func ask(b *testing.B, c llm.Client, m llm.Model, text string, from, to int) {
	shared := text[:sharedBytes]
	rest := text[sharedBytes : len(text)-ownBytes]
	next := make(chan int)
	var wg sync.WaitGroup
	for range figureAtOnce {
		wg.Go(func() {
			for i := range next {
				at := i * 997 % len(rest)
				prompt := shared + fmt.Sprintf("\n\nCall %d.\n\n", i) + text[at:at+ownBytes]
				if _, err := llm.One(b.Context(), c, &llm.Request{Model: m, Messages: []llm.Message{{Role: llm.User, Content: prompt}},
					Label: llm.Label{Paper: "p", System: "s", Stage: "figures"}}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// BenchmarkFigures measures a run of 4,000 calls of 100 KB at 128 at once against `bench sim`: the wall time as a
// multiple of calls/128 × 200 ms, the process's peak memory, the ledger's size as a share of the bytes sent, and
// the time that the same calls take from the ledger.
//
//	go test -run '^$' -bench Figures -benchtime 1x ./run
func BenchmarkFigures(b *testing.B) {
	text := prose(b)
	url := startSim(b, "latency="+figureLatency.String())
	for b.Loop() {
		dir := b.TempDir()
		r, model, l := figureRun(b, dir, url)
		client := r.client()
		ask(b, client, model, text, 0, figureRampUp)
		started := time.Now()
		ask(b, client, model, text, figureRampUp, figureRampUp+figureCalls)
		took := time.Since(started)
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(took.Seconds()/(figureCalls/float64(figureAtOnce)*figureLatency.Seconds()), "x-ideal")
		b.ReportMetric(float64(peakMemory(b))/1e6, "peak-MB")
		sent := float64(figureRampUp+figureCalls) * (sharedBytes + ownBytes)
		b.ReportMetric(100*float64(size(b, dir))/sent, "ledger-%")

		r, model, l = figureRun(b, dir, "http://127.0.0.1:9/v1") // nobody is there
		r.Endpoints[model.Endpoint] = llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			b.Error("a call was sent again")
			return nil, context.Canceled
		})
		model.Endpoint = openai.Endpoint(url)
		r.Endpoints[model.Endpoint] = r.Endpoints[openai.Endpoint("http://127.0.0.1:9/v1")]
		started = time.Now()
		ask(b, r.client(), model, text, figureRampUp, figureRampUp+figureCalls)
		b.ReportMetric(time.Since(started).Seconds(), "again-s")
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func size(b *testing.B, dir string) (bytes int64) {
	if err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return bytes
}

// peakMemory is the process's largest resident set, in bytes.
func peakMemory(b *testing.B) int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("peak memory is read from /proc: ", err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(data)
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb * 1024
}
