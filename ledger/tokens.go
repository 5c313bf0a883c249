package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"papereval/ledger/db"
)

// Tokens returns the number of tokens of a text. It is counted once and then remembered by the text's digest, so
// count has to be the same function everywhere; it is called without a lock, and once for equal texts that are asked
// for at the same time. A count that cannot be written is counted again later.
func (l *Ledger) Tokens(ctx context.Context, text string, count func(text string) int) (int, error) {
	digest := sumOf(text)
	if n, ok := l.counts.get(digest); ok {
		return n, nil
	}
	n, err, _ := l.count.Do(string(digest[:]), func() (any, error) {
		ctx := context.WithoutCancel(ctx) // others may wait for the same text
		stored, err := l.queries.TokenCount(ctx, digest[:])
		if err == nil {
			l.counts.put(digest, int(stored))
			return int(stored), nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
		n := count(text)
		l.counts.put(digest, n)
		return n, l.enqueue(ctx, write{
			do: func(ctx context.Context, q *db.Queries) error {
				return q.PutTokenCount(ctx, db.PutTokenCountParams{Digest: digest[:], Count: int64(n)})
			},
			done: func(error) {},
		})
	})
	if err != nil {
		return 0, fmt.Errorf("count the tokens of a text: %w", explain(l.path, err))
	}
	return n.(int), nil
}
