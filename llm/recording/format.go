// Package recording keeps the answers of a model in a file, from which they can be played back without one.
//
// A recording is a file of JSON lines, compressed with zstd if its name ends in .zst. The first line says
// what it is, {"bench_recording":1,"about":{...}}. Each text that was part of a prompt stands once, in a
// line {"text":DIGEST,"content":...}, before the first call that refers to it. Each answer is a line
// {"call":{...}}. The last line is {"end":{"calls":N}}, by which a cut file is noticed.
package recording

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"papereval/llm"
)

// version of the format. A reader takes this one and older ones.
const version = 1

// About says what a recording is.
type About struct {
	Model string `json:"model"`           // the name of the recorded model that generates, for people
	Judge string `json:"judge,omitempty"` // that of the one that judges; empty where it is the same
	// The models' context windows in tokens, which decide what a judge was shown; 0 where not known.
	Context      int    `json:"context,omitempty"`
	JudgeContext int    `json:"judge_context,omitempty"`
	Note         string `json:"note,omitempty"` // where the answers come from
}

// line is any line of a recording; exactly one of its kinds is there.
type line struct {
	Recording int    `json:"bench_recording,omitempty"`
	About     *About `json:"about,omitempty"`

	Text    string  `json:"text,omitempty"`
	Content *string `json:"content,omitempty"`

	Call *call `json:"call,omitempty"`
	End  *end  `json:"end,omitempty"`
}

type end struct {
	Calls int `json:"calls"`
}

// call is one answered sample. Run and endpoint are left out: they differ from one recording of the same
// answers to the next.
type call struct {
	Label    llm.Label  `json:"label"`
	Model    model      `json:"model"`
	Messages []message  `json:"messages"`
	Sample   int        `json:"sample"`
	Text     string     `json:"text"`
	Finish   string     `json:"finish"`
	Snapshot string     `json:"snapshot,omitempty"`
	Source   llm.Source `json:"source"`
	Usage    llm.Usage  `json:"usage"`
	Elapsed  int64      `json:"elapsed_ms"`
}

type model struct {
	Name            string   `json:"name"`
	Temperature     *float64 `json:"temperature,omitempty"`
	ReasoningEffort string   `json:"reasoning_effort,omitempty"`
	MaxTokens       int      `json:"max_tokens,omitempty"`
}

// message is one turn; its text is the digest of the content.
type message struct {
	Role llm.Role `json:"role"`
	Text string   `json:"text"`
}

// newCall describes a sample and returns, in the order of the messages, the contents that it refers to.
func newCall(req *llm.Request, s *llm.Sample) (*call, []string) {
	c := &call{
		Label:  req.Label,
		Model:  model{req.Model.Name, req.Model.Temperature, req.Model.ReasoningEffort, req.Model.MaxTokens},
		Sample: s.Index, Text: valid(s.Text), Finish: s.Finish, Snapshot: s.Snapshot, Source: s.Source,
		Usage: s.Usage, Elapsed: s.Elapsed.Round(time.Millisecond).Milliseconds(),
	}
	c.Label.Run = ""
	contents := make([]string, len(req.Messages))
	for i, m := range req.Messages {
		contents[i] = valid(m.Content)
		c.Messages = append(c.Messages, message{m.Role, digest(contents[i])})
	}
	return c, contents
}

// prompt identifies the messages of a call.
func (c *call) prompt() string { return promptOf(c.Messages) }

func promptOf(messages []message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s %s\n", m.Role, m.Text)
	}
	return digest(b.String())
}

// identity is what two recordings of the same call have in common.
func (c *call) identity() string {
	m, err := json.Marshal(c.Model)
	if err != nil {
		panic(fmt.Sprintf("recording: %v", err)) // strings and numbers always can be encoded
	}
	return fmt.Sprintf("%s %s %d", c.prompt(), m, c.Sample)
}

// compare orders calls as they stand in a file: by what they are for, and not by when they came.
func compare(a, b *call) int {
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	x, y := a.Label, b.Label
	return cmp.Or(
		cmp.Compare(x.Paper, y.Paper), cmp.Compare(x.System, y.System), cmp.Compare(x.Seed, y.Seed),
		cmp.Compare(x.Evaluator, y.Evaluator), cmp.Compare(x.Stage, y.Stage), cmp.Compare(x.File, y.File),
		cmp.Compare(flag(x.Again), flag(y.Again)), cmp.Compare(a.Sample, b.Sample),
		cmp.Compare(a.identity(), b.identity()),
	)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// valid is a text as JSON can carry it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// encode is a value as one line of JSON, readable where it holds code.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
