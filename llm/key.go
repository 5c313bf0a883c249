package llm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"sync"
	"unicode/utf8"
)

// Key identifies one sample of a request: the SHA-256, in hexadecimal, of the canonical JSON of the model
// with its parameters, the messages, the schema of the answer where there is one, and the sample's index. Time limits, concurrency, API keys and labels
// are no part of it.
func Key(req *Request, index int) string { return (&keyer{}).keys(req, index, 1)[0] }

// keyer makes keys. It remembers how their hash stands after the messages that many prompts begin with, such as a paper.
type keyer struct {
	mu    sync.Mutex
	begun map[beginning]hash.Cloner
}

// beginning is the model and the first two messages of prompts.
type beginning struct {
	model         string
	first, second Message
}

const (
	longBeginning  = 16 << 10 // bytes: what is shorter is hashed as fast as it is found
	mostBeginnings = 64
)

// keys are those of count samples from the first on.
func (k *keyer) keys(req *Request, first, count int) []string {
	// Struct fields are encoded in the order of their declaration and there are no maps in it, so the
	// encoding is canonical. It is hashed as it is written: requests are large, and many are keyed at once.
	to := &keyed{hash: sha256.New()}
	model := encoded(req.Model)
	begin := beginning{model: model}
	long := false
	if len(req.Messages) > 2 {
		begin.first, begin.second = req.Messages[0], req.Messages[1]
		long = len(begin.first.Content)+len(begin.second.Content) >= longBeginning
	}
	messages := req.Messages
	if state := k.find(begin, long); state != nil {
		to.hash, messages = state, messages[2:]
	} else {
		to.text(`{"model":` + model + `,"messages":`)
		if messages == nil {
			to.text("null")
		} else {
			to.text("[")
		}
		if long {
			to.messages(messages[:2])
			to.flush()
			k.keep(begin, to.hash)
			messages = messages[2:]
		}
	}
	if len(messages) < len(req.Messages) {
		to.text(",")
	}
	to.messages(messages)
	if req.Messages != nil {
		to.text("]")
	}
	if req.Schema != nil {
		to.text(`,"schema":` + encoded(req.Schema))
	}
	to.text(`,"sample":`)
	to.flush()
	keys := make([]string, count)
	for i := range keys {
		one := clone(to.hash)
		one.Write([]byte(strconv.Itoa(first+i) + "}"))
		keys[i] = hex.EncodeToString(one.Sum(nil))
	}
	return keys
}

// find returns the hash as it stands after a beginning, to go on with; nil where that is not known.
func (k *keyer) find(b beginning, long bool) hash.Hash {
	if !long {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if state := k.begun[b]; state != nil {
		return clone(state)
	}
	return nil
}

func (k *keyer) keep(b beginning, state hash.Hash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.begun == nil || len(k.begun) >= mostBeginnings {
		k.begun = make(map[beginning]hash.Cloner)
	}
	k.begun[b] = clone(state)
}

func clone(h hash.Hash) hash.Cloner {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic(fmt.Sprintf("llm: SHA-256 cannot be cloned: %v", err)) // it always can
	}
	return c
}

func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		// Strings and numbers always can be; a schema is a constant of the code that asks.
		panic(fmt.Sprintf("llm: a request that cannot be encoded: %v", err))
	}
	return string(data)
}

// keyed writes JSON, in the bytes that encoding/json has for it, into a hash.
type keyed struct {
	hash   hash.Hash
	buffer [4096]byte
	filled int
}

func (k *keyed) flush() {
	k.hash.Write(k.buffer[:k.filled])
	k.filled = 0
}

func (k *keyed) text(s string) {
	for s != "" {
		if k.filled == len(k.buffer) {
			k.flush()
		}
		n := copy(k.buffer[k.filled:], s)
		k.filled += n
		s = s[n:]
	}
}

func (k *keyed) messages(all []Message) {
	for i, m := range all {
		if i > 0 {
			k.text(",")
		}
		k.text(`{"role":` + encoded(m.Role) + `,"content":"`)
		k.content(m.Content)
		k.text(`"}`)
	}
}

// escapes are what encoding/json writes in the place of a byte; "" for those that it leaves as they are.
var escapes = func() (table [utf8.RuneSelf]string) {
	for c := range table {
		switch {
		case c < 0x20, c == '<', c == '>', c == '&':
			table[c] = fmt.Sprintf(`\u%04x`, c)
		case c == '"', c == '\\':
			table[c] = `\` + string(rune(c))
		}
	}
	table['\n'], table['\r'], table['\t'], table['\b'], table['\f'] = `\n`, `\r`, `\t`, `\b`, `\f`
	return table
}()

func (k *keyed) content(s string) {
	start := 0
	for i := 0; i < len(s); {
		written, size := "", 1
		if c := s[i]; c < utf8.RuneSelf {
			written = escapes[c]
		} else {
			var r rune
			switch r, size = utf8.DecodeRuneInString(s[i:]); {
			case r == utf8.RuneError && size == 1:
				written = `\ufffd`
			case r == '\u2028':
				written = `\u2028`
			case r == '\u2029':
				written = `\u2029`
			}
		}
		if written != "" {
			k.text(s[start:i])
			k.text(written)
			start = i + size
		}
		i += size
	}
	k.text(s[start:])
}
