package llm

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// PaceOptions bound what is sent to one model of one endpoint.
type PaceOptions struct {
	Max int // samples in flight, at least 1
	RPM int // samples a minute; 0 for no limit
	TPM int // tokens a minute, of prompts and answers; 0 for no limit
}

// PaceStats is how one model of one endpoint is doing at this moment.
type PaceStats struct {
	Endpoint, Model string
	Limit           int // samples that may be in flight now
	InFlight        int
	Waiting         int       // samples that wait to be sent
	Until           time.Time // nothing is sent before; zero where nothing but the limit is waited for
}

// Pacer is a client that sends as much at a time as an endpoint takes, for each model of each endpoint apart.
// Who comes first is sent first.
//
// The limit begins at 4 samples. It doubles with each round trip until the endpoint first refuses for its rate
// or its load; such a refusal takes 30 % away, at most once a round trip, and each round trip that goes well
// adds a 32nd of the maximum. Nothing is added while fewer samples are in flight than half of what may be. A
// limit below 1 is a pause after each sample; the endpoint's own wait is kept by all when a single sample at a
// time is too much for it.
//
// A request for several samples counts as that many; one for more than the limit is sent when nothing else is
// in flight. It belongs below [Retry], so that a request which waits for its next try keeps nobody waiting.
type Pacer struct {
	next    Client
	options PaceOptions

	mu    sync.Mutex
	lanes map[laneName]*lane
}

type laneName struct{ endpoint, model string }

// Pace returns a client that sends requests to next at the pace that their endpoints take.
func Pace(next Client, o PaceOptions) *Pacer {
	o.Max = max(o.Max, 1)
	return &Pacer{next: next, options: o, lanes: map[laneName]*lane{}}
}

// Complete sends a request when its turn has come, or returns the context's error.
func (p *Pacer) Complete(ctx context.Context, req *Request) (*Response, error) {
	l := p.lane(req.Model)
	t := &turn{weight: req.Count(), ready: make(chan struct{})}
	if p.options.TPM > 0 {
		t.tokens = promptBytes(req) / 5 // rather too few: what was used in fact is known later
	}
	if err := l.enter(ctx, t); err != nil {
		return nil, err
	}
	started := time.Now()
	var resp *Response
	err := errPanicked
	defer func() { l.leave(t, resp, err, time.Since(started)) }()
	resp, err = p.next.Complete(ctx, req)
	return resp, err
}

var errPanicked = errors.New("llm: a client panicked")

// Stats tells of every model that was asked so far, by endpoint and name.
func (p *Pacer) Stats() []PaceStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []PaceStats
	for name, l := range p.lanes {
		s := l.stats()
		s.Endpoint, s.Model = name.endpoint, name.model
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b PaceStats) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Model, b.Model))
	})
	return all
}

func (p *Pacer) lane(m Model) *lane {
	name := laneName{m.Endpoint, m.Name}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[name]
	if l == nil {
		l = newLane(p.options)
		p.lanes[name] = l
	}
	return l
}
