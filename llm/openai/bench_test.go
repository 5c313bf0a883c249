package openai_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"papereval/llm"
	"papereval/llm/openai"
)

// BenchmarkClient is one call with a prompt of 100 KB: ns and allocated bytes of both sides, of which the
// server's are few.
func BenchmarkClient(b *testing.B) {
	prose := strings.Repeat("The \"quick\" brown fox jumps over the lazy dog;\nattention is all you need (Vaswani et al., 2017), α < β. ", 1000)[:100<<10]
	answer := strings.Repeat("An answer of some length, as a judge writes it. ", 40)
	streamed := ""
	for i := 0; i < len(answer); i += 240 {
		streamed += event(0, answer[i:min(i+240, len(answer))], "")
	}
	streamed += event(0, "", "stop") + usageEvent + doneEvent
	whole := fmt.Sprintf(`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":25000,"completion_tokens":400}}`, answer)
	for name, bb := range map[string]struct {
		max  int
		body string
	}{"whole": {1000, whole}, "stream": {0, streamed}} {
		b.Run(name, func(b *testing.B) {
			buffers := sync.Pool{New: func() any { return make([]byte, 64<<10) }}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				buffer := buffers.Get().([]byte)
				_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, buffer)
				buffers.Put(buffer) //nolint:staticcheck // the slice's header is small
				_, _ = io.WriteString(w, bb.body)
			}))
			defer server.Close()
			c := openai.New(server.URL+"/v1", key, nil)
			req := &llm.Request{Model: llm.Model{Name: "m", MaxTokens: bb.max}, Messages: []llm.Message{{Role: llm.User, Content: prose}}}
			b.SetBytes(int64(len(prose)))
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if s, err := llm.One(b.Context(), c, req); err != nil || s.Text != answer {
						b.Errorf("%+v, %v", s, err)
						return
					}
				}
			})
		})
	}
}
