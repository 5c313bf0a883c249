package openai

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
)

// dialect is what an endpoint does not understand of the protocol for one model, as found out by its refusals.
// The zero value understands everything.
type dialect struct {
	form     form
	whole    bool // it does not stream
	noUsage  bool // it does not know stream_options
	otherMax bool // it wants the other one of max_tokens and max_completion_tokens
	single   bool // it does not know n
	most     int  // tokens that it allows an answer; 0 where it said nothing
}

// form is how an answer's form is asked for.
type form int

const (
	bySchema form = iota
	anyObject
	byPrompt
)

// dialect is what is known so far of a model's.
func (c *Client) dialect(model string) dialect {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialects[model]
}

// Together says whether several samples of a model are asked for in one request, with the protocol's n: not those of
// OpenAI's reasoning models, nor where it was found not to work.
func (c *Client) Together(model string) bool { return !reasons(model) && !c.dialect(model).single }

// Apart keeps that n does not work for a model: it was refused although what it was asked for can be answered, or
// ignored.
func (c *Client) Apart(model string) { c.learn(model, dialect{single: true}) }

// learn keeps what had to be left out for a request to be answered.
func (c *Client) learn(model string, d dialect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.dialects[model]
	if known == d {
		return
	}
	known.form = max(known.form, d.form)
	known.whole = known.whole || d.whole
	known.noUsage = known.noUsage || d.noUsage
	known.otherMax = known.otherMax || d.otherMax
	known.single = known.single || d.single
	if known.most == 0 || d.most > 0 && d.most < known.most {
		known.most = d.most
	}
	if c.dialects == nil {
		c.dialects = map[string]dialect{}
	}
	c.dialects[model] = known
}

var (
	aboutForm   = regexp.MustCompile(`response_format|json_schema|json_object|structured.?output|guided|grammar|json mode|word 'json'|requested parameters`)
	aboutUsage  = regexp.MustCompile(`stream_options|include_usage`)
	aboutStream = regexp.MustCompile(`\bstream(s|ed|ing)?\b`)
	aboutMax    = regexp.MustCompile(`max_(completion_|new_|output_)?tokens|(completion|output) tokens|maximum context length|context (length|window|size)`)
	notKnown    = regexp.MustCompile(`un?supported|not supported|unrecogni[sz]ed|unknown|extra|not permitted|not allowed|unexpected|instead`)
)

// without returns the dialect in which to ask again after a refusal, or false where nothing that can be left
// out was the reason. What it returns always lacks something that the refused body had, so asking ends. room is
// how many tokens the prompt leaves for the answer, 0 where the refusal was not about that.
func (d dialect) without(b *body, req *llm.Request, e *llm.Error, response []byte) (next dialect, room int, ok bool) {
	switch e.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		http.StatusInternalServerError, http.StatusNotImplemented:
	default:
		return d, 0, false
	}
	said := complaint(response)
	if b.ResponseFormat != nil && aboutForm.MatchString(said) {
		d.form++
		return d, 0, true
	}
	if e.Status >= http.StatusInternalServerError && e.Status != http.StatusNotImplemented {
		return d, 0, false // what says no more may as well pass
	}
	if b.StreamOptions != nil && aboutUsage.MatchString(said) {
		d.noUsage = true
		return d, 0, true
	}
	if b.Stream && aboutStream.MatchString(said) {
		d.whole = true
		return d, 0, true
	}
	sent, name := b.MaxTokens, "max_tokens"
	if b.MaxCompletionTokens > 0 {
		sent, name = b.MaxCompletionTokens, "max_completion_tokens"
	}
	if !d.otherMax && strings.Contains(said, name) && notKnown.MatchString(said) {
		d.otherMax = true
		return d, 0, true
	}
	if req.Model.MaxTokens == 0 && aboutMax.MatchString(said) {
		if room = roomLeft(said); room > 0 {
			return d, room, room >= leastAnswer && room < sent
		}
		if most := allowed(said, sent); most > 0 && e.Kind != llm.PromptTooLong {
			d.most = most
			return d, 0, true
		}
	}
	return d, 0, false
}

// complaint is what a refusal says, in lower case, with the parameter that it is about.
func complaint(response []byte) string {
	text := string(response[:min(len(response), 2000)])
	var found goopenai.ErrorResponse
	if json.Unmarshal(response, &found) == nil && found.Error != nil {
		text = found.Error.Message
		if found.Error.Param != nil {
			text += " " + *found.Error.Param
		}
	}
	return strings.ToLower(text)
}

var (
	windowIs = regexp.MustCompile(`(?:maximum context length is|context (?:length|window|size) (?:is|of|\()|must be <=)\s*(\d+)`)
	promptIs = regexp.MustCompile("(\\d+) (?:`inputs` tokens|input tokens|prompt tokens|tokens from the input|in the messages|in your prompt)" +
		`|(?:messages|prompt|request|input) (?:resulted in|has|contains|is|\() ?(\d+)`)
	number = regexp.MustCompile(`\b\d+\b`)
)

const leastAnswer = 256 // tokens; with less room the prompt is too long

// roomLeft reads from a refusal how many tokens the prompt leaves of the context window; 0 where it does not say.
func roomLeft(said string) int {
	window, prompt := windowIs.FindStringSubmatch(said), promptIs.FindStringSubmatch(said)
	if window == nil || prompt == nil {
		return 0
	}
	w, _ := strconv.Atoi(window[1]) // digits; what is too large is of no use below
	p, _ := strconv.Atoi(prompt[1] + prompt[2])
	const slack = 16 // for what the endpoint does not count
	return max(w-p-slack, 0)
}

// allowed reads from a refusal how many tokens an answer may have: the largest number below what was asked
// for, or half of that where there is none; 0 where that is too few.
func allowed(said string, sent int) (most int) {
	for _, s := range number.FindAllString(said, -1) {
		if n, err := strconv.Atoi(s); err == nil && n < sent && n >= leastAnswer {
			most = max(most, n)
		}
	}
	if most == 0 && sent/2 >= leastAnswer {
		most = sent / 2
	}
	return most
}
