package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"papereval/ledger/db"
)

const (
	// packSize is how much text, in bytes, is compressed together when many small packs are made one.
	packSize = 1 << 20
	// smallPack is the size below which a pack waits for others.
	smallPack = packSize / 2
	// closing is how long closing a ledger may take for the sake of its size.
	closing = 2 * time.Second
	// openPacks is how many packs are kept uncompressed for reading.
	openPacks = 8
)

// packText returns the content of a pack before compression.
func (l *Ledger) packText(ctx context.Context, q *db.Queries, id int64) ([]byte, error) {
	if text, ok := l.open.get(id); ok {
		return text, nil
	}
	body, err := q.PackBody(ctx, id)
	if err != nil {
		return nil, err
	}
	text, err := l.dec.DecodeAll(body, nil)
	if err != nil {
		return nil, errDamaged
	}
	l.open.put(id, text)
	return text, nil
}

// A packer makes large packs of small ones. A call adds a few kilobytes, which alone compress badly; many of them
// together compress well, above all where prompts are alike.
type packer struct {
	mu    sync.Mutex
	small int       // bytes in small packs, before compression
	busy  bool      // while a goroutine works
	until time.Time // zero while the ledger is open, then when to stop
	work  sync.WaitGroup
}

// add counts what went into small packs.
func (p *packer) add(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes < smallPack {
		p.small += bytes
	}
}

// due tells whether there is enough for a large pack, and then takes the turn.
func (p *packer) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy || p.small < packSize || !p.until.IsZero() {
		return false
	}
	p.busy = true
	p.work.Add(1)
	return true
}

// next is told how much was packed, and tells whether to go on.
func (p *packer) next(packed int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.small = max(0, p.small-packed)
	p.busy = p.small >= packSize && (p.until.IsZero() || time.Now().Before(p.until))
	return p.busy
}

// end waits until the goroutine has done what is left, or for as long as it may take, and lets no other begin.
func (p *packer) end() {
	p.mu.Lock()
	if p.until.IsZero() {
		p.until = time.Now().Add(closing)
	}
	p.mu.Unlock()
	p.work.Wait()
}

// packSmall makes large packs of small ones, beside the writer except for the exchange itself. It ends when there
// is too little left, or the ledger is closed.
func (l *Ledger) packSmall() {
	for again := true; again; {
		again = l.packer.next(l.packOnce())
	}
	l.packer.work.Done()
}

// packOnce makes one large pack of the oldest small ones and returns the size of these. What goes wrong leaves the
// small packs as they are, which are as good but larger.
func (l *Ledger) packOnce() (total int) {
	ctx := context.Background()
	moved, total := l.gather(ctx)
	if len(moved) < 2 {
		return packSize // nothing to be done about them
	}
	raw := make([]byte, 0, total)
	for i := range moved {
		moved[i].shift = len(raw)
		raw = append(raw, moved[i].text...)
	}
	body := l.thorough.EncodeAll(raw, nil)
	_ = l.put(ctx, func(ctx context.Context, q *db.Queries) error {
		into, err := q.PutPack(ctx, db.PutPackParams{Size: int64(len(raw)), Body: body})
		if err != nil {
			return err
		}
		for _, m := range moved {
			if err := q.MoveChunks(ctx, db.MoveChunksParams{Into: into, Shift: int64(m.shift), Pack: m.id}); err != nil {
				return err
			}
			n, err := q.DeletePack(ctx, m.id)
			if err == nil && n == 0 {
				err = fmt.Errorf("another process has moved pack %d", m.id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return total
}

type smallPackText struct {
	id    int64
	text  []byte
	shift int // where it begins in the large pack
}

// gather reads the oldest small packs, together about packSize, which is total.
func (l *Ledger) gather(ctx context.Context) (packs []smallPackText, total int) {
	rows, err := l.queries.SmallPacks(ctx, smallPack)
	if err != nil {
		return nil, packSize
	}
	for _, row := range rows {
		if total >= packSize {
			break
		}
		body, err := l.queries.PackBody(ctx, row.ID)
		if err != nil {
			continue // moved by another process
		}
		text, err := l.dec.DecodeAll(body, nil)
		if err != nil || len(text) != int(row.Size) {
			continue // damaged
		}
		total += len(text)
		packs = append(packs, smallPackText{id: row.ID, text: text})
	}
	return packs, total
}

// shrink gives room back that packing has left free, unless it is little or another process is writing.
func (l *Ledger) shrink() {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	var pages, free int
	if l.writing.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages) != nil ||
		l.writing.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free) != nil || free < pages/20 {
		return
	}
	_, _ = l.writing.ExecContext(ctx, "PRAGMA incremental_vacuum")
}
