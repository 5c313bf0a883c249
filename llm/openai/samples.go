package openai

import (
	"errors"
	"fmt"
	"strings"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// Samples reads a chat completion: one sample for each choice, in their order, at most n. A choice without
// a whole answer is a sample with an error.
//
// The endpoint reports the usage of all choices together. The prompt is counted once, on the first sample
// that has an answer; the completion is divided evenly, and what remains goes to the same sample. A failed
// sample's share is in its error.
func Samples(resp *goopenai.ChatCompletionResponse, m llm.Model, n int) []llm.Sample {
	samples := make([]llm.Sample, min(n, len(resp.Choices)))
	bearer := -1
	for i := range samples {
		samples[i] = sample(&resp.Choices[i], m)
		samples[i].Snapshot = resp.Model
		samples[i].Source = llm.Live
		if resp.SystemFingerprint == llm.SimulatedFingerprint {
			samples[i].Source = llm.Simulated
		}
		if bearer < 0 && samples[i].Err == nil {
			bearer = i
		}
	}
	if len(samples) == 0 {
		return nil
	}
	bearer = max(bearer, 0)
	total := usage(&resp.Usage)
	for i := range samples {
		samples[i].Usage = llm.Usage{Completion: total.Completion / len(samples), Reasoning: total.Reasoning / len(samples)}
	}
	samples[bearer].Usage = samples[bearer].Usage.Add(llm.Usage{Prompt: total.Prompt, Cached: total.Cached,
		Completion: total.Completion % len(samples), Reasoning: total.Reasoning % len(samples)})
	for _, s := range samples {
		var e *llm.Error
		if errors.As(s.Err, &e) {
			e.Usage = s.Usage
		}
	}
	return samples
}

func sample(choice *goopenai.ChatCompletionChoice, m llm.Model) llm.Sample {
	s := llm.Sample{Text: content(&choice.Message), Finish: string(choice.FinishReason)}
	fail := func(kind llm.Kind, message string) {
		s.Err = &llm.Error{Kind: kind, Endpoint: m.Endpoint, Model: m.Name, Message: message}
	}
	switch {
	case choice.FinishReason == goopenai.FinishReasonLength:
		fail(llm.Length, fmt.Sprintf("it ends after %d characters", len([]rune(s.Text))))
	case choice.FinishReason == goopenai.FinishReasonContentFilter:
		fail(llm.Filtered, "by the endpoint's content filter")
	case choice.Message.Refusal != "" && s.Text == "":
		fail(llm.Filtered, "the model refused: "+shortened(choice.Message.Refusal))
	case choice.FinishReason == "":
		fail(llm.CutShort, "it came without a finish reason")
	case strings.TrimSpace(s.Text) == "":
		fail(llm.Empty, "")
	}
	return s
}

// content is a message's text, which some endpoints send in parts.
func content(m *goopenai.ChatCompletionMessage) string {
	text := m.Content
	for _, part := range m.MultiContent {
		text += part.Text
	}
	return text
}

func usage(u *goopenai.Usage) llm.Usage {
	out := llm.Usage{Prompt: u.PromptTokens, Completion: u.CompletionTokens}
	if u.PromptTokensDetails != nil {
		out.Cached = u.PromptTokensDetails.CachedTokens
	}
	if u.CompletionTokensDetails != nil {
		out.Reasoning = u.CompletionTokensDetails.ReasoningTokens
		if out.Reasoning > 0 && u.TotalTokens == out.Prompt+out.Completion+out.Reasoning {
			out.Completion += out.Reasoning // some endpoints count it apart
		}
	}
	return out
}
