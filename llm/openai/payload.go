package openai

import (
	"encoding/json"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"papereval/llm"
)

// largestKept is the size, in bytes, up to which a payload's memory is used again.
const largestKept = 4 << 20

// payload is an encoded body. Prompts are large and many, so its memory is used again as soon as nobody reads
// it any more: that may be later than the answer, when an endpoint answers before it has read everything.
type payload struct {
	data  []byte
	users atomic.Int32
	begun atomic.Bool // something was read, so something may have reached the endpoint
	pool  *sync.Pool
}

// payloads makes payloads.
type payloads struct {
	pool sync.Pool

	mu   sync.Mutex
	long map[string][]byte // as JSON: texts that stand in many bodies, such as papers
}

// Texts of these lengths in bytes are remembered as JSON, and so many of them.
const (
	longText    = 16 << 10
	longestText = 256 << 10
	mostTexts   = 64
)

// text appends the JSON of a text.
func (ps *payloads) text(to []byte, s string) []byte {
	if len(s) < longText || len(s) > longestText {
		return appendString(to, s)
	}
	ps.mu.Lock()
	known := ps.long[s]
	ps.mu.Unlock()
	if known == nil {
		known = appendString(make([]byte, 0, len(s)+len(s)/16), s)
		ps.mu.Lock()
		if len(ps.long) >= mostTexts || ps.long == nil {
			ps.long = make(map[string][]byte)
		}
		ps.long[s] = known
		ps.mu.Unlock()
	}
	return append(to, known...)
}

// encode returns a payload that its caller releases.
func (ps *payloads) encode(b *body) (*payload, error) {
	head := *b
	head.Messages = nil
	rest, err := json.Marshal(&head)
	if err != nil {
		return nil, err
	}
	p, ok := ps.pool.Get().(*payload)
	if !ok {
		p = &payload{pool: &ps.pool}
	}
	p.users.Store(1)
	p.begun.Store(false)
	size := len(rest) + 64
	for _, m := range b.Messages {
		size += len(m.Content) + len(m.Content)/16 + 64 // prose has a line break, which takes two bytes, in each 80 or so
	}
	if cap(p.data) < size { // growing step by step would leave as much garbage again
		p.data = make([]byte, 0, size)
	}
	p.data = ps.messages(append(p.data[:0], `{"messages":`...), b.Messages)
	p.data = append(p.data, ',')
	p.data = append(p.data, rest[1:]...)
	return p, nil
}

func (p *payload) release() {
	if p.users.Add(-1) == 0 && cap(p.data) <= largestKept {
		p.pool.Put(p)
	}
}

// messages appends the JSON of messages. It is what encoding/json makes of them but for < > and &, which
// need no escape, in a quarter of the time.
func (ps *payloads) messages(to []byte, messages []llm.Message) []byte {
	to = append(to, '[')
	for i, m := range messages {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, `{"role":`...)
		to = appendString(to, string(m.Role))
		to = append(to, `,"content":`...)
		to = ps.text(to, m.Content)
		to = append(to, '}')
	}
	return append(to, ']')
}

// escaped are the bytes that JSON wants escaped in a string.
var escaped = func() (table [256]bool) {
	for c := range ' ' {
		table[c] = true
	}
	table['"'], table['\\'] = true, true
	return table
}()

func appendString(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // with U+FFFD in the place of every wrong byte
	}
	to = append(to, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if !escaped[c] {
			continue
		}
		to = append(to, s[start:i]...)
		start = i + 1
		switch c {
		case '\n':
			to = append(to, '\\', 'n')
		case '"', '\\':
			to = append(to, '\\', c)
		default:
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	to = append(to, s[start:]...)
	return append(to, '"')
}

// reader reads the payload from its beginning.
func (p *payload) reader() io.ReadCloser {
	p.users.Add(1)
	return &payloadReader{data: p.data, payload: p}
}

type payloadReader struct {
	mu      sync.Mutex // HTTP/2 may close it while it is read
	data    []byte
	payload *payload // nil when closed
}

var errClosed = errors.New("the request's body is closed")

func (r *payloadReader) Read(to []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.payload == nil:
		return 0, errClosed
	case len(r.data) == 0:
		return 0, io.EOF
	}
	r.payload.begun.Store(true)
	n := copy(to, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *payloadReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.payload != nil {
		r.payload.release()
		r.payload, r.data = nil, nil
	}
	return nil
}
