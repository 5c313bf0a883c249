package batch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
)

// Store keeps what batches are about. It is safe for concurrent use.
type Store interface {
	// Asked notes that a sample of a request is about to be asked for. It survives the end of the process.
	Asked(ctx context.Context, req *llm.Request, index int) error
	// Answered stores the answer to a call that was noted, by its key. It survives the end of the process. awaited
	// is false where nobody waits for it, who would account for it. The error wraps [llm.ErrUnknown] where the
	// call is not known.
	Answered(ctx context.Context, s *llm.Sample, started time.Time, awaited bool) error
}

// String is the event as a reader sees it.
func (e Event) String() string {
	s := fmt.Sprintf("batch %s: %d calls", e.Batch, e.Calls)
	if e.Lines < e.Calls {
		s += fmt.Sprintf(" in %d lines", e.Lines)
	}
	if e.Status != "" {
		s += ", " + strings.ReplaceAll(e.Status, "_", " ")
	}
	if e.Done > 0 {
		s += fmt.Sprintf(", %d done", e.Done)
	}
	s += ", submitted at " + e.Since.Local().Format("15:04:05 on 2 January")
	if e.Err != nil {
		s += "; " + e.Err.Error()
	}
	return s
}

// Options say how a [Sender] works.
type Options struct {
	Run string // goes with every batch as metadata
	Dir string // keeps a file for every batch that is under way
	// Endpoints take batches, by what models call their endpoint. What is for another one goes to Live.
	Endpoints map[string]func(context.Context) (*openai.Client, error)
	Live      llm.Client // answers singly what a batch did not
	Store     Store
	Notify    func(Event) // called concurrently
	// Fail is told why batches cannot go on, before those who wait are.
	Fail func(error)

	// Lines and Bytes bound what one file holds; 0 stands for OpenAI's limits.
	Lines, Bytes int
	// A wave closes when every worker has waited for Settle, or nothing has moved for Idle; 0 stands for the usual.
	Settle, Idle time.Duration
	// Sleep replaces time in tests; nil is the real one.
	Sleep func(context.Context, time.Duration) error
}

// OpenAI's limits of one file.
const (
	MaxLines = 50_000
	MaxBytes = 200_000_000
)

// Event is how a batch is doing.
type Event struct {
	Batch  string // the endpoint's id
	Status string // by OpenAI's names
	Calls  int
	Lines  int       // of its file; one is for all samples of a prompt where the endpoint takes that
	Done   int       // of these, as far as the endpoint says
	Since  time.Time // its submission
	Err    error     // what went wrong beside it; nothing has ended by it
}

// Sender is a client that collects requests and has them answered in waves, as batches. A wave closes when
// everybody who works waits for an answer: see [Sender.Work]. Calls that a batch did not answer are asked for
// singly. It belongs below [llm.Remember], and its [Sender.Watch] above everything that may let calls wait.
//
// Batches outlive the process: a Sender with the same Dir waits for those that an earlier one submitted, and stores
// their answers whether anybody asks for them or not.
type Sender struct {
	o Options

	ctx     context.Context // of submissions; ends with the run
	cancel  context.CancelFunc
	opened  context.Context // ends when nobody asks any more
	closing context.CancelFunc
	group   sync.WaitGroup

	mu     sync.Mutex
	failed error            // why nothing is taken any more
	items  map[string]*item // parked or in a batch, by key
	single map[string]bool  // keys of calls that a batch did not answer
	parked []*item
	// waiting is how many of those parked somebody still waits for; bytes are their size, about.
	waiting, bytes int
	live           int // calls that are asked for singly at the moment
	waves          int
	open           map[string]*record // batches under way, by id

	wave wave
}

var _ llm.Client = (*Sender)(nil)

// item is one sample that is to come from a batch.
type item struct {
	key     string
	req     *llm.Request // nil where an earlier process asked and nobody has asked since
	index   int
	prompt  string // is the same for all samples of a prompt
	waiters int
	parked  bool // it is in no batch yet
	alone   bool // it goes into a line of its own, because it had no answer in one for several
	refused bool // that line was refused

	done chan struct{}
	// After done:
	sample llm.Sample
	singly bool // it has to be asked for singly
}

// NewSender returns a sender. [Sender.Start] comes next.
func NewSender(o Options) *Sender {
	set(&o.Lines, MaxLines)
	set(&o.Bytes, MaxBytes)
	set(&o.Settle, 500*time.Millisecond)
	set(&o.Idle, 15*time.Second)
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Sender{o: o, items: map[string]*item{}, single: map[string]bool{}, open: map[string]*record{},
		wave: wave{asked: map[string][]*asked{}}}
}

func set[T int | time.Duration](option *T, usual T) {
	if *option <= 0 {
		*option = usual
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close looks once more after batches that nobody waits for, stops looking after all, and waits until that is
// done. Batches that are under way stay so at the endpoint.
func (s *Sender) Close() {
	s.closing()
	s.mu.Lock()
	s.wave.stop()
	s.mu.Unlock()
	s.group.Wait()
	s.cancel()
}

// Open are the batches under way.
func (s *Sender) Open() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Event
	for _, r := range s.open {
		all = append(all, r.event())
	}
	return all
}

// Waves is how many waves have closed so far.
func (s *Sender) Waves() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waves
}

// Complete waits until all samples of a request were answered, which may take a day.
func (s *Sender) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if s.o.Endpoints[req.Model.Endpoint] == nil {
		return s.o.Live.Complete(ctx, req)
	}
	items, err := s.enter(req)
	if err != nil {
		return nil, err
	}
	defer s.leave(items)
	samples := make([]llm.Sample, len(items))
	var singly []int
	for i, it := range items {
		if it != nil {
			select {
			case <-it.done:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			if samples[i] = it.sample; !it.singly {
				samples[i].Index = req.First + i
				continue
			}
		}
		singly = append(singly, req.First+i)
	}
	if err := s.alone(ctx, req, singly, samples); err != nil && len(singly) == len(samples) {
		return nil, err
	}
	return &llm.Response{Samples: samples}, nil
}

// alone asks without a batch for the samples with those indexes, neighbours together. The error is non-nil if all of
// them failed.
func (s *Sender) alone(ctx context.Context, req *llm.Request, indexes []int, samples []llm.Sample) error {
	if len(indexes) == 0 {
		return nil
	}
	s.mu.Lock()
	s.live++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.live--
		s.consider()
		s.mu.Unlock()
	}()
	return llm.Ask(ctx, s.o.Live, req, indexes, func(sample llm.Sample) { samples[sample.Index-req.First] = sample })
}

// enter parks the samples of a request, or finds those that are in a batch already; an item is nil where its sample
// is to be asked for singly.
func (s *Sender) enter(req *llm.Request) ([]*item, error) {
	items := make([]*item, req.Count())
	keys := make([]string, len(items))
	size := 0
	for i := range keys {
		keys[i] = llm.Key(req, req.First+i)
	}
	prompt := llm.Key(req, 0)
	for _, m := range req.Messages {
		size += len(m.Content) + len(m.Content)/16 + 64
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	for i, key := range keys {
		if s.single[key] {
			continue
		}
		it := s.items[key]
		if it == nil {
			it = &item{key: key, done: make(chan struct{})}
			it.parked = true
			s.parked = append(s.parked, it)
			s.waiting++
			s.bytes += size + 512
			s.add(it)
		}
		if it.req == nil {
			it.req, it.index, it.prompt = req, req.First+i, prompt
		}
		it.waiters++
		items[i] = it
	}
	if s.waiting >= s.o.Lines || s.bytes >= s.o.Bytes {
		s.cut()
	}
	s.consider()
	return items, nil
}

// leave ends the wait for items. What nobody waits for any more is not sent.
func (s *Sender) leave(items []*item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range items {
		if it == nil {
			continue
		}
		if it.waiters--; it.waiters > 0 {
			continue
		}
		if it.parked {
			it.parked = false
			s.waiting--
			s.remove(it)
		}
	}
	s.consider()
}

// resolve ends an item: with a sample, or with its error, or, where singly is true, so that it is asked for alone.
func (s *Sender) resolve(it *item, sample llm.Sample, singly bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-it.done:
		return
	default:
	}
	it.sample, it.singly = sample, singly
	if singly || sample.Err != nil {
		s.single[it.key] = true
	}
	s.remove(it)
	close(it.done)
	s.consider()
}

// fail ends everything that waits.
func (s *Sender) fail(err error) {
	s.o.Fail(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
	s.parked, s.waiting = nil, 0
	for _, it := range s.items {
		it.sample = llm.Sample{Err: s.failed}
		s.remove(it)
		close(it.done)
	}
}
