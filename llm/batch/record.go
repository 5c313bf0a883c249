package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"papereval/llm"
)

// record is what is kept of a batch while it is under way: a file of the sender's folder, named by the batch. Before
// the endpoint has said what it calls the batch, the file is named "new-" and the token, by which the batch is found
// again if the process ends in between.
type record struct {
	Batch    string    `json:"batch,omitempty"`
	Token    string    `json:"token"`
	Endpoint string    `json:"endpoint"`
	Made     time.Time `json:"made"`
	Keys     []string  `json:"keys"` // of the calls, in the order of the lines
	// Counts says how many calls each line is for, whose custom_id is the key of its first; where there are none, as in
	// records of earlier versions, each line is for one.
	Counts []int `json:"counts,omitempty"`
	// Reserved is what is set aside for each call, by the reservation's number; there are none without a budget.
	Reserved []int64 `json:"reserved,omitempty"`
}

// add notes a line. What need not be told apart is left out, as in records of earlier versions.
func (r *record) add(line []*item) {
	lines := r.lines()
	if len(line) > 1 && r.Counts == nil {
		r.Counts = slices.Repeat([]int{1}, lines)
	}
	if r.Counts != nil {
		r.Counts = append(r.Counts, len(line))
	}
	for _, it := range line {
		if it.reserved != 0 && r.Reserved == nil {
			r.Reserved = make([]int64, len(r.Keys))
		}
		if r.Reserved != nil {
			r.Reserved = append(r.Reserved, it.reserved)
		}
		r.Keys = append(r.Keys, it.key)
	}
}

// lines is how many lines the batch has; it is -1 where the record contradicts itself.
func (r *record) lines() int {
	if r.Reserved != nil && len(r.Reserved) != len(r.Keys) {
		return -1
	}
	if r.Counts == nil {
		return len(r.Keys)
	}
	calls := 0
	for _, n := range r.Counts {
		if n < 1 || n > len(r.Keys) {
			return -1
		}
		calls += n
	}
	if calls != len(r.Keys) {
		return -1
	}
	return len(r.Counts)
}

// event is what is told of the batch.
func (r *record) event() Event {
	return Event{Batch: r.Batch, Calls: len(r.Keys), Lines: r.lines(), Since: r.Made}
}

const metadataToken, metadataRun = "bench_submission", "bench_run"

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

func (s *Sender) file(r *record) string {
	switch {
	case r.Batch == "":
		return filepath.Join(s.o.Dir, "new-"+r.Token+".json")
	case !plainName.MatchString(r.Batch): // ids come from the endpoint
		return filepath.Join(s.o.Dir, "token-"+r.Token+".json")
	}
	return filepath.Join(s.o.Dir, r.Batch+".json")
}

// save makes the record survive the end of the process, and of the machine.
func (s *Sender) save(r *record) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	name := s.file(r)
	f, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(name+".part", name)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(s.o.Dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// submitted notes a batch as under way.
func (s *Sender) submitted(r *record) error {
	if err := s.save(r); err != nil {
		return err
	}
	s.mu.Lock()
	s.open[r.Batch] = r
	s.mu.Unlock()
	_ = os.Remove(s.file(&record{Token: r.Token})) // it is found to be of this batch else
	return nil
}

// ended forgets a batch; what is reserved for the unanswered of its calls is given back before.
func (s *Sender) ended(sub *submission, unanswered ...*item) error {
	if err := s.release(unanswered...); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.open, sub.record.Batch)
	s.mu.Unlock()
	if err := os.Remove(s.file(sub.record)); err != nil {
		return err
	}
	s.move(sub, sent)
	return nil
}

// Start takes up the batches that earlier processes submitted; ctx bounds everything that the sender does.
func (s *Sender) Start(ctx context.Context) error {
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.opened, s.closing = context.WithCancel(s.ctx)
	if err := os.MkdirAll(s.o.Dir, 0o755); err != nil {
		return fmt.Errorf("the folder for batches: %w", err)
	}
	files, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return fmt.Errorf("the folder for batches: %w", err)
	}
	for _, f := range files {
		name := filepath.Join(s.o.Dir, f.Name())
		switch filepath.Ext(name) {
		case ".jsonl", ".part": // of a submission that was interrupted
			_ = os.Remove(name)
		case ".json":
			if err := s.resume(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume takes up one batch.
func (s *Sender) resume(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil || r.Token == "" || r.lines() < 1 {
		return fmt.Errorf("%s is no record of a batch any more: see at the endpoint which batches of this run there are, then delete the file; the answers of a batch that is not on record are lost", name)
	}
	if s.o.Endpoints[r.Endpoint] == nil {
		return fmt.Errorf("%s: a batch was submitted to %s, which is not where this run asks now (OPENAI_BASE_URL); delete the file to give its %d calls up", name, r.Endpoint, len(r.Keys))
	}
	client, err := s.o.Endpoints[r.Endpoint](s.ctx)
	if err != nil {
		return err
	}
	open, err := s.takeOver(&r)
	if err != nil {
		return err
	}
	if r.Batch == "" {
		found, err := s.find(client, &r)
		if err != nil {
			return fmt.Errorf("looking whether a batch was submitted before the last run ended: %w", err)
		}
		if found == "" {
			if err := s.o.Store.Release(s.ctx, open); err != nil {
				return err
			}
			return os.Remove(name)
		}
		r.Batch = found
		if err := s.submitted(&r); err != nil {
			return err
		}
	}
	sub := &submission{client: client, record: &r}
	var all []*item
	s.mu.Lock()
	s.open[r.Batch] = &r
	for line := range r.lines() {
		n := 1
		if r.Counts != nil {
			n = r.Counts[line]
		}
		sub.lines = append(sub.lines, nil)
		for range n {
			i := len(all)
			it := s.items[r.Keys[i]]
			if it == nil {
				it = &item{key: r.Keys[i], inherited: true, place: recorded, done: make(chan struct{})}
				s.add(it)
			}
			if r.Reserved != nil {
				it.reserved = r.Reserved[i]
			}
			all = append(all, it)
			sub.lines[line] = append(sub.lines[line], it)
		}
	}
	s.mu.Unlock()
	s.group.Go(func() { s.await(sub) })
	return nil
}

// takeOver takes over what an earlier process has reserved for a batch's calls, as far as it is open.
func (s *Sender) takeOver(r *record) (open []int64, err error) {
	if r.Reserved == nil {
		return nil, nil
	}
	var all []int64
	for _, id := range r.Reserved {
		if id > 0 {
			all = append(all, id)
		}
	}
	if open, err = s.o.Store.TakeOver(s.ctx, all); err != nil {
		return nil, err
	}
	is := map[int64]bool{}
	for _, id := range open {
		is[id] = true
	}
	for i, id := range r.Reserved {
		if id > 0 && !is[id] { // the answer was taken in, and the process ended before the batch was forgotten
			r.Reserved[i] = Settled
		}
	}
	return open, nil
}

// FailedError is why batches cannot go on.
type FailedError struct {
	Batch   string // the endpoint's id; empty where there is none yet
	Calls   int
	Message string
	Err     error // may be nil
}

func (e *FailedError) Error() string {
	what := fmt.Sprintf("a batch of %d calls", e.Calls)
	if e.Batch != "" {
		what = fmt.Sprintf("batch %s of %d calls", e.Batch, e.Calls)
	}
	s := what + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return llm.Redact(s)
}

func (e *FailedError) Unwrap() error { return e.Err }
