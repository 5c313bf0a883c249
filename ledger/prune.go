package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"papereval/ledger/db"
)

// Pruned is what [Ledger.Prune] dropped, or would drop.
type Pruned struct {
	Answers  []UsageRow // what was paid for, summed by CallModel, Snapshot, Source and Batched
	Requests int        // dropped, those without an answer included
	Chunks   int        // parts of prompts that no request has any more
	Text     int64      // their bytes before compression
	Blobs    int
	BlobDisk int64 // their bytes on the disk
}

// errDryRun undoes what only had to be counted.
var errDryRun = errors.New("dry run")

// Prune drops what no run needs: answers that no run rests on, requests that nobody waits for, parts of prompts and
// blobs that nothing refers to. It keeps all runs with their cells and scores, the answers for any paper that has a
// cell which is not finished, because that cell may ask for them again, and calls that were exported to be answered
// elsewhere. With dry it only counts. No run may be under way in another process meanwhile.
func (l *Ledger) Prune(ctx context.Context, dry bool) (*Pruned, error) {
	var pruned *Pruned
	err := l.put(ctx, func(_ context.Context, q *db.Queries) error { // the caller may still change their mind
		pruned = &Pruned{}
		if err := pruned.requests(ctx, q); err != nil {
			return err
		}
		if err := pruned.chunks(ctx, l, q); err != nil {
			return err
		}
		if err := q.CountPrune(ctx); err != nil {
			return err
		}
		if dry {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, fmt.Errorf("prune: %w", err)
	}
	if err := l.pruneBlobs(ctx, pruned, dry); err != nil {
		return nil, fmt.Errorf("prune the blobs: %w", err)
	}
	if dry {
		return pruned, nil
	}
	for _, statement := range []string{"PRAGMA auto_vacuum = incremental", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := l.writing.ExecContext(ctx, statement); err != nil {
			return pruned, fmt.Errorf("what no run needs is dropped, but its room could not be given back: %w", explain(l.path, err))
		}
	}
	return pruned, nil
}

func (p *Pruned) requests(ctx context.Context, q *db.Queries) error {
	answers, err := q.Unneeded(ctx)
	if err != nil {
		return err
	}
	type kind struct {
		model, snapshot, source string
		batched                 bool
	}
	at := map[kind]int{}
	for _, a := range answers {
		key := kind{a.Model, a.Snapshot, a.Source, a.Batched == 1}
		i, ok := at[key]
		if !ok {
			i = len(p.Answers)
			at[key] = i
			p.Answers = append(p.Answers, UsageRow{CallModel: a.Model, Snapshot: a.Snapshot, Source: a.Source, Batched: key.batched})
		}
		row := &p.Answers[i]
		row.Calls++
		row.Prompt += int(a.Prompt)
		row.Cached += int(a.Cached)
		row.Completion += int(a.Completion)
		row.Reasoning += int(a.Reasoning)
		if err := q.DeleteAnswer(ctx, a.ID); err != nil {
			return err
		}
	}
	requests, err := q.UnneededRequests(ctx)
	if err != nil {
		return err
	}
	for _, id := range requests {
		if err := q.DeleteMessages(ctx, id); err != nil {
			return err
		}
		if err := q.DeleteRequest(ctx, id); err != nil {
			return err
		}
	}
	p.Requests = len(requests)
	return q.DeleteUnusedModels(ctx)
}

// chunks drops the chunks that no message has, and packs what is left of small or thinned packs anew.
func (p *Pruned) chunks(ctx context.Context, l *Ledger, q *db.Queries) error {
	lists, err := q.AllChunkLists(ctx)
	if err != nil {
		return err
	}
	needed := map[int64]bool{}
	for _, list := range lists {
		for len(list) > 0 {
			id, n := binary.Uvarint(list)
			if n <= 0 {
				break // damaged
			}
			needed[int64(id)] = true
			list = list[n:]
		}
	}
	packs, err := q.PackIDs(ctx)
	if err != nil {
		return err
	}
	r := repacker{ledger: l, q: q}
	for _, pack := range packs {
		rows, err := q.ChunksOfPack(ctx, pack)
		if err != nil {
			return err
		}
		var kept []db.ChunksOfPackRow
		size := int64(0)
		for _, c := range rows {
			if needed[c.ID] {
				kept = append(kept, c)
				size += c.Size
				continue
			}
			p.Chunks++
			p.Text += c.Size
			if err := q.DeleteChunk(ctx, c.ID); err != nil {
				return err
			}
		}
		if len(kept) < len(rows) || size < smallPack {
			if err := r.move(ctx, pack, kept); err != nil {
				return err
			}
		}
	}
	return r.flush(ctx)
}

// A repacker moves chunks into new packs.
type repacker struct {
	ledger *Ledger
	q      *db.Queries
	raw    []byte
	moved  []db.MoveChunkParams
	old    []int64
}

// move takes the chunks that are left of a pack. A damaged pack stays as it is: its chunks are named as damaged when
// they are read.
func (r *repacker) move(ctx context.Context, pack int64, kept []db.ChunksOfPackRow) error {
	if len(kept) == 0 {
		_, err := r.q.DeletePack(ctx, pack)
		return err
	}
	body, err := r.q.PackBody(ctx, pack)
	if err != nil {
		return err
	}
	text, err := r.ledger.dec.DecodeAll(body, nil)
	if err != nil {
		return nil //nolint:nilerr // damaged
	}
	for _, c := range kept {
		if _, err := slice(text, c.Start, c.Size); err != nil {
			return nil //nolint:nilerr // damaged
		}
	}
	for _, c := range kept {
		r.moved = append(r.moved, db.MoveChunkParams{Start: int64(len(r.raw)), ID: c.ID})
		r.raw = append(r.raw, text[c.Start:c.Start+c.Size]...)
	}
	r.old = append(r.old, pack)
	if len(r.raw) < packSize {
		return nil
	}
	return r.flush(ctx)
}

func (r *repacker) flush(ctx context.Context) error {
	if len(r.moved) == 0 {
		return nil
	}
	pack, err := r.q.PutPack(ctx, db.PutPackParams{Size: int64(len(r.raw)), Body: r.ledger.thorough.EncodeAll(r.raw, nil)})
	if err != nil {
		return err
	}
	for _, m := range r.moved {
		m.Pack = pack
		if err := r.q.MoveChunk(ctx, m); err != nil {
			return err
		}
	}
	for _, id := range r.old {
		if _, err := r.q.DeletePack(ctx, id); err != nil {
			return err
		}
	}
	r.raw, r.moved, r.old = r.raw[:0], nil, nil
	return nil
}

func (l *Ledger) pruneBlobs(ctx context.Context, p *Pruned, dry bool) error {
	digests, err := l.queries.NeededBlobs(ctx)
	if err != nil {
		return explain(l.path, err)
	}
	needed := map[string]bool{}
	for _, d := range digests {
		needed[d] = true
	}
	return l.eachBlob(ctx, func(path, digest string, info fs.FileInfo) error {
		if needed[digest] {
			return nil
		}
		p.Blobs++
		p.BlobDisk += info.Size()
		if dry {
			return nil
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain(path, err)
		}
		_ = os.Remove(filepath.Dir(path)) // if it was the last one there
		return nil
	})
}
