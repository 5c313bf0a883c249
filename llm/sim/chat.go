package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"papereval/llm"
)

const (
	maxChoices = 128           // as OpenAI allows
	created    = 1_735_689_600 // every answer's date: the same request gets the same bytes
)

// chatRequest is read by the second version of Go's JSON package: it takes a tenth of the time for long prompts.
type chatRequest struct {
	Model           string        `json:"model"`
	Messages        []chatMessage `json:"messages"`
	N               int           `json:"n"`
	Seed            *int          `json:"seed"`
	Temperature     *float64      `json:"temperature"`
	ReasoningEffort string        `json:"reasoning_effort"`
	MaxTokens       int           `json:"max_tokens"`
	MaxCompletion   int           `json:"max_completion_tokens"`
	Stream          bool          `json:"stream"`
	StreamOptions   struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	ResponseFormat *struct {
		Type   string `json:"type"`
		Schema struct {
			JSON jsontext.Value `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

type chatMessage struct {
	Role    llm.Role `json:"role"`
	Content chatText `json:"content"`
}

// chatText is a text, or a list of parts with texts.
type chatText string

func (t *chatText) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '[' {
		return jsonv2.UnmarshalDecode(d, (*string)(t))
	}
	var parts []struct {
		Text string `json:"text"`
	}
	err := jsonv2.UnmarshalDecode(d, &parts)
	for _, part := range parts {
		*t += chatText(part.Text)
	}
	return err
}

type choice struct {
	Index        int         `json:"index"`
	Message      llm.Message `json:"message"`
	FinishReason string      `json:"finish_reason"`
}

type completion struct {
	ID          string    `json:"id"`
	Object      string    `json:"object"`
	Created     int       `json:"created"`
	Model       string    `json:"model"`
	Fingerprint string    `json:"system_fingerprint,omitempty"`
	Choices     []choice  `json:"choices"`
	Usage       chatUsage `json:"usage"`
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	n := int(s.requests.Add(1)) - 1
	var fault Fault
	if s.Faults != nil {
		fault = s.Faults(n, r)
	}
	body, free, refused := s.read(w, r)
	defer free()
	if refused != nil {
		refused.send(w)
		return
	}
	digest := xxhash.Sum64(body) ^ hash(r.Header.Get(llm.SampleHeader))
	try := s.try(digest)
	if name := s.options.fault(transport, s.draw("transport", digest, try)); fault == (Fault{}) && name != "" {
		s.count(name)
		fault = faultOf(name)
	}
	if fault.before(w, r) {
		return
	}
	in, refused := s.parse(body, r.Header.Get(llm.SampleHeader))
	if refused == nil {
		refused = s.quota.admit(time.Now(), in.prompt, w.Header())
	}
	if refused != nil {
		s.count("refused")
		refused.send(w)
		return
	}
	if !s.pause(r, s.draw("latency", digest, try)) {
		s.count("left by the client")
		panic(http.ErrAbortHandler)
	}
	if fault.IgnoreN {
		in.count = 1
	}
	fault.WrongUsage = fault.WrongUsage || s.draw("usage", digest, try) < s.options.Rates["wrongusage"]
	out, refused := s.answer(in, &fault, try)
	if refused != nil {
		s.count("refused")
		refused.send(w)
		return
	}
	s.quota.spend(out.Usage.Completion)
	if fault == (Fault{}) {
		s.count("answered")
	}
	if in.Stream {
		s.stream(w, r, in, out, &fault)
		return
	}
	jsonReply(http.StatusOK, out).sendWith(&fault, w, r)
}

// question is a request that can be answered.
type question struct {
	chatRequest
	messages []llm.Message
	digest   uint64 // of model and messages
	first    int    // index of the first sample
	count    int
	prompt   int   // tokens
	tokens   []int // of each message
	limit    int   // of tokens in an answer; 0 is none
}

// parse reads a request, or says why it is refused.
func (s *Server) parse(body []byte, sample string) (*question, *reply) {
	q := &question{}
	refuse := func(code, message string) (*question, *reply) {
		r := refusal(http.StatusBadRequest, code, message)
		return nil, &r
	}
	if err := jsonv2.Unmarshal(body, &q.chatRequest); err != nil {
		return refuse("invalid_json", "The request is not the JSON of a chat completion: "+err.Error())
	}
	switch {
	case q.Model == "" || len(q.Messages) == 0:
		return refuse("missing_required_parameter", "A model and at least one message are needed.")
	case q.N < 0 || q.N > maxChoices:
		return refuse("invalid_value", fmt.Sprintf("n lies between 1 and %d.", maxChoices))
	case q.N > 1 && s.options.N == "refuse":
		return refuse("unsupported_value", fmt.Sprintf("Unsupported value: 'n' does not support %d with this model. Only the default (1) value is supported.", q.N))
	case q.ResponseFormat != nil && q.ResponseFormat.Type != "text" && s.options.RefuseSchema:
		return refuse("unsupported_value", fmt.Sprintf("Invalid parameter: 'response_format' of type '%s' is not supported with this model.", q.ResponseFormat.Type))
	}
	switch first, err := strconv.Atoi(sample); {
	case sample != "" && (err != nil || first < 0):
		return refuse("invalid_value", llm.SampleHeader+" is a sample's index, a whole number from 0.")
	case sample != "":
		q.first = first
	case q.Seed != nil:
		q.first = max(*q.Seed, 0)
	}
	if q.count = max(q.N, 1); s.options.N == "ignore" {
		q.count = 1
	}
	q.limit = max(q.MaxTokens, q.MaxCompletion)
	texts := []string{q.Model}
	for _, m := range q.Messages {
		q.messages = append(q.messages, llm.Message{Role: m.Role, Content: string(m.Content)})
		texts = append(texts, string(m.Role), string(m.Content))
		tokens := s.usage.tokens(string(m.Content))
		q.prompt, q.tokens = q.prompt+tokens, append(q.tokens, tokens)
	}
	q.digest = hash(texts...)
	return q, nil
}

// answer is the same for the same request, its id included, but for faults.
func (s *Server) answer(q *question, fault *Fault, try int) (*completion, *reply) {
	model := llm.Model{Endpoint: Endpoint, Name: q.Model, Temperature: q.Temperature, ReasoningEffort: q.ReasoningEffort, MaxTokens: q.limit}
	out := &completion{ID: fmt.Sprintf("chatcmpl-%016x", q.digest^uint64(q.first)), Object: "chat.completion", Created: created, Model: q.Model}
	if s.marked {
		out.Fingerprint = llm.SimulatedFingerprint
	}
	written := 0
	for i := range q.count {
		req := &llm.Request{Model: model, Messages: q.messages, First: q.first + i, Samples: 1}
		text, ok := "", false
		for _, a := range s.answerers {
			if text, ok = a.Answer(req); ok {
				break
			}
		}
		if !ok {
			r := refusal(http.StatusBadRequest, "unknown_prompt", "The simulated model has no answer to this prompt: "+
				strconv.Quote(beginning(q.messages[len(q.messages)-1].Content)))
			return nil, &r
		}
		if q.ResponseFormat != nil && strings.HasPrefix(q.ResponseFormat.Type, "json") {
			text = object(text)
			if s.marked {
				if err := s.schemas.check(q.ResponseFormat.Schema.JSON, text); err != nil {
					r := refusal(http.StatusBadRequest, "unknown_schema", "The simulated model has no answer in the form of this schema: "+err.Error())
					return nil, &r
				}
			}
		}
		finish := "stop"
		text = s.spoilt(text, q, q.first+i, try)
		if i == 0 && fault.Empty {
			text = ""
		}
		if i == 0 && fault.Finish != "" {
			if finish = fault.Finish; finish == "length" {
				text = strings.ToValidUTF8(text[:len(text)/2], "")
			}
		}
		tokens := s.usage.tokens(text)
		if q.limit > 0 && tokens > q.limit {
			text, tokens, finish = strings.ToValidUTF8(text[:len(text)*q.limit/tokens], ""), q.limit, "length"
		}
		written += tokens
		out.Choices = append(out.Choices, choice{i, llm.Message{Role: llm.Assistant, Content: text}, finish})
	}
	out.Usage = chatUsage{Prompt: q.prompt, Completion: written, Total: q.prompt + written}
	if s.options.Cache {
		out.Usage.Details = &promptDetails{s.cache.hit(q.Model, q.messages, q.tokens)}
	}
	if fault.WrongUsage {
		s.count("wrongusage")
		out.Usage = wrongUsage(out.Usage, s.draw("wrong", q.digest, try))
	}
	return out, nil
}

// spoilt is a sample's text after the faults in content. What cannot be told from an answer is part of it, and
// so the same at every try; an empty one is not.
func (s *Server) spoilt(text string, q *question, index, try int) string {
	sample := q.digest ^ hash(strconv.Itoa(index))
	name := s.options.fault(content, s.draw("content", sample, 0))
	if name == "empty" && try > 0 {
		name = s.options.fault([]string{name}, s.draw("content", sample, try))
	}
	if name == "" {
		return text
	}
	spoiled := spoil(name, text, s.draw("extent", sample, 0))
	if spoiled != text {
		s.count(name)
	}
	return spoiled
}

// object is the JSON object in an answer, alone, as an endpoint gives it that was asked for one.
func object(text string) string {
	start, end := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if start < 0 || end < start {
		return string(encoded(map[string]string{"answer": text}))
	}
	return text[start : end+1]
}
