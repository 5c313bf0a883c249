package ledger

import (
	"context"
	"fmt"

	"papereval/ledger/db"
)

// Messages returns the messages of a call, answered or not. The error wraps [ErrNotFound] where there is no
// such call, and is a [*DamagedError] where a message is not what was recorded.
func (l *Ledger) Messages(ctx context.Context, key string) ([]Message, error) {
	rows, err := l.queries.Messages(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read the messages of call %s: %w", key, explain(l.path, err))
	}
	if len(rows) == 0 {
		n, err := l.queries.HasRequest(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read call %s: %w", key, explain(l.path, err))
		}
		if n == 0 {
			return nil, fmt.Errorf("call %s: %w", key, ErrNotFound)
		}
	}
	messages := make([]Message, len(rows))
	for i, row := range rows {
		content, err := l.dec.DecodeAll(row.Body, nil)
		if err != nil || digest(content) != row.Digest {
			return nil, &DamagedError{What: "message", Key: key, Path: l.path}
		}
		messages[i] = Message{Role: row.Role, Content: string(content)}
	}
	return messages, nil
}

// texts compresses the contents of a call's messages. It is done before the writer's turn, so that callers
// do it side by side.
func (l *Ledger) texts(c *Call) ([]db.PutTextParams, error) {
	texts := make([]db.PutTextParams, len(c.Messages))
	for i, m := range c.Messages {
		content := []byte(m.Content)
		if len(content) > maxText {
			return nil, fmt.Errorf("message %d of call %s has %d bytes; the ledger holds at most %d", i, c.Key, len(content), maxText)
		}
		texts[i] = db.PutTextParams{Digest: digest(content), Body: l.enc.EncodeAll(content, []byte{})}
	}
	return texts, nil
}
