package batch

import (
	"context"
	"time"

	"papereval/llm"
)

// wave knows who works and who waits, so that a wave closes when nothing more can come. It is guarded by the
// sender's mutex.
type wave struct {
	awake int // workers that do not wait
	asked map[string][]*asked
	moved time.Time // when something moved last
	timer *time.Timer
	ended bool
}

// worker waits when each of its calls waits for a batch, or for the budget to let it into one, and it has one.
type worker struct {
	calls int
	busy  int // calls that do not wait
}

func (w *worker) waits() bool { return w.calls > 0 && w.busy == 0 }

// asked is one call of a worker. It waits when one of its samples does: equal calls of several workers wait for the
// same sample.
type asked struct {
	worker *worker
	keys   []string
	items  int // how many of its samples are on their way through a batch
}

type workerKey struct{}

// Work says that somebody works, who may make calls with the context that is returned, until done is called. No wave
// closes while a worker does anything but wait for answers.
func (s *Sender) Work(ctx context.Context) (worked context.Context, done func()) {
	w := &worker{}
	s.mu.Lock()
	s.wave.awake++
	s.mu.Unlock()
	return context.WithValue(ctx, workerKey{}, w), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.change(w, func() { w.calls, w.busy = 0, 0 })
		s.wave.awake--
		s.consider()
	}
}

// Watch returns a client that tells the sender which calls its workers make.
func (s *Sender) Watch(next llm.Client) llm.Client {
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		w, ok := ctx.Value(workerKey{}).(*worker)
		if !ok || s.o.Endpoints[req.Model.Endpoint] == nil {
			return next.Complete(ctx, req)
		}
		a := &asked{worker: w}
		for i := range req.Count() {
			a.keys = append(a.keys, llm.Key(req, req.First+i))
		}
		s.mu.Lock()
		s.change(w, func() {
			w.calls++
			for _, key := range a.keys {
				s.wave.asked[key] = append(s.wave.asked[key], a)
				if s.items[key] != nil {
					a.items++
				}
			}
			if a.items == 0 {
				w.busy++
			}
		})
		s.consider()
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.change(w, func() {
				w.calls--
				if a.items == 0 {
					w.busy--
				}
				for _, key := range a.keys {
					s.wave.forget(key, a)
				}
			})
			s.consider()
		}()
		return next.Complete(ctx, req)
	})
}

func (w *wave) forget(key string, a *asked) {
	list := w.asked[key]
	for i, other := range list {
		if other == a {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if w.asked[key] = list; len(list) == 0 {
		delete(w.asked, key)
	}
}

// change changes a worker and keeps the count of those who are awake.
func (s *Sender) change(w *worker, change func()) {
	before := w.waits()
	change()
	switch after := w.waits(); {
	case before && !after:
		s.wave.awake++
	case !before && after:
		s.wave.awake--
	}
}

// add and remove keep the items, and who waits for them.
func (s *Sender) add(it *item) {
	s.items[it.key] = it
	for _, a := range s.wave.asked[it.key] {
		s.change(a.worker, func() {
			if a.items++; a.items == 1 {
				a.worker.busy--
			}
		})
	}
}

func (s *Sender) remove(it *item) {
	if s.items[it.key] != it {
		return
	}
	delete(s.items, it.key)
	for _, a := range s.wave.asked[it.key] {
		s.change(a.worker, func() {
			if a.items--; a.items == 0 {
				a.worker.busy++
			}
		})
	}
}

// consider notes that something moved, and looks after a while whether the wave closes.
func (s *Sender) consider() {
	w := &s.wave
	w.moved = time.Now()
	if w.timer != nil || s.waiting == 0 || w.ended {
		return
	}
	w.timer = time.AfterFunc(s.o.Settle, s.look)
}

// patience is how long nothing may move until a wave closes. Somebody who works may be held up by what is no
// batch, such as a budget that is waited for: then it closes, too, only later.
func (s *Sender) patience() time.Duration {
	if s.wave.awake <= 0 {
		return s.o.Settle
	}
	return s.o.Idle
}

func (s *Sender) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.wave
	w.timer = nil
	if s.waiting == 0 || w.ended {
		return
	}
	patience := s.patience()
	quiet := time.Since(w.moved)
	if quiet >= patience && (w.awake <= 0 || s.live == 0 || s.o.Store.Waits()) { // who waits may do so for what is parked
		s.cut()
		return
	}
	// Who is awake now may wait soon: it is looked as often as if all did.
	w.timer = time.AfterFunc(min(max(patience-quiet, time.Millisecond), s.o.Settle), s.look)
}

func (w *wave) stop() {
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// cut closes the wave: what is parked is sent.
func (s *Sender) cut() {
	var items []*item
	for _, it := range s.parked {
		if it.place == parked {
			it.place = sent
			items = append(items, it)
		}
	}
	s.parked, s.waiting, s.bytes = nil, 0, 0
	s.waves++
	s.group.Go(func() { s.send(items) })
}
