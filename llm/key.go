package llm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"unicode/utf8"
)

// Key identifies one sample of a request: the SHA-256, in hexadecimal, of the canonical JSON of the model
// with its parameters, the messages, the schema of the answer where there is one, and the sample's index. Time limits, concurrency, API keys and labels
// are no part of it.
func Key(req *Request, index int) string {
	// Struct fields are encoded in the order of their declaration and there are no maps in it, so the
	// encoding is canonical. It is hashed as it is written: requests are large, and many are keyed at once.
	k := &keyed{hash: sha256.New()}
	k.text(`{"model":`)
	k.value(req.Model)
	k.text(`,"messages":`)
	if req.Messages == nil {
		k.text("null")
	} else {
		k.messages(req.Messages)
	}
	if req.Schema != nil {
		k.text(`,"schema":`)
		k.value(req.Schema)
	}
	k.text(`,"sample":` + strconv.Itoa(index) + "}")
	k.flush()
	return hex.EncodeToString(k.hash.Sum(nil))
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

func (k *keyed) value(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		// Strings and numbers always can be; a schema is a constant of the code that asks.
		panic(fmt.Sprintf("llm: a request that cannot be encoded: %v", err))
	}
	k.text(string(data))
}

func (k *keyed) messages(all []Message) {
	k.text("[")
	for i, m := range all {
		if i > 0 {
			k.text(",")
		}
		k.text(`{"role":`)
		k.value(m.Role)
		k.text(`,"content":"`)
		k.content(m.Content)
		k.text(`"}`)
	}
	k.text("]")
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
