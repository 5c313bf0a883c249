package llm

import (
	"papereval/tokens"
)

// DefaultMaxOutput is the longest answer, in tokens and with its reasoning, of a model that the catalogue does
// not know.
const DefaultMaxOutput = 32_768

// leastOutput is asked for even where the prompt seems to fill the context window: whether it does is for the
// endpoint to say.
const leastOutput = 1024

// MaxCompletion is the limit, in tokens, that an endpoint is given for each answer to a request: that of the
// model where the user set one, else what the catalogue knows as its longest answer, but no more than the
// prompt leaves of the context window. It is never 0, is the same for the same request, and is part of its
// key only where the user set it.
func MaxCompletion(req *Request) int {
	if req.Model.MaxTokens > 0 {
		return req.Model.MaxTokens
	}
	info, known := Catalogue().Find(req.Model.Name)
	most, window := info.MaxOutput, req.Model.Context
	if most <= 0 {
		most = DefaultMaxOutput
	}
	if window <= 0 {
		window = info.Context
	}
	if window <= 0 {
		window = DefaultContext
	}
	// Text has about 4 bytes a token, seldom fewer than 2. Counting takes 10 ms for 100 KB, so it is done only
	// for prompts that may need it.
	if window-promptBytes(req)/2 >= most {
		return most
	}
	prompt := PromptTokens(req)
	if !known {
		prompt += prompt / 4 // other vocabularies need more tokens for the same text
	}
	return max(min(most, window-prompt), min(most, leastOutput))
}

// Ceiling is the most that all samples of a request can cost together, in tokens: what is paid is never more,
// whatever its text and whatever the endpoint's vocabulary. Samples may have to be asked for singly, so the
// prompt counts once for each.
func Ceiling(req *Request) (prompt, completion int) {
	// No vocabulary in use has tokens of less than a byte.
	prompt = promptBytes(req)
	if info, ok := Catalogue().Find(req.Model.Name); ok && info.Context > 0 {
		prompt = min(prompt, info.Context)
	}
	n := req.Count()
	return n * prompt, n * MaxCompletion(req)
}

// PromptTokens counts the tokens of a prompt, with those of its form. For models that do not share OpenAI's
// vocabulary it is an estimate.
func PromptTokens(req *Request) int {
	const message, answer = 4, 3 // what OpenAI's chat format adds around each message, and to begin the answer
	n := answer
	for _, m := range req.Messages {
		n += tokens.Count(m.Content) + message
	}
	if req.Schema != nil {
		n += tokens.Count(string(req.Schema.JSON))
	}
	return n
}

// promptBytes is the size of a prompt in bytes, generous for what a chat format adds.
func promptBytes(req *Request) int {
	const message, answer = 32, 64
	n := answer
	for _, m := range req.Messages {
		n += len(m.Content) + message
	}
	if req.Schema != nil {
		n += len(req.Schema.JSON) + message
	}
	return n
}
