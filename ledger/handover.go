package ledger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
)

// handoverFormat and handoverVersion are in the first line of a handover.
const (
	handoverFormat  = "bench ledger"
	handoverVersion = 1
)

type handoverHead struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// handoverCall is one line: an answered call.
type handoverCall struct {
	Key       string            `json:"key"`
	Endpoint  string            `json:"endpoint"`
	Model     string            `json:"model"`
	Params    string            `json:"params"`
	Sample    int               `json:"sample"`
	Messages  []handoverMessage `json:"messages"`
	Paper     string            `json:"paper,omitempty"`
	System    string            `json:"system,omitempty"`
	Evaluator string            `json:"evaluator,omitempty"`
	Stage     string            `json:"stage,omitempty"`
	File      string            `json:"file,omitempty"`
	Answer    handoverAnswer    `json:"answer"`
}

type handoverMessage struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

type handoverAnswer struct {
	Text       content   `json:"text"`
	SHA256     string    `json:"sha256"` // of the text
	Finish     string    `json:"finish"`
	Snapshot   string    `json:"snapshot"`
	Source     string    `json:"source"`
	Prompt     int       `json:"prompt"`
	Cached     int       `json:"cached"`
	Completion int       `json:"completion"`
	Reasoning  int       `json:"reasoning"`
	Started    time.Time `json:"started,omitzero"`
	Elapsed    int64     `json:"elapsed"` // nanoseconds
	Batched    bool      `json:"batched,omitempty"`
}

// content is a text that survives JSON also where it is not UTF-8.
type content string

type rawContent struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes a string, or an object with the bytes where there is no such string.
func (c content) MarshalJSON() ([]byte, error) {
	if !utf8.ValidString(string(c)) {
		return json.Marshal(rawContent{[]byte(c)})
	}
	return json.Marshal(string(c))
}

// UnmarshalJSON reads both.
func (c *content) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var raw rawContent
		if err := json.Unmarshal(data, &raw); err != nil {
			return err
		}
		*c = content(raw.Base64)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*c = content(s)
	return nil
}

// Export writes answered calls with their requests as JSON lines: those that a run rests on, or all where run is
// empty. It returns how many it wrote. Damaged ones are left out; the error then joins their [*DamagedError]s.
func (l *Ledger) Export(ctx context.Context, w io.Writer, run string) (calls int, err error) {
	var keys [][]byte
	if run == "" {
		keys, err = l.queries.AnsweredKeys(ctx)
	} else {
		keys, err = l.queries.AnsweredKeysOfRun(ctx, run)
	}
	if err != nil {
		return 0, fmt.Errorf("export: %w", explain(l.path, err))
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	if err := out.Encode(handoverHead{handoverFormat, handoverVersion}); err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	var damages error
	for _, key := range keys {
		c, err := l.Call(ctx, hex.EncodeToString(key))
		if err == nil {
			c.Messages, err = l.Messages(ctx, c.Key)
		}
		switch {
		case errors.As(err, new(*DamagedError)):
			damages = errors.Join(damages, err)
			continue
		case errors.Is(err, ErrNotFound): // pruned meanwhile
			continue
		case err != nil:
			return calls, err
		}
		if err := out.Encode(handoverOf(c)); err != nil {
			return calls, fmt.Errorf("export call %s: %w", c.Key, err)
		}
		calls++
	}
	return calls, damages
}

func handoverOf(c *Call) handoverCall {
	h := handoverCall{
		Key: c.Key, Endpoint: c.Endpoint, Model: c.Model, Params: c.Params, Sample: c.Sample,
		Paper: c.Paper, System: c.System, Evaluator: c.Evaluator, Stage: c.Stage, File: c.File,
		Answer: handoverAnswer{
			Text: content(c.Text), SHA256: digest([]byte(c.Text)), Finish: c.Finish, Snapshot: c.Snapshot, Source: c.Source,
			Prompt: c.Prompt, Cached: c.Cached, Completion: c.Completion, Reasoning: c.Reasoning,
			Started: c.Started, Elapsed: int64(c.Elapsed), Batched: c.Batched,
		},
	}
	for _, m := range c.Messages {
		h.Messages = append(h.Messages, handoverMessage{m.Role, content(m.Content)})
	}
	return h
}

func (h *handoverCall) call() *Call {
	a := h.Answer
	c := &Call{
		Key: h.Key, Endpoint: h.Endpoint, Model: h.Model, Params: h.Params, Sample: h.Sample,
		Paper: h.Paper, System: h.System, Evaluator: h.Evaluator, Stage: h.Stage, File: h.File,
		Text: string(a.Text), Finish: a.Finish, Snapshot: a.Snapshot, Source: a.Source,
		Prompt: a.Prompt, Cached: a.Cached, Completion: a.Completion, Reasoning: a.Reasoning,
		Started: a.Started, Elapsed: time.Duration(a.Elapsed), Batched: a.Batched,
	}
	for _, m := range h.Messages {
		c.Messages = append(c.Messages, Message{m.Role, string(m.Content)})
	}
	return c
}

// Imported is what [Ledger.Import] did.
type Imported struct {
	New    int // taken
	Known  int // there already, with the same answer
	Other  int // there already, with another answer, which stays
	Mended int // were damaged here, and what was damaged is replaced
}

// Import reads what [Ledger.Export] wrote and takes the calls that are not known; nothing that is intact is replaced.
// check, which may be called several times at once, says what is wrong with a call, if anything: whether its key fits
// its content is nothing that the ledger knows. Calls that are damaged or refused are left out and the error joins
// what is wrong with them, by the lines of the file called name; all others are taken.
func (l *Ledger) Import(ctx context.Context, r io.Reader, name string, check func(*Call) error) (Imported, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	var problems []error
	problem := func(line int, err error) { problems = append(problems, fmt.Errorf("%s, line %d: %w", name, line, err)) }
	var head handoverHead
	first, err := in.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return Imported{}, fmt.Errorf("%s: %w", name, err)
	}
	if json.Unmarshal(first, &head) != nil || head.Format != handoverFormat {
		return Imported{}, fmt.Errorf("%s is not what `bench ledger export` writes: its first line is %.60q", name, bytes.TrimSpace(first))
	}
	if head.Version > handoverVersion {
		return Imported{}, fmt.Errorf("%s has version %d of the format and this bench knows versions up to %d: update bench", name, head.Version, handoverVersion)
	}

	type outcome struct {
		line int
		kind *int
		err  error
	}
	var done Imported
	outcomes := make(chan outcome)
	collected := make(chan struct{})
	go func() { // ends when outcomes is closed
		defer close(collected)
		for o := range outcomes {
			if o.err != nil {
				problem(o.line, o.err)
			} else {
				*o.kind++
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(32) // calls that share commits
	line := 1
	var end error
	for end == nil && ctx.Err() == nil {
		var data []byte
		data, end = in.ReadBytes('\n')
		line++
		if end != nil && len(bytes.TrimSpace(data)) == 0 {
			break
		}
		at, cut := line, end != nil && !errors.Is(end, io.EOF)
		if cut {
			break
		}
		group.Go(func() error {
			kind, err := l.take(ctx, data, &done, check)
			outcomes <- outcome{at, kind, err}
			return nil
		})
	}
	_ = group.Wait()
	close(outcomes)
	<-collected
	if end != nil && !errors.Is(end, io.EOF) {
		problem(line, fmt.Errorf("the file ends here: %w; what is before this line was taken", end))
	}
	return done, errors.Join(append(problems, ctx.Err())...)
}

// take takes one line and returns which of the counts it adds to.
func (l *Ledger) take(ctx context.Context, data []byte, done *Imported, check func(*Call) error) (*int, error) {
	var h handoverCall
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, fmt.Errorf("no call can be read from it: %w", err)
	}
	c := h.call()
	if err := checkKey(c.Key); err != nil {
		return nil, err
	}
	if digest([]byte(c.Text)) != h.Answer.SHA256 {
		return nil, fmt.Errorf("the answer of call %s does not match its digest", c.Key)
	}
	if err := check(c); err != nil {
		return nil, fmt.Errorf("call %s: %w", c.Key, err)
	}
	known, err := l.Call(ctx, c.Key)
	if err == nil {
		_, err = l.Messages(ctx, c.Key)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return &done.New, l.PutCall(ctx, c)
	case errors.As(err, new(*DamagedError)):
		return &done.Mended, l.PutCall(ctx, c)
	case err != nil:
		return nil, err
	case known.Text != c.Text:
		return &done.Other, nil
	}
	return &done.Known, nil
}
