package recording

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"papereval/llm"
)

// Player is an llm.Client that answers from a recording. A request is known by its messages and the
// sample's index; the model and its parameters do not matter, except that where several models answered the
// same prompt the one of that name is preferred.
type Player struct {
	about    About
	endpoint string
	contents map[string]string
	calls    map[string][]*call // by prompt
	order    []*call
	count    int
}

var _ llm.Client = (*Player)(nil)

// About is what the recording says of itself.
func (p *Player) About() About { return p.about }

// Endpoint identifies the recording by its uncompressed content: "replay:" and 16 hexadecimal digits.
func (p *Player) Endpoint() string { return p.endpoint }

func (p *Player) add(c *call) {
	p.calls[c.prompt()] = append(p.calls[c.prompt()], c)
	p.order = append(p.order, c)
	p.count++
}

// Complete answers with what was recorded. A sample that was not has an error of the kind llm.Unanswered
// which names the label and the first difference to the nearest prompt of the recording.
func (p *Player) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	messages := make([]message, len(req.Messages))
	for i, m := range req.Messages {
		messages[i] = message{m.Role, digest(valid(m.Content))}
	}
	recorded := p.calls[promptOf(messages)]
	resp := &llm.Response{Samples: make([]llm.Sample, req.Count())}
	missing := ""
	for i := range resp.Samples {
		s := &resp.Samples[i]
		s.Index = req.First + i
		c := find(recorded, req.Model.Name, s.Index)
		if c == nil {
			if missing == "" && len(recorded) == 0 {
				missing = p.missing(req)
			}
			message := missing
			if len(recorded) > 0 {
				message = fmt.Sprintf("the prompt is recorded with sample %s and not with %d", samplesOf(recorded), s.Index)
			}
			s.Err = p.unanswered(req, message)
			continue
		}
		s.Text, s.Finish, s.Snapshot, s.Usage = c.Text, c.Finish, c.Snapshot, c.Usage
		s.Elapsed = time.Duration(c.Elapsed) * time.Millisecond
		// What was simulated when it was recorded stays so.
		if s.Source = llm.Recorded; c.Source == llm.Simulated {
			s.Source = llm.Simulated
		}
	}
	return resp, nil
}

func (p *Player) unanswered(req *llm.Request, message string) error {
	return unanswered(p.endpoint, req, message)
}

func unanswered(endpoint string, req *llm.Request, message string) error {
	label := req.Label.String()
	if label == "" {
		label = "a request without a label"
	}
	return &llm.Error{Kind: llm.Unanswered, Endpoint: endpoint, Message: label + ": " + message}
}

func find(recorded []*call, name string, sample int) *call {
	var found *call
	for _, c := range recorded {
		if c.Sample == sample && (found == nil || c.Model.Name == name && found.Model.Name != name) {
			found = c
		}
	}
	return found
}

// samplesOf lists the samples of calls: "0, 1, 2".
func samplesOf(calls []*call) string {
	var indexes []int
	for _, c := range calls {
		indexes = append(indexes, c.Sample)
	}
	slices.Sort(indexes)
	var s []string
	for _, i := range slices.Compact(indexes) {
		s = append(s, strconv.Itoa(i))
	}
	return strings.Join(s, ", ")
}
