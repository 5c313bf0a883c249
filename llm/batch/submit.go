package batch

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"papereval/llm"
	"papereval/llm/openai"
)

// submission is one batch, from its file to its answers.
type submission struct {
	client *openai.Client
	record *record
	form   openai.Lines
	lines  [][]*item // the calls of each
	path   string    // of its file
	size   int64
}

func (sub *submission) items() []*item { return slices.Concat(sub.lines...) }

// maxChoices is how many samples a request may ask for at OpenAI
// (https://platform.openai.com/docs/api-reference/chat/create, n).
const maxChoices = 128

// lines puts calls to one model, whose prompts are side by side, into lines: into the same one the samples of a prompt
// that follow each other, where the endpoint takes several, so that the prompt is paid for once.
func (s *Sender) lines(client *openai.Client, items []*item) (all [][]*item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	alone := func(it *item) bool {
		_, apart := s.apart[it.key]
		return apart || !client.Together(it.req.Model.Name)
	}
	for _, it := range items {
		if n := len(all) - 1; n >= 0 && !alone(it) {
			last := all[n][len(all[n])-1]
			if !alone(last) && last.prompt == it.prompt && last.index+1 == it.index && len(all[n]) < maxChoices {
				all[n] = append(all[n], it)
				continue
			}
		}
		all = append(all, []*item{it})
	}
	return all
}

// send makes batches of a wave. One batch is for one model, and no larger than the endpoint's limits; equal prompts
// stand side by side.
func (s *Sender) send(items []*item) {
	order := map[string]int{} // of prompts, by arrival
	for _, it := range items {
		if _, ok := order[it.prompt]; !ok {
			order[it.prompt] = len(order)
		}
	}
	slices.SortStableFunc(items, func(a, b *item) int {
		m, n := a.req.Model, b.req.Model
		return cmp.Or(cmp.Compare(m.Endpoint, n.Endpoint), cmp.Compare(m.Name, n.Name), cmp.Compare(order[a.prompt], order[b.prompt]),
			cmp.Compare(a.index, b.index))
	})
	for len(items) > 0 {
		model := items[0].req.Model
		others := slices.IndexFunc(items, func(it *item) bool {
			return it.req.Model.Endpoint != model.Endpoint || it.req.Model.Name != model.Name
		})
		if others < 0 {
			others = len(items)
		}
		client, err := s.o.Endpoints[model.Endpoint](s.ctx)
		if err == nil {
			err = s.divide(client, s.lines(client, items[:others]), func(sub *submission) { s.group.Go(func() { s.carry(sub) }) })
		}
		if err != nil {
			s.stop(&FailedError{Calls: len(items), Message: "it cannot be made", Err: err})
			return
		}
		items = items[others:]
	}
}

// divide makes as few batches of the lines as it takes.
func (s *Sender) divide(client *openai.Client, lines [][]*item, carry func(*submission)) error {
	for len(lines) > 0 && s.ctx.Err() == nil {
		sub, rest, err := s.pack(client, lines)
		if err != nil {
			return err
		}
		if lines = rest; len(sub.lines) > 0 {
			carry(sub)
		}
	}
	return nil
}

// pack writes as many lines into a file as it may hold, and returns those that are left. One that is too large for any
// file is asked for singly.
func (s *Sender) pack(client *openai.Client, lines [][]*item) (sub *submission, rest [][]*item, err error) {
	first := lines[0][0].req.Model
	sub = &submission{client: client, form: client.Lines(first.Name), record: &record{Token: strings.ToLower(rand.Text()), Endpoint: first.Endpoint}}
	sub.path = filepath.Join(s.o.Dir, "new-"+sub.record.Token+".jsonl")
	f, err := os.Create(sub.path)
	if err != nil {
		return nil, nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	defer func() {
		err = errors.Join(err, w.Flush(), f.Close())
		if err != nil || len(sub.lines) == 0 {
			_ = os.Remove(f.Name())
		}
	}()
	for i, line := range lines {
		if len(sub.lines) == s.o.Lines {
			return sub, lines[i:], nil
		}
		it := line[0]
		body, err := client.BatchBody(sub.form, it.req, len(line))
		if err != nil {
			return nil, nil, err
		}
		data, err := encode(it.key, client.BatchPath(), it.req.Model, it.index, body)
		if err != nil {
			return nil, nil, err
		}
		if len(data) > s.o.Bytes {
			if err := s.giveBack(singly, line...); err != nil {
				return nil, nil, err
			}
			continue
		}
		if sub.size+int64(len(data)) > int64(s.o.Bytes) {
			return sub, lines[i:], nil
		}
		if _, err := w.Write(data); err != nil {
			return nil, nil, err
		}
		sub.size += int64(len(data))
		sub.lines = append(sub.lines, line)
		s.mu.Lock()
		sub.record.add(line)
		s.mu.Unlock()
	}
	return sub, nil, nil
}

// carry has a batch answered, from its submission to the last of its answers.
func (s *Sender) carry(sub *submission) {
	err := s.submit(sub)
	_ = os.Remove(sub.path) // what has not been uploaded is not sent
	if err != nil {
		if s.ctx.Err() == nil {
			s.stop(&FailedError{Calls: len(sub.record.Keys), Message: refusal(err), Err: err})
		}
		return
	}
	s.await(sub)
}

func refusal(err error) string {
	var e *llm.Error
	if errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotImplemented) {
		return "the endpoint does not take batches; leave out --batch"
	}
	return "it could not be submitted; the same command tries again"
}

// stop ends everything that waits, unless it ends anyway.
func (s *Sender) stop(err error) {
	if s.ctx.Err() == nil {
		s.fail(err)
	}
}

// submit uploads a batch's file and has it begun. What was begun is on record, or is found again by its token.
func (s *Sender) submit(sub *submission) error {
	r := sub.record
	r.Made = time.Now().UTC()
	if err := s.save(r); err != nil { // now, so that what is reserved is on record before anything can be charged
		return err
	}
	s.move(sub, recorded)
	if err := s.note(sub); err != nil {
		return s.unsubmitted(sub, err)
	}
	var input string
	err := s.retrying(func() (err error) {
		f, err := os.Open(sub.path)
		if err != nil {
			return err
		}
		defer f.Close()
		input, err = sub.client.UploadBatch(s.ctx, "bench-"+r.Token+".jsonl", f, sub.size)
		return err
	})
	if err == nil {
		err = s.uploaded(sub.client, input)
	}
	if err != nil {
		return s.unsubmitted(sub, err)
	}
	r.Made = time.Now().UTC()
	tried := false
	err = s.retrying(func() (err error) {
		if tried { // it may have arrived although no answer did
			if r.Batch, err = s.find(sub.client, r); err != nil || r.Batch != "" {
				return err
			}
		}
		tried = true
		b, err := sub.client.CreateBatch(s.ctx, input, map[string]string{metadataToken: r.Token, metadataRun: s.o.Run})
		if err == nil {
			r.Batch = b.ID
		}
		return err
	})
	if err != nil {
		if transient(err) || s.ctx.Err() != nil { // there may be a batch
			return err
		}
		return s.unsubmitted(sub, err)
	}
	return s.submitted(r)
}

// uploaded waits until an uploaded file can be used.
func (s *Sender) uploaded(client *openai.Client, file string) error {
	for pause := firstPoll; ; pause = min(pause*3/2, longestPoll) {
		ready := false
		err := s.retrying(func() (err error) {
			ready, err = client.Uploaded(s.ctx, file)
			return err
		})
		if ready || err != nil {
			return err
		}
		if err := s.o.Sleep(s.ctx, pause); err != nil {
			return err
		}
	}
}

// unsubmitted forgets a batch that was never begun, for that reason.
func (s *Sender) unsubmitted(sub *submission, err error) error {
	_ = os.Remove(s.file(&record{Token: sub.record.Token}))
	s.move(sub, sent)
	return err
}

func (s *Sender) move(sub *submission, to place) {
	s.mu.Lock()
	for _, it := range sub.items() {
		it.place = to
	}
	s.mu.Unlock()
}

// note puts what a batch asks for into the store, so that its answers can be stored whoever waits for them by then.
func (s *Sender) note(sub *submission) error {
	group, ctx := errgroup.WithContext(s.ctx)
	group.SetLimit(64)
	for i, it := range sub.items() {
		reserved := int64(0)
		if sub.record.Reserved != nil {
			reserved = sub.record.Reserved[i]
		}
		group.Go(func() error { return s.o.Store.Asked(ctx, it.req, it.index, reserved) })
	}
	return group.Wait()
}

// find looks for the batch of a submission at the endpoint; the id is empty where there is none.
func (s *Sender) find(client *openai.Client, r *record) (id string, err error) {
	var all []openai.Batch
	err = s.retrying(func() (err error) {
		all, err = client.Batches(s.ctx, r.Made.Add(-time.Hour)) // clocks differ
		return err
	})
	for _, b := range all {
		if b.Metadata[metadataToken] == r.Token {
			return b.ID, nil
		}
	}
	return "", err
}

const maxTries = 8

// retrying does something up to 8 times, as long as it fails for a passing reason. The pauses are those of a few
// minutes in all, or as long as the endpoint asks for.
func (s *Sender) retrying(do func() error) error {
	pause := time.Second
	for try := 1; ; try++ {
		err := do()
		if err == nil || s.ctx.Err() != nil || !transient(err) || try == maxTries {
			return err
		}
		var e *llm.Error
		if errors.As(err, &e) && e.RetryAfter > pause {
			pause = min(e.RetryAfter, 15*time.Minute)
		}
		if err := s.o.Sleep(s.ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, time.Minute)
	}
}

// transient tells errors that may pass.
func transient(err error) bool {
	var e *llm.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case llm.RateLimited, llm.Overloaded, llm.Network, llm.Server, llm.CutShort:
		return true
	case llm.NotAnAnswer:
		return e.Status < http.StatusBadRequest
	}
	return false
}
