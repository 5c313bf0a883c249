package llm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Store is where [Remember] keeps samples. It is safe for concurrent use.
type Store interface {
	// Sample returns the sample with a key (see [Key]). Where there is none, or a damaged one, the error
	// wraps [ErrUnknown]; any other error means that the store cannot be read.
	Sample(ctx context.Context, key string) (*Sample, error)
	// Put stores an answer that was just paid for, and that this request uses it. When it returns nil the
	// answer survives the end of the process. Where another process has stored an answer in the meantime, it
	// replaces *s by that one.
	Put(ctx context.Context, req *Request, s *Sample, started time.Time) error
	// Used notes that a request uses a sample that was stored before.
	Used(ctx context.Context, req *Request, s *Sample) error
}

// Remember returns a client that never pays twice: samples that the store knows are not asked for, an
// answer is stored before anybody sees it, and equal samples asked for at the same time are asked for once.
// Samples that failed are not stored. Samples for which nothing was sent have Known set.
//
// A caller whose context ends leaves at once, or, if it was the one who asked on behalf of others, hands
// over to one of them.
func Remember(next Client, store Store) Client {
	return &memory{next: next, store: store, flights: map[string]*flight{}}
}

type memory struct {
	next  Client
	store Store
	keyer keyer

	mu      sync.Mutex
	flights map[string]*flight // by key
}

// flight is a sample that somebody is looking up or asking for. The fields are read after landed is closed.
type flight struct {
	landed chan struct{}
	sample Sample
	// fatal is set where the store failed: no sample can be used then.
	fatal error
	// abandoned means that whoever asked gave up, which says nothing about the sample.
	abandoned bool
}

func (m *memory) Complete(ctx context.Context, req *Request) (*Response, error) {
	keys := m.keyer.keys(req, req.First, req.Count())
	samples := make([]Sample, len(keys))
	flights := make([]*flight, len(keys))
	pending := make([]int, len(keys)) // positions without a result
	for i := range pending {
		pending[i] = i
	}
	for len(pending) > 0 {
		own := m.board(keys, pending, flights)
		// What is one's own is finished before waiting for others, so nobody can wait in a circle.
		if err := m.lead(ctx, req, keys, flights, own); err != nil {
			return nil, err
		}
		var again []int
		for _, i := range pending {
			f := flights[i]
			select {
			case <-f.landed:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			if f.abandoned && !own[i] {
				again = append(again, i)
				continue
			}
			if f.fatal != nil {
				return nil, f.fatal
			}
			samples[i] = f.sample
			if s := &samples[i]; !own[i] && s.Err == nil {
				s.Known = true
				if err := m.store.Used(context.WithoutCancel(ctx), req, s); err != nil {
					return nil, fmt.Errorf("noting the use of a known answer: %w", err)
				}
			}
		}
		pending = again
	}
	return &Response{Samples: samples}, nil
}

// board finds the flight of every pending position or starts one. It returns which ones it started.
func (m *memory) board(keys []string, pending []int, flights []*flight) map[int]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := map[int]bool{}
	for _, i := range pending {
		f := m.flights[keys[i]]
		if f == nil {
			f = &flight{landed: make(chan struct{})}
			m.flights[keys[i]] = f
			own[i] = true
		}
		flights[i] = f
	}
	return own
}

// land ends a flight: whoever waits for it goes on, and who comes later finds the sample in the store.
func (m *memory) land(key string, f *flight) {
	m.mu.Lock()
	delete(m.flights, key)
	m.mu.Unlock()
	close(f.landed)
}

// lead looks up and asks for the samples whose flights are one's own. An error is returned where the request
// failed as a whole.
func (m *memory) lead(ctx context.Context, req *Request, keys []string, flights []*flight, own map[int]bool) error {
	var unknown []int // indexes
	for i := range keys {
		if !own[i] {
			continue
		}
		f := flights[i]
		known, err := m.known(ctx, req, keys[i])
		switch {
		case err == nil:
			f.sample = *known
			f.sample.Index = req.First + i
		case errors.Is(err, ErrUnknown):
			unknown = append(unknown, req.First+i)
			continue
		default:
			f.fatal, f.abandoned = err, ctx.Err() != nil
		}
		m.land(keys[i], f)
	}
	if len(unknown) == 0 {
		return nil
	}
	started := time.Now()
	whole := Ask(ctx, m.next, req, unknown, func(s Sample) {
		i := s.Index - req.First
		s.Key = keys[i]
		f := flights[i]
		if s.Err == nil {
			// It is paid for: it is stored even if nobody waits for it any more.
			if err := m.store.Put(context.WithoutCancel(ctx), req, &s, started); err != nil {
				f.fatal = fmt.Errorf("storing an answer of %s: %w", req.Model.Name, err)
			}
		} else {
			f.abandoned = ctx.Err() != nil
		}
		f.sample = s
		m.land(keys[i], f)
	})
	if len(unknown) < len(keys) {
		return nil // the other samples are worth having
	}
	return whole
}

// known returns a sample that is in the store.
func (m *memory) known(ctx context.Context, req *Request, key string) (*Sample, error) {
	s, err := m.store.Sample(ctx, key)
	if err != nil {
		if errors.Is(err, ErrUnknown) {
			return nil, err
		}
		return nil, fmt.Errorf("looking for a known answer: %w", err)
	}
	known := *s
	known.Key, known.Known, known.Err = key, true, nil
	if err := m.store.Used(ctx, req, &known); err != nil {
		return nil, fmt.Errorf("noting the use of a known answer: %w", err)
	}
	return &known, nil
}
