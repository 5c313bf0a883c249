package openai

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
	"papereval/tokens"
)

// Settle puts an estimate in the place of a usage that cannot be, in an answer for n samples that came in a file.
func Settle(resp *goopenai.ChatCompletionResponse, req *llm.Request, n int) {
	a := &answer{ChatCompletionResponse: *resp, hasUsage: true}
	a.settle(req, n, llm.MaxCompletion(req))
	resp.Usage = a.Usage
}

// settle puts an estimate in the place of a usage that did not come or cannot be; most is how many tokens each of n
// samples may have.
func (a *answer) settle(req *llm.Request, n, most int) {
	if a.hasUsage && possible(&a.Usage, req, n, most) && (a.Usage.CompletionTokens > 0 || a.size() == 0) {
		return
	}
	u := a.estimate(req)
	a.Usage = goopenai.Usage{PromptTokens: u.Prompt, CompletionTokens: u.Completion, TotalTokens: u.Prompt + u.Completion}
}

// estimate counts the tokens of the prompt and of what came.
func (a *answer) estimate(req *llm.Request) llm.Usage {
	u := llm.Usage{Prompt: llm.PromptTokens(req)}
	if a == nil {
		return u
	}
	for _, c := range a.Choices {
		u.Completion += tokens.Count(content(&c.Message))
	}
	u.Completion += a.thoughts / 4 // bytes a token, about
	return u
}

// possible says whether a usage may be true: it is not negative, its parts are no larger than it is, and it is
// no larger than the request and the limit of its n answers allow.
func possible(u *goopenai.Usage, req *llm.Request, n, most int) bool {
	v := usage(u)
	prompt := 0
	for _, m := range req.Messages {
		prompt += len(m.Content)
	}
	// Tools and formats that an endpoint adds may need some hundreds.
	const slack = 4096
	return v.Prompt > 0 && v.Prompt <= n*(prompt+slack) && v.Cached >= 0 && v.Cached <= v.Prompt &&
		v.Completion >= 0 && v.Completion <= n*most+slack && v.Reasoning >= 0 && v.Reasoning <= v.Completion
}

var usageObject = regexp.MustCompile(`"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})`)

// charged is what a try cost that brought no answer: as the response says itself, if anything of it can be
// read, or else as estimated where the endpoint may have begun to answer.
func (x *exchange) charged(req *llm.Request, n int, a *answer, e *llm.Error) (cost llm.Usage, estimated bool) {
	if x.status >= http.StatusBadRequest || !x.body.begun.Load() {
		return llm.Usage{}, false
	}
	if a != nil && a.hasUsage && possible(&a.Usage, req, n, x.most) {
		return usage(&a.Usage), false
	}
	var u goopenai.Usage
	if found := usageObject.FindSubmatch(x.response); found != nil && json.Unmarshal(found[1], &u) == nil && possible(&u, req, n, x.most) {
		return usage(&u), false
	}
	switch e.Kind {
	case llm.CutShort, llm.Length, llm.Empty, llm.Filtered, llm.Network:
	case llm.NotAnAnswer:
		if !mayBeJSON(x.response) {
			return llm.Usage{}, false
		}
	default:
		// An error object says that there is no answer, unless it came after the beginning of one.
		if !errors.As(e, new(*stalledError)) && (a == nil || a.size() == 0) {
			return llm.Usage{}, false
		}
	}
	cost = a.estimate(req)
	if a == nil {
		cost.Completion += len(x.response) / 4
	}
	return cost, true
}

// mayBeJSON says whether a response looks as if a model's answer had been in it.
func mayBeJSON(response []byte) bool {
	for _, c := range response {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '{'
	}
	return false
}
