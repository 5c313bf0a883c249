package ledger

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// prose is real text: the papers of PaperBench.
func prose(t testing.TB) string {
	t.Helper()
	shared := os.Getenv("PAPEREVAL_SHARED")
	if shared == "" {
		shared = "../../shared/data"
	}
	papers, _ := filepath.Glob(filepath.Join(shared, "paperbench/papers/*/paper.md"))
	if len(papers) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no papers in %s", shared)
		}
		t.Skipf("no papers in %s: set PAPEREVAL_SHARED to the folder of the shared data", shared)
	}
	var b strings.Builder
	for _, path := range papers {
		data, err := os.ReadFile(path)
		noError(t, err)
		b.Write(data)
	}
	return b.String()
}

// promptCall is a call whose prompt of 100 KB shares 90 KB with all others, with an answer of 2 KB.
func promptCall(text string, i int) *Call {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	window := func(size int) string {
		start := random.IntN(len(text) - size)
		return text[start : start+size]
	}
	c := testCall(fmt.Sprint(i))
	c.Messages = []Message{{"system", text[:90_000] + window(10_000)}}
	c.Text = window(2_000)
	return c
}

// onDisk is what a folder takes, without what only an open ledger has.
func onDisk(t testing.TB, dir string) (bytes int64) {
	noError(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		return err
	}))
	return bytes
}

// BenchmarkPutCallPrompts puts 4,000 calls with prompts of 100 KB, as fast as it goes and as 700 of them come in a
// second. disk-% is what the closed ledger takes of the bytes sent.
func BenchmarkPutCallPrompts(b *testing.B) {
	const calls, goroutines = 4000, 128
	text := prose(b)
	for _, rate := range []int{0, 700} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				l := openTest(b, dir)
				var next, waited atomic.Int64
				var sent int64
				var wg sync.WaitGroup
				before, started := cpuTime(), time.Now()
				for range goroutines {
					wg.Go(func() {
						for i := next.Add(1); i <= calls; i = next.Add(1) {
							c := promptCall(text, int(i))
							if rate > 0 {
								time.Sleep(time.Until(started.Add(time.Duration(i) * time.Second / time.Duration(rate))))
							}
							put := time.Now()
							if err := l.PutCall(b.Context(), c); err != nil {
								b.Error(err)
								return
							}
							waited.Add(int64(time.Since(put)))
							atomic.AddInt64(&sent, int64(len(c.Messages[0].Content)))
						}
					})
				}
				wg.Wait()
				took := time.Since(started)
				noError(b, l.Close())
				used := cpuTime() - before
				b.ReportMetric(calls/took.Seconds(), "calls/s")
				b.ReportMetric(float64(used.Microseconds())/calls, "cpu-µs/call")
				b.ReportMetric(float64(waited.Load())/calls/1e6, "ms/call")
				b.ReportMetric(float64(onDisk(b, dir))/1e6, "disk-MB")
				b.ReportMetric(100*float64(onDisk(b, dir))/float64(sent), "disk-%")
			}
		})
	}
}
