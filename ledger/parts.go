package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"papereval/ledger/db"
)

// hotChunks is how many chunks' ids are remembered at least, 8 KB of text each.
const hotChunks = 1 << 15

// Messages of these lengths are remembered with their parts, this many at least: a paper stands in the prompts about all
// leaves of its rubric.
const (
	hotMessages      = 64
	shortMessage     = 16 << 10
	tooLongToPutAway = 256 << 10
)

// part is a chunk of a message. It is a slice of the message's content, not a copy.
type part struct {
	digest sum
	text   string
}

// parts are the messages of a call on their way into the ledger.
type parts struct {
	roles    []string
	messages [][]part
	// packs holds those parts that were new when the call was cut; they may be known when its turn comes.
	packs []pack
	// mend is set where what is stored is damaged: all parts are stored again.
	mend bool
}

// pack is some parts, compressed together.
type pack struct {
	parts []part
	size  int
	body  []byte
}

// cutUp prepares a call's messages. It is done before the writer's turn, so that callers do it side by side; parts
// that this process knows to be stored cost their digest and nothing else. It returns nil where there is nothing to
// store: the messages are there, and intact.
func (l *Ledger) cutUp(ctx context.Context, c *Call) (*parts, error) {
	if err := checkKey(c.Key); err != nil {
		return nil, err
	}
	if l.isClosed() {
		return nil, explain(l.path, ErrClosed)
	}
	ctx = context.WithoutCancel(ctx) // what was paid for is stored although the caller was interrupted
	key, _ := binaryKey(c.Key)
	n, err := l.queries.CountMessages(ctx, key)
	if err != nil {
		return nil, explain(l.path, err)
	}
	mend := false
	if int(n) == len(c.Messages) && n > 0 {
		_, err := l.Messages(ctx, c.Key)
		if err == nil {
			return nil, nil
		}
		if mend = errors.As(err, new(*DamagedError)); !mend {
			return nil, err
		}
	}
	for i, m := range c.Messages {
		if len(m.Content) > maxText {
			return nil, fmt.Errorf("message %d has %d bytes; the ledger holds at most %d", i, len(m.Content), maxText)
		}
	}
	return l.cutAll(c, mend), nil
}

func (l *Ledger) cutAll(c *Call, mend bool) *parts {
	p := &parts{mend: mend}
	var fresh []part
	seen := map[sum]bool{}
	for _, m := range c.Messages {
		message := l.cutMessage(m.Content)
		for _, one := range message {
			if _, known := l.chunks.get(one.digest); seen[one.digest] || known && !p.mend {
				continue
			}
			seen[one.digest] = true
			fresh = append(fresh, one)
		}
		p.roles = append(p.roles, m.Role)
		p.messages = append(p.messages, message)
	}
	p.packs = l.compress(fresh)
	return p
}

// cutMessage cuts a message into its parts.
func (l *Ledger) cutMessage(content string) (message []part) {
	long := len(content) > shortMessage && len(content) < tooLongToPutAway
	if long {
		if known, ok := l.long.get(content); ok {
			return known
		}
	}
	for rest := content; rest != ""; {
		end := cut(rest)
		message = append(message, part{sumOf(rest[:end]), rest[:end]})
		rest = rest[end:]
	}
	if long {
		l.long.put(content, message)
	}
	return message
}

// compress makes packs of parts.
func (l *Ledger) compress(fresh []part) []pack {
	var packs []pack
	for len(fresh) > 0 {
		var p pack
		var raw []byte
		n := 0
		for n < len(fresh) && (n == 0 || len(raw)+len(fresh[n].text) <= packSize) {
			raw = append(raw, fresh[n].text...)
			n++
		}
		p.parts, p.size, p.body = fresh[:n], len(raw), l.quick.EncodeAll(raw, nil)
		fresh = fresh[n:]
		packs = append(packs, p)
	}
	return packs
}

// stored is what a transaction added, to be remembered when it is on the disk.
type stored struct {
	chunks map[sum]int64
	bytes  int // in packs, before compression
}

// put stores the messages of a request.
func (p *parts) put(ctx context.Context, l *Ledger, q *db.Queries, request int64) (*stored, error) {
	added := &stored{chunks: map[sum]int64{}}
	for _, one := range p.packs {
		if err := added.pack(ctx, l, q, one, p.mend); err != nil {
			return nil, err
		}
	}
	for i, message := range p.messages {
		digests := sha256.New()
		ids := []byte{}
		for _, one := range message {
			id, err := added.id(ctx, l, q, one.digest)
			if errors.Is(err, sql.ErrNoRows) { // another process has pruned it
				late := l.compress([]part{one})
				if err = added.pack(ctx, l, q, late[0], false); err == nil {
					id = added.chunks[one.digest]
				}
			}
			if err != nil {
				return nil, err
			}
			digests.Write(one.digest[:])
			ids = binary.AppendUvarint(ids, uint64(id))
		}
		m := db.PutMessageParams{Request: request, Position: int64(i), Role: p.roles[i], Digest: digests.Sum(nil), Chunks: ids}
		if err := q.PutMessage(ctx, m); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// id finds a chunk: among those that were just added, those that are remembered, and those in the database.
func (s *stored) id(ctx context.Context, l *Ledger, q *db.Queries, digest sum) (int64, error) {
	if id, ok := s.chunks[digest]; ok {
		return id, nil
	}
	if id, ok := l.chunks.get(digest); ok {
		return id, nil
	}
	id, err := q.Chunk(ctx, digest[:])
	if err == nil {
		s.chunks[digest] = id
	}
	return id, err
}

// pack stores those chunks of a pack that are not stored yet.
func (s *stored) pack(ctx context.Context, l *Ledger, q *db.Queries, p pack, mend bool) error {
	if !mend {
		var fresh []part
		for _, one := range p.parts {
			_, err := s.id(ctx, l, q, one.digest)
			if errors.Is(err, sql.ErrNoRows) {
				fresh = append(fresh, one)
			} else if err != nil {
				return err
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		if len(fresh) < len(p.parts) { // equal prompts came at the same time
			p = l.compress(fresh)[0]
		}
	}
	id, err := q.PutPack(ctx, db.PutPackParams{Size: int64(p.size), Body: p.body})
	if err != nil {
		return err
	}
	s.bytes += p.size
	start := 0
	for _, one := range p.parts {
		chunk, err := q.PutChunk(ctx, db.PutChunkParams{Digest: one.digest[:], Pack: id, Start: int64(start), Size: int64(len(one.text))})
		if err != nil {
			return err
		}
		s.chunks[one.digest] = chunk
		start += len(one.text)
	}
	return nil
}

// remember is told what is on the disk now.
func (l *Ledger) remember(s *stored) {
	if s == nil {
		return
	}
	for digest, id := range s.chunks {
		l.chunks.put(digest, id)
	}
	l.packer.add(s.bytes)
}
