package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"papereval/llm/sim"
)

// prose is text with the lengths of English words and lines.
func prose(random *rand.Rand, size int) string {
	var b strings.Builder
	for i := 1; b.Len() < size; i++ {
		for range 2 + random.IntN(8) {
			b.WriteByte(byte('a' + random.IntN(26)))
		}
		b.WriteString(map[bool]string{true: "\n", false: " "}[i%14 == 0])
	}
	return b.String()[:size]
}

// BenchmarkServer asks the server by a bare client: 100 KB prompts that share 90 KB, 128 at once. Client and
// server share the processors. With a latency of 200 ms the ideal is 640 requests a second.
func BenchmarkServer(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	shared := prose(random, 90_000)
	var bodies [][]byte
	for range 64 {
		body, err := json.Marshal(map[string]any{"model": "m", "messages": []map[string]string{{"role": "user", "content": shared + prose(random, 10_000)}}})
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	for _, latency := range []time.Duration{0, 200 * time.Millisecond} {
		b.Run(fmt.Sprint("latency=", latency), func(b *testing.B) {
			server := httptest.NewServer(sim.New(sim.Options{Latency: latency}, sim.Anything(0)))
			defer server.Close()
			const concurrency = 128
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}}
			var next atomic.Int64
			b.SetParallelism(concurrency / 2)
			b.SetBytes(int64(len(bodies[0])))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := client.Post(server.URL+"/v1/chat/completions", "application/json", bytes.NewReader(bodies[next.Add(1)%64])) //nolint:noctx // a benchmark
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
						b.Error(resp.Status, err)
					}
					_ = resp.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
