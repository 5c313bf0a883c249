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
	items  []*item
	path   string // of its file
	size   int64
}

// send makes batches of a wave. One batch is for one model, and no larger than the endpoint's limits; equal prompts
// stand side by side.
func (s *Sender) send(items []*item) {
	order := map[string]int{} // of prompts, by arrival
	prompts := make(map[*item]int, len(items))
	for _, it := range items {
		prompt := llm.Key(it.req, 0)
		if _, ok := order[prompt]; !ok {
			order[prompt] = len(order)
		}
		prompts[it] = order[prompt]
	}
	slices.SortStableFunc(items, func(a, b *item) int {
		m, n := a.req.Model, b.req.Model
		return cmp.Or(cmp.Compare(m.Endpoint, n.Endpoint), cmp.Compare(m.Name, n.Name), cmp.Compare(prompts[a], prompts[b]),
			cmp.Compare(a.index, b.index))
	})
	for len(items) > 0 {
		client, err := s.o.Endpoints[items[0].req.Model.Endpoint](s.ctx)
		var sub *submission
		if err == nil {
			sub, items, err = s.pack(client, items)
		}
		if err != nil {
			s.stop(&FailedError{Calls: len(items), Message: "it cannot be made", Err: err})
			return
		}
		if len(sub.items) > 0 {
			s.group.Go(func() { s.carry(sub) })
		}
	}
}

// pack writes as many items into a file as it may hold, and returns those that are left. An item that is too large
// for any file is asked for singly.
func (s *Sender) pack(client *openai.Client, items []*item) (sub *submission, rest []*item, err error) {
	first := items[0].req.Model
	sub = &submission{client: client, record: &record{Token: strings.ToLower(rand.Text()), Endpoint: first.Endpoint}}
	sub.path = filepath.Join(s.o.Dir, "new-"+sub.record.Token+".jsonl")
	f, err := os.Create(sub.path)
	if err != nil {
		return nil, nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	defer func() {
		err = errors.Join(err, w.Flush(), f.Close())
		if err != nil || len(sub.items) == 0 {
			_ = os.Remove(sub.path)
		}
	}()
	for i, it := range items {
		m := it.req.Model
		if m.Endpoint != first.Endpoint || m.Name != first.Name || len(sub.items) == s.o.Lines {
			return sub, items[i:], nil
		}
		line := Line{Key: it.key, Model: m, Messages: it.req.Messages, Schema: it.req.Schema, Sample: it.index}
		data, err := line.encode()
		if err != nil {
			return nil, nil, err
		}
		if len(data) > s.o.Bytes {
			s.resolve(it, llm.Sample{}, true)
			continue
		}
		if sub.size+int64(len(data)) > int64(s.o.Bytes) {
			return sub, items[i:], nil
		}
		if _, err := w.Write(data); err != nil {
			return nil, nil, err
		}
		sub.size += int64(len(data))
		sub.items = append(sub.items, it)
		sub.record.Keys = append(sub.record.Keys, it.key)
	}
	return sub, nil, nil
}

// carry has a batch answered, from its submission to the last of its answers.
func (s *Sender) carry(sub *submission) {
	if err := s.submit(sub); err != nil {
		if s.ctx.Err() == nil {
			s.stop(&FailedError{Calls: len(sub.items), Message: refusal(err), Err: err})
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
	if err := s.note(sub.items); err != nil {
		return err
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
	if err != nil {
		return err
	}
	r.Made = time.Now().UTC()
	if err := s.save(r); err != nil {
		return err
	}
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
		if !transient(err) && s.ctx.Err() == nil { // a refusal: there is no batch
			_ = os.Remove(s.file(&record{Token: r.Token}))
		}
		return err
	}
	return s.submitted(r)
}

// note puts what a batch asks for into the store, so that its answers can be stored whoever waits for them by then.
func (s *Sender) note(items []*item) error {
	group, ctx := errgroup.WithContext(s.ctx)
	group.SetLimit(16)
	for _, it := range items {
		group.Go(func() error { return s.o.Store.Asked(ctx, it.req, it.index) })
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
