package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"papereval/llm"
	"papereval/llm/openai"
)

const (
	firstPoll   = 250 * time.Millisecond
	longestPoll = time.Minute
	remind      = 10 * time.Minute // how often it is told how a batch is doing that stays as it is
	patience    = time.Hour        // how long an endpoint may be out of reach
)

// await waits for a batch that is under way and takes its answers in.
func (s *Sender) await(sub *submission) {
	b, err := s.poll(sub)
	if err == nil {
		err = s.finish(sub, b)
	}
	if err != nil && !errors.Is(err, errLeft) {
		s.stop(err)
	}
}

// errLeft says that nobody looks after a batch any more: the run has ended, or the batch is given up.
var errLeft = errors.New("left alone")

// poll asks how a batch is doing until it has come to its end.
func (s *Sender) poll(sub *submission) (*openai.Batch, error) {
	r := sub.record
	event := r.event()
	var told, unreached time.Duration
	status := "-"
	for pause := firstPoll; ; pause = min(pause*3/2, longestPoll) {
		last := s.opened.Err() != nil
		b, err := sub.client.Batch(s.ctx, r.Batch)
		if s.ctx.Err() != nil {
			return nil, errLeft
		}
		told += pause
		switch {
		case err == nil:
			unreached = 0
			event.Status, event.Done, event.Err = b.Status, b.RequestCounts.Completed+b.RequestCounts.Failed, nil
		case transient(err) && unreached < patience:
			unreached += pause
			event.Err = err
		case isGone(err) && r.Endpoint == llm.SimulatedEndpoint: // it lived in a process that has ended
			return nil, cmp.Or(s.giveUp(sub), errLeft)
		case isGone(err):
			return nil, &FailedError{r.Batch, len(r.Keys), fmt.Sprintf("the endpoint does not know it; use the key that it was submitted with, or delete %s to give it up", s.file(r)), err}
		default:
			return nil, &FailedError{r.Batch, len(r.Keys), "the endpoint does not say how it is doing; it goes on there, and the same command picks it up", err}
		}
		if now := event.Status + fmt.Sprint(event.Err); now != status || told >= remind {
			status, told = now, 0
			s.o.Notify(event)
		}
		if err == nil {
			switch b.Status {
			case "completed", "expired", "cancelled", "failed":
				return b, nil
			}
		}
		if last {
			return nil, errLeft
		}
		_ = s.o.Sleep(s.opened, pause) // cut short where the run ends
	}
}

func isGone(err error) bool {
	var e *llm.Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// giveUp forgets a batch; its calls go into the next wave.
func (s *Sender) giveUp(sub *submission) error {
	if err := s.ended(sub, sub.items()...); err != nil {
		return err
	}
	return s.giveBack(anew, sub.items()...)
}

// finish takes in what came of a batch.
func (s *Sender) finish(sub *submission, b *openai.Batch) error {
	r := sub.record
	failed := func(message string) *FailedError {
		return &FailedError{Batch: r.Batch, Calls: len(r.Keys), Message: message}
	}
	if b.Status == "failed" && isTooMuch(b) {
		if err := s.ended(sub); err != nil {
			return err
		}
		return s.again(sub)
	}
	if b.Status == "failed" {
		if err := s.ended(sub, sub.items()...); err != nil {
			return err
		}
		return failed("it was refused as a whole: " + s.reasons(sub, b))
	}
	waiting := make(map[string][]*item, len(sub.lines))
	for _, line := range sub.lines {
		waiting[line[0].key] = line
	}
	for _, file := range []*string{b.OutputFileID, b.ErrorFileID} {
		if file == nil || *file == "" {
			continue
		}
		err := s.retrying(func() error { return s.takeIn(sub, *file, waiting) })
		if s.ctx.Err() != nil {
			return errLeft
		}
		if err != nil {
			f := failed("its answers cannot be taken in; they stay at the endpoint, and the same command tries again")
			f.Err = err
			return f
		}
	}
	left := slices.Concat(slices.Collect(maps.Values(waiting))...)
	if err := s.ended(sub, left...); err != nil {
		return err
	}
	if b.Status == "cancelled" && len(left) > 0 {
		return failed(fmt.Sprintf("it was cancelled at the endpoint before %d of them were answered; the same command submits these again", len(left)))
	}
	return s.giveBack(singly, left...)
}

// takeIn reads one file of a batch: answers are stored, and handed to who waits for them. What has a result is no
// longer in waiting.
func (s *Sender) takeIn(sub *submission, file string, waiting map[string][]*item) error {
	group, ctx := errgroup.WithContext(s.ctx)
	group.SetLimit(16)
	var problems error
	err := sub.client.File(s.ctx, file, func(content io.Reader) error {
		problems = each(content, file, func(_ int, a *answer) {
			line := waiting[a.CustomID]
			if line == nil {
				return // taken in by a try before
			}
			delete(waiting, a.CustomID)
			group.Go(func() error { return s.take(ctx, sub, line, a) })
		})
		return nil
	})
	if err := cmp.Or(group.Wait(), err); err != nil {
		return err
	}
	if problems != nil { // those calls are asked for singly
		e := sub.record.event()
		e.Err = problems
		s.o.Notify(e)
	}
	return nil
}

// take takes in what came of one line. What the endpoint does not understand is left out in the next wave. Calls without
// an answer in a line for several are put into lines of their own, in the next wave, too, and that is what is done with
// all of the model's from then on: where the line was refused as requests with n are, once one of its calls was answered
// alone.
func (s *Sender) take(ctx context.Context, sub *submission, line []*item, a *answer) error {
	req, err := s.request(ctx, line)
	if errors.Is(err, llm.ErrUnknown) { // it cannot be stored, and what it cost cannot be known
		e := sub.record.event()
		e.Err = err
		s.o.Notify(e)
		req, a.err = &llm.Request{Samples: len(line)}, &llm.Error{Kind: llm.Unanswered, Estimated: true, Err: err}
	} else if err != nil {
		return err
	}
	if a.err != nil && a.Response != nil && err == nil && sub.client.Refused(sub.form, req, len(line), a.err, a.Response.Body) {
		return s.giveBack(anew, line...)
	}
	if a.err != nil && a.err.Kind == llm.BadRequest && len(line) > 1 {
		return s.separate(line, true)
	}
	samples := make([]llm.Sample, len(line))
	if a.err != nil {
		for i := range samples {
			samples[i].Err = a.err
		}
	} else {
		openai.Settle(a.completion, req, len(line))
		samples = openai.Samples(a.completion, req.Model, len(line))
	}
	for i, sample := range samples {
		one := *req
		one.First, one.Samples = req.First+i, 1
		if err := s.takeOne(ctx, sub, line[i], &one, sample); err != nil {
			return err
		}
	}
	s.mu.Lock()
	refused := s.apart[line[0].key]
	s.mu.Unlock()
	if len(samples) < len(line) || refused && samples[0].Err == nil {
		sub.client.Apart(req.Model.Name)
	}
	return s.separate(line[len(samples):], false)
}

// request is the one for the samples of a line.
func (s *Sender) request(ctx context.Context, line []*item) (*llm.Request, error) {
	s.mu.Lock()
	var req *llm.Request
	for i, it := range line {
		if it.req != nil {
			own := *it.req
			own.First = it.index - i
			req = &own
		}
	}
	s.mu.Unlock()
	if req == nil {
		var err error
		if req, err = s.o.Store.Request(ctx, line[0].key); err != nil {
			return nil, err
		}
	}
	req.Samples = len(line)
	return req, nil
}

// separate puts calls into lines of their own, in the next wave.
func (s *Sender) separate(line []*item, refused bool) error {
	s.mu.Lock()
	for _, it := range line {
		s.apart[it.key] = refused
	}
	s.mu.Unlock()
	return s.giveBack(anew, line...)
}

// takeOne stores one answer and hands it on.
func (s *Sender) takeOne(ctx context.Context, sub *submission, it *item, req *llm.Request, sample llm.Sample) error {
	r := sub.record
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	awaited, reserved := it.waiters > 0, it.reserved
	s.mu.Unlock()
	sample.Key, sample.Index, sample.Batched = it.key, req.First, true
	if sample.Err == nil && r.Endpoint == llm.SimulatedEndpoint && sample.Source != llm.Simulated {
		sample.Err = &llm.Error{Kind: llm.NotAnAnswer, Message: "a live model answered for the simulated one", Usage: sample.Usage}
	}
	var e *llm.Error
	if !errors.As(sample.Err, &e) {
		if err := s.o.Store.Answered(ctx, req, &sample, r.Made, reserved); err != nil {
			return err
		}
		s.resolve(it, sample, nothing)
		return nil
	}
	failure := *e
	failure.Endpoint, failure.Model, failure.Batched = r.Endpoint, req.Model.Name, true
	if failure.Usage == (llm.Usage{}) && failure.Kind != llm.NotAnAnswer && !failure.Estimated {
		return s.giveBack(singly, it)
	}
	// What was paid for is told to who asked, and asked for anew only then.
	if err := s.o.Store.Failed(ctx, req, &failure, reserved, awaited); err != nil {
		return err
	}
	sample.Err = &failure
	s.resolve(it, sample, nothing)
	return nil
}

// isTooMuch says whether a batch was refused because too many tokens wait at the endpoint.
func isTooMuch(b *openai.Batch) bool {
	if b.Errors == nil {
		return false
	}
	for _, e := range b.Errors.Data {
		if e.Code == "token_limit_exceeded" || strings.Contains(strings.ToLower(e.Message), "enqueued token limit") {
			return true
		}
	}
	return false
}

// again submits the calls of a batch that was too much: as one when other batches have ended, or else in two, one
// after the other. A single line is asked for singly.
func (s *Sender) again(sub *submission) error {
	var wanted, unwanted []*item
	s.mu.Lock()
	for _, it := range sub.items() {
		if it.waiters == 0 || it.inherited && it.reserved <= 0 { // the budget has not been asked
			unwanted = append(unwanted, it)
			continue
		}
		wanted = append(wanted, it)
	}
	crowded := len(s.open) > 0
	s.mu.Unlock()
	if err := s.giveBack(anew, unwanted...); err != nil {
		return err
	}
	all := s.lines(sub.client, wanted)
	parts := [][][]*item{all[:len(all)/2], all[len(all)/2:]}
	switch {
	case crowded:
		parts = [][][]*item{all}
		for len(s.Open()) > 0 {
			if s.o.Sleep(s.opened, longestPoll) != nil {
				return errLeft
			}
		}
	case len(all) == 1:
		return s.giveBack(singly, wanted...)
	}
	for _, part := range parts {
		if err := s.divide(sub.client, part, s.carry); err != nil {
			return err
		}
		if s.ctx.Err() != nil {
			return errLeft
		}
	}
	return nil
}

// reasons are what the endpoint says is wrong with a batch, the first few of them.
func (s *Sender) reasons(sub *submission, b *openai.Batch) string {
	if b.Errors == nil || len(b.Errors.Data) == 0 {
		return "the endpoint does not say why"
	}
	var parts []string
	for i, e := range b.Errors.Data {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(b.Errors.Data)-i))
			break
		}
		text := e.Message
		if e.Code != "" {
			text += " (" + e.Code + ")"
		}
		if e.Line != nil && *e.Line >= 1 && *e.Line <= len(sub.lines) {
			text = fmt.Sprintf("line %d: %s", *e.Line, text)
			s.mu.Lock()
			if req := sub.lines[*e.Line-1][0].req; req != nil && req.Label.String() != "" {
				text = fmt.Sprintf("line %d, %s: %s", *e.Line, req.Label, e.Message)
			}
			s.mu.Unlock()
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
