package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// chunk is one event of a stream. go-openai's own type is not used for it because endpoints differ in more
// than it takes.
type chunk struct {
	Model       string          `json:"model"`
	Fingerprint string          `json:"system_fingerprint"`
	Choices     []chunkChoice   `json:"choices"`
	Usage       *goopenai.Usage `json:"usage"`
	Error       json.RawMessage `json:"error"`
}

type chunkChoice struct {
	Index  int                   `json:"index"`
	Finish goopenai.FinishReason `json:"finish_reason"`
	Delta  struct {
		Content   text   `json:"content"`
		Refusal   string `json:"refusal"`
		Reasoning string `json:"reasoning"`         // OpenRouter
		Thoughts  string `json:"reasoning_content"` // DeepSeek, vLLM
	} `json:"delta"`
}

// text is a string, null, or a list of parts, of which only those of text count.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '[' {
		return json.Unmarshal(data, (*string)(t))
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		*t += text(p.Text)
	}
	return nil
}

// answer is what came of a completion, streamed or not.
type answer struct {
	goopenai.ChatCompletionResponse
	hasUsage bool
	thoughts int // bytes of reasoning that came along
}

// drain is how long the end of a connection is waited for after the end of its stream, so that it can be used
// again.
const drain = time.Second

// collect reads a stream to its end, for at most n choices. Where it breaks off, what came so far is returned
// with the error.
func (x *exchange) collect(stream *goopenai.ChatCompletionStream, n int) (*answer, error) {
	a := &answer{}
	texts := make([]strings.Builder, n)
	defer func() {
		for i := range a.Choices {
			a.Choices[i].Message.Content = texts[i].String()
		}
	}()
	for {
		data, err := stream.RecvRaw()
		if errors.Is(err, io.EOF) {
			// Either the stream's last event came or the connection ended: whether the answer is whole is
			// to be seen by its finish reason.
			x.watch.finish(&stalledError{drain, "the connection did not end"})
			_, _ = io.CopyN(io.Discard, x.rest, 4096)
			return a, nil
		}
		if err != nil {
			return a, err
		}
		var c chunk
		if err := json.Unmarshal(data, &c); err != nil {
			return a, &llm.Error{Kind: llm.CutShort, Err: err, Message: "the stream holds what is no event: " + shortened(string(data))}
		}
		if len(c.Error) > 0 && string(c.Error) != "null" {
			if e := BodyError(x.status, data); e != nil {
				return a, e
			}
		}
		if c.Model != "" {
			a.Model = c.Model
		}
		if c.Fingerprint != "" {
			a.SystemFingerprint = c.Fingerprint
		}
		if c.Usage != nil {
			a.Usage, a.hasUsage = *c.Usage, true
		}
		for _, choice := range c.Choices {
			if choice.Index < 0 || choice.Index >= n {
				continue
			}
			for len(a.Choices) <= choice.Index {
				a.Choices = append(a.Choices, goopenai.ChatCompletionChoice{Index: len(a.Choices)})
			}
			to := &a.Choices[choice.Index]
			if choice.Finish != "" {
				to.FinishReason = choice.Finish
			}
			texts[choice.Index].WriteString(string(choice.Delta.Content))
			to.Message.Refusal += choice.Delta.Refusal
			a.thoughts += max(len(choice.Delta.Reasoning), len(choice.Delta.Thoughts))
		}
	}
}

// whole says whether any of the choices came to its end.
func (a *answer) whole() bool {
	for _, c := range a.Choices {
		if c.FinishReason != "" {
			return true
		}
	}
	return false
}

// size is the number of characters that came.
func (a *answer) size() int {
	n := 0
	for _, c := range a.Choices {
		n += len([]rune(c.Message.Content))
	}
	return n
}

// read reads a completion that did not come as a stream.
func (x *exchange) read() (*answer, error) {
	var a answer
	err := json.NewDecoder(bytes.NewReader(x.response)).Decode(&a.ChatCompletionResponse)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &llm.Error{Kind: llm.CutShort, Err: err, Message: fmt.Sprintf("its JSON ends after %d bytes", len(x.response))}
	}
	if err != nil {
		return nil, &llm.Error{Kind: llm.NotAnAnswer, Err: err, Message: "it is not the JSON of a chat completion: " + shortened(string(x.response))}
	}
	a.hasUsage = a.Usage.PromptTokens > 0 || a.Usage.CompletionTokens > 0
	return &a, nil
}
