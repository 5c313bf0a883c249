package openai_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"papereval/llm"
	"papereval/llm/openai"
)

func FuzzMessages(f *testing.F) {
	f.Add("user", "a \"quoted\" \\ \n\t\r\x00\x1f\x7f <&> \u2028 é 😀")
	f.Add("", "wrong \xff\xfe\xe2\x28 bytes")
	f.Fuzz(func(t *testing.T, role, content string) {
		messages := []llm.Message{{Role: llm.Role(role), Content: content}, {Role: llm.User, Content: strings.Repeat(content+"x", 20_000/(len(content)+1))}}
		var want []llm.Message
		data, err := json.Marshal(messages)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		appendTo := openai.NewMessages()
		for range 2 { // long ones are remembered
			var got []llm.Message
			mine := appendTo(nil, messages)
			if err := json.Unmarshal(mine, &got); err != nil {
				t.Fatalf("%s: %v", mine, err)
			}
			if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
				t.Errorf("%q, want %q", got, want)
			}
		}
	})
}

// A server that answers before it has read the prompt leaves a body that is still being sent.
func TestPromptsAreNotMixedUp(t *testing.T) {
	c := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			t.Error("a query appeared")
		}
		var sent struct{ Messages []llm.Message }
		head := make([]byte, 100)
		_, _ = io.ReadFull(r.Body, head)
		if strings.Contains(string(head), "early") {
			_, _ = io.WriteString(w, event(0, "early", "stop")+usageEvent+doneEvent)
			return
		}
		rest, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(append(head, rest...), &sent); err != nil {
			t.Errorf("%v", err)
			return
		}
		m := sent.Messages[0].Content
		if strings.Trim(m, m[:1]) != "" {
			t.Error("prompts were mixed")
		}
		_, _ = io.WriteString(w, event(0, m[:1], "stop")+usageEvent+doneEvent)
	}))
	var wg sync.WaitGroup
	for i := range 26 {
		wg.Go(func() {
			for k := range 8 {
				letter := string(rune('a' + i))
				want, text := letter, strings.Repeat(letter, 300_000)
				if k%2 == 0 {
					want, text = "early", strings.Repeat("early", 60_000)
				}
				req := &llm.Request{Model: llm.Model{Name: "m", Context: 1 << 20}, Messages: []llm.Message{{Role: llm.User, Content: text}}}
				s, err := llm.One(t.Context(), c, req)
				// The connection may break before the early answer is read.
				if err != nil && want != "early" || err == nil && s.Text != want {
					t.Errorf("%+v, %v", s, err)
				}
			}
		})
	}
	wg.Wait()
}
