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

// Store keeps what batches are about and what they cost. It is safe for concurrent use. What a method has done
// survives the end of the process.
type Store interface {
	// Reserve waits until a budget lets a request through and sets money aside for each of its samples; it returns
	// nothing where there is no budget.
	Reserve(ctx context.Context, req *llm.Request) (reserved []int64, err error)
	// Waits tells whether any call waits for the budget, one that is sent singly included.
	Waits() bool
	// Release gives back what was set aside for calls that cost nothing.
	Release(ctx context.Context, reserved []int64) error
	// TakeOver says which of the reservations of an earlier process are open still. They are this one's from then on.
	TakeOver(ctx context.Context, reserved []int64) (open []int64, err error)

	// Asked notes that a sample of a request is about to be asked for, so that what is reserved for it may be charged.
	Asked(ctx context.Context, req *llm.Request, index int, reserved int64) error
	// Request returns what was noted by its key, as a request for that sample alone. The error wraps
	// [llm.ErrUnknown] where it is not known.
	Request(ctx context.Context, key string) (*llm.Request, error)
	// Answered stores the answer to a request for one sample, once, and counts what it cost in the place of what was
	// reserved for it, which may be 0 for nothing or [Settled].
	Answered(ctx context.Context, req *llm.Request, s *llm.Sample, started time.Time, reserved int64) error
	// Failed counts what a request for one sample cost that has no answer. awaited is false where nobody waits for the
	// sample who would tell of it.
	Failed(ctx context.Context, req *llm.Request, failure *llm.Error, reserved int64, awaited bool) error
}

// Settled is in the place of a reservation where what the call cost has been counted.
const Settled = -1

// String is the event as a reader sees it.
func (e Event) String() string {
	s := fmt.Sprintf("batch %s: %d calls", e.Batch, e.Calls)
	switch {
	case e.Lines == 1 && e.Calls > 1:
		s += " in one line"
	case e.Lines < e.Calls:
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
	Live      llm.Client // answers singly what a batch did not, under the same budget
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
// A call goes into a batch once the budget has let it through: see [Store]. Who works and waits for the budget does not
// keep a wave from closing.
//
// Batches outlive the process, with what is reserved for their calls: a Sender with the same Dir waits for those that an
// earlier one submitted, and stores their answers whether anybody asks for them or not.
type Sender struct {
	o Options

	ctx     context.Context // of submissions; ends with the run
	cancel  context.CancelFunc
	opened  context.Context // ends when nobody asks any more
	closing context.CancelFunc
	group   sync.WaitGroup

	mu     sync.Mutex
	failed error            // why nothing is taken any more
	items  map[string]*item // by key
	single map[string]bool  // keys of calls that a batch did not answer
	apart  map[string]bool  // keys of calls that go into lines of their own; true where a line for several was refused
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
	key      string
	req      *llm.Request // nil where an earlier process asked and nobody has asked since
	index    int
	prompt   string // is the same for all samples of a prompt
	waiters  int
	place    place
	reserved int64 // what is set aside for it: 0 for nothing, or [Settled]
	// inherited is true where an earlier process has put it into its batch.
	inherited bool

	done chan struct{}
	// After done:
	sample llm.Sample
	then   then
}

// place is where an item is.
type place int

const (
	outside  place = iota // it waits for the budget
	parked                // it waits for the wave to close
	sent                  // it is in a batch, or about to be
	recorded              // and the batch is on record
)

// then is what is to be done with an item that is done.
type then int

const (
	nothing then = iota // the sample is there, or its error
	singly              // it is to be asked for singly
	anew                // it is to be asked for as at first
)

// NewSender returns a sender. [Sender.Start] comes next.
func NewSender(o Options) *Sender {
	set(&o.Lines, MaxLines)
	set(&o.Bytes, MaxBytes)
	set(&o.Settle, 500*time.Millisecond)
	set(&o.Idle, 15*time.Second)
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Sender{o: o, items: map[string]*item{}, single: map[string]bool{}, apart: map[string]bool{}, open: map[string]*record{},
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
// done. Batches that are under way stay so at the endpoint, and what is reserved for their calls stays reserved.
func (s *Sender) Close() {
	s.closing()
	s.mu.Lock()
	s.wave.stop()
	s.mu.Unlock()
	s.group.Wait()
	s.cancel()
	var unsent []*item
	s.mu.Lock()
	for _, it := range s.items {
		if it.place == sent {
			unsent = append(unsent, it)
		}
	}
	s.mu.Unlock()
	_ = s.release(unsent...) // they are asked for again, whatever is set aside
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
	items, fresh, err := s.enter(req)
	if err != nil {
		return nil, err
	}
	defer s.leave(items)
	if err := s.admit(ctx, req, items, fresh); err != nil {
		return nil, err
	}
	samples := make([]llm.Sample, len(items))
	next := make([]then, len(items))
	var wg sync.WaitGroup
	for i, it := range items {
		if next[i] = singly; it != nil {
			wg.Go(func() { samples[i], next[i] = s.wait(ctx, req, i, it) })
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var alone []int
	for i := range next {
		if next[i] == singly {
			alone = append(alone, req.First+i)
		}
	}
	if err := s.alone(ctx, req, alone, samples); err != nil && len(alone) == len(samples) {
		return nil, err
	}
	return &llm.Response{Samples: samples}, nil
}

// wait waits for the i-th sample of a request; where its batch says so, in the next wave once more.
func (s *Sender) wait(ctx context.Context, req *llm.Request, i int, it *item) (llm.Sample, then) {
	select {
	case <-it.done:
	case <-ctx.Done():
		return llm.Sample{}, nothing
	}
	sample := it.sample
	sample.Index = req.First + i
	if it.then == anew {
		_ = llm.Ask(ctx, s, req, []int{req.First + i}, func(again llm.Sample) { sample = again }) // its error is the sample's
	}
	return sample, it.then
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

// enter finds the samples of a request that are on their way already, and begins the others, whose places it returns.
// An item is nil where its sample is to be asked for singly.
func (s *Sender) enter(req *llm.Request) (items []*item, fresh []int, err error) {
	items = make([]*item, req.Count())
	keys := make([]string, len(items))
	for i := range keys {
		keys[i] = llm.Key(req, req.First+i)
	}
	prompt := llm.Key(req, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, nil, s.failed
	}
	for i, key := range keys {
		if s.single[key] {
			continue
		}
		it := s.items[key]
		if it == nil {
			it = &item{key: key, done: make(chan struct{})}
			fresh = append(fresh, i)
			s.add(it)
		}
		if it.req == nil {
			it.req, it.index, it.prompt = req, req.First+i, prompt
		}
		it.waiters++
		items[i] = it
	}
	s.consider()
	return items, fresh, nil
}

// admit parks the fresh samples of a request as the budget lets them through, neighbours together.
func (s *Sender) admit(ctx context.Context, req *llm.Request, items []*item, fresh []int) error {
	for len(fresh) > 0 {
		first, n := fresh[0], 1
		for n < len(fresh) && fresh[n] == first+n {
			n++
		}
		part := *req
		part.First, part.Samples = req.First+first, n
		reserved, err := s.o.Store.Reserve(ctx, &part)
		if err != nil {
			return err
		}
		s.park(&part, items[first:first+n], reserved)
		fresh = fresh[n:]
	}
	return nil
}

func (s *Sender) park(req *llm.Request, items []*item, reserved []int64) {
	size := 512
	for _, m := range req.Messages {
		size += len(m.Content) + len(m.Content)/16 + 64
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, it := range items {
		if reserved != nil {
			it.reserved = reserved[i]
		}
		if s.items[it.key] != it { // all has failed meanwhile; who leaves gives it back
			continue
		}
		it.place = parked
		s.parked = append(s.parked, it)
		s.waiting++
		s.bytes += size
	}
	if s.waiting >= s.o.Lines || s.bytes >= s.o.Bytes {
		s.cut()
	}
	s.consider()
}

// leave ends the wait for items. What nobody waits for any more is not sent, and what was set aside for it is given
// back.
func (s *Sender) leave(items []*item) {
	var unsent []*item
	s.mu.Lock()
	for _, it := range items {
		if it == nil {
			continue
		}
		it.waiters--
		switch {
		case it.place >= sent, it.waiters > 0 && it.place == parked:
			continue
		case it.waiters > 0: // nobody knows whether the one who asks the budget has left
			s.end(it, llm.Sample{}, anew)
			continue
		case it.place == parked:
			it.place = outside
			s.waiting--
		}
		s.remove(it)
		unsent = append(unsent, it)
	}
	s.consider()
	s.mu.Unlock()
	_ = s.release(unsent...) // a ledger that cannot be written fails whoever stores the next answer
}

// release gives back what was set aside for calls that cost nothing.
func (s *Sender) release(items ...*item) error {
	var reserved []int64
	s.mu.Lock()
	for _, it := range items {
		if it.reserved > 0 {
			reserved = append(reserved, it.reserved)
		}
		it.reserved = 0
	}
	s.mu.Unlock()
	if reserved == nil {
		return nil
	}
	return s.o.Store.Release(context.WithoutCancel(s.ctx), reserved)
}

// giveBack releases items and ends them: what comes next, with the budget, is for who waits for them.
func (s *Sender) giveBack(next then, items ...*item) error {
	if err := s.release(items...); err != nil {
		return err
	}
	for _, it := range items {
		s.resolve(it, llm.Sample{}, next)
	}
	return nil
}

// resolve ends an item: with a sample, or with its error, or with what is to be done to have one.
func (s *Sender) resolve(it *item, sample llm.Sample, next then) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(it, sample, next)
}

func (s *Sender) end(it *item, sample llm.Sample, next then) {
	select {
	case <-it.done:
		return
	default:
	}
	it.sample, it.then = sample, next
	if next == singly || sample.Err != nil {
		s.single[it.key] = true
	}
	s.remove(it)
	close(it.done)
	s.consider()
}

// fail ends everything that waits. What is reserved for batches that are on record stays so.
func (s *Sender) fail(err error) {
	s.o.Fail(err)
	var unsent []*item
	s.mu.Lock()
	if s.failed == nil {
		s.failed = err
	}
	s.parked, s.waiting = nil, 0
	for _, it := range s.items {
		if it.place != recorded {
			it.place = outside
			unsent = append(unsent, it)
		}
		it.sample = llm.Sample{Err: s.failed}
		s.remove(it)
		close(it.done)
	}
	s.mu.Unlock()
	_ = s.release(unsent...) // what has failed is told already
}
