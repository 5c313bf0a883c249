package sim

import (
	"fmt"
	"io"
	"net/http"
)

type chunk struct {
	ID          string        `json:"id"`
	Object      string        `json:"object"`
	Created     int           `json:"created"`
	Model       string        `json:"model"`
	Fingerprint string        `json:"system_fingerprint,omitempty"`
	Choices     []chunkChoice `json:"choices"`
	Usage       *chatUsage    `json:"usage"`
}

type chunkChoice struct {
	Index        int     `json:"index"`
	Delta        delta   `json:"delta"`
	FinishReason *string `json:"finish_reason"`
}

type delta struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// chunkSize is how much of a text a chunk holds, in bytes. Real ones hold a token; the work of writing and
// reading those is not what is simulated.
const chunkSize = 256

// stream sends an answer as server-sent events.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, q *question, out *completion, fault *Fault) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	events := chunks(out)
	flusher := http.NewResponseController(w)
	for i, event := range events {
		data := encoded(event)
		if half := len(events) / 2; i == half {
			switch {
			case fault.BadJSON:
				data = broken(data)
			case fault.Cut && len(data)%2 == 0: // the connection ends as if all were said
				return
			case fault.Cut, fault.Stall:
				_, _ = fmt.Fprintf(w, "data: %s", data[:len(data)/2])
				fault.stop(w, r)
			}
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
			return
		}
		if i%8 == 7 {
			_ = flusher.Flush()
		}
	}
	if q.StreamOptions.IncludeUsage {
		last := head(out)
		last.Choices, last.Usage = []chunkChoice{}, &out.Usage
		_, _ = fmt.Fprintf(w, "data: %s\n\n", encoded(last))
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

func head(out *completion) chunk {
	return chunk{ID: out.ID, Object: "chat.completion.chunk", Created: out.Created, Model: out.Model, Fingerprint: out.Fingerprint}
}

// chunks are the parts of an answer: for each choice its role, its text in pieces and its finish reason.
func chunks(out *completion) []chunk {
	var all []chunk
	add := func(c chunkChoice) {
		event := head(out)
		event.Choices = []chunkChoice{c}
		all = append(all, event)
	}
	for i := range out.Choices {
		c := &out.Choices[i]
		empty := ""
		add(chunkChoice{Index: c.Index, Delta: delta{Role: string(c.Message.Role), Content: &empty}})
		for text := c.Message.Content; text != ""; {
			end := min(chunkSize, len(text))
			for end < len(text) && text[end]&0xc0 == 0x80 { // not within a character
				end++
			}
			piece := text[:end]
			text = text[end:]
			add(chunkChoice{Index: c.Index, Delta: delta{Content: &piece}})
		}
		add(chunkChoice{Index: c.Index, FinishReason: &c.FinishReason})
	}
	return all
}
