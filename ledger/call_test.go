package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCallRoundTrip(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "x = 1\r\n", "empty": "", "nul": "a\x00b\x00", "not UTF-8": "\xff\xfe\x80", "long": strings.Repeat("é", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			l := openTest(t, t.TempDir())
			c := testCall(name)
			c.Text = text
			c.Messages = append(c.Messages, Message{"assistant", text})
			noError(t, l.PutCall(t.Context(), c))
			got, err := l.Call(t.Context(), c.Key)
			noError(t, err)
			messages, err := l.Messages(t.Context(), c.Key)
			noError(t, err)
			if diff := cmp.Diff(c.Messages, messages); diff != "" {
				t.Error(diff)
			}
			got.Messages = messages
			if diff := cmp.Diff(c, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCallNotFound(t *testing.T) {
	l := openTest(t, t.TempDir())
	if _, err := l.Call(t.Context(), testCall("x").Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("Call: %v", err)
	}
	if _, err := l.Messages(t.Context(), testCall("x").Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("Messages: %v", err)
	}
	if err := l.PutCall(t.Context(), &Call{Key: "short"}); err == nil {
		t.Error("a key that is no digest was accepted")
	}
}

func TestFirstAnswerWins(t *testing.T) {
	l := openTest(t, t.TempDir())
	first, second := testCall("x"), testCall("x")
	second.Text, second.Prompt, second.Stage = "another", 999, "another"
	noError(t, l.PutCall(t.Context(), first))
	noError(t, l.PutCall(t.Context(), second))
	got, err := l.Call(t.Context(), first.Key)
	noError(t, err)
	if got.Text != first.Text || got.Prompt != first.Prompt || got.Stage != first.Stage {
		t.Errorf("got %+v", got)
	}
}

func TestMessagesStoredOnce(t *testing.T) {
	l := openTest(t, t.TempDir())
	for _, name := range []string{"a", "b", "c"} {
		noError(t, l.PutCall(t.Context(), testCall(name)))
	}
	var n int
	noError(t, l.sql.QueryRow("SELECT count(*) FROM chunks").Scan(&n))
	if n != 4 { // one that is shared and one for each
		t.Errorf("%d chunks for 4 contents", n)
	}
}

func TestDamagedCall(t *testing.T) {
	for name, change := range map[string]string{
		"cut":     "UPDATE answers SET body = substr(body, 1, length(body) - 1)",
		"flipped": "UPDATE answers SET body = CAST(substr(body, 1, 11) || x'00' || substr(body, 13) AS BLOB)",
		"empty":   "UPDATE answers SET body = x''",
		"digest":  "UPDATE answers SET digest = zeroblob(32)",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openTest(t, dir)
			c := testCall("x")
			noError(t, l.PutCall(t.Context(), c))
			noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
			noError(t, l.Use(t.Context(), Use{Run: "r", Key: c.Key}))
			alter(t, dir, change)

			_, err := l.Call(t.Context(), c.Key)
			var damaged *DamagedError
			if !errors.As(err, &damaged) || damaged.Key != c.Key {
				t.Fatalf("error is %v", err)
			}
			noError(t, l.PutPending(t.Context(), "r", c))
			if pending, err := l.Pending(t.Context(), "r"); err != nil || len(pending) != 1 {
				t.Errorf("a damaged call cannot be asked again: %v %v", pending, err)
			}
			c.Text = "answer when asked again"
			noError(t, l.PutCall(t.Context(), c))
			got, err := l.Call(t.Context(), c.Key)
			noError(t, err)
			if got.Text != c.Text {
				t.Errorf("text is %q", got.Text)
			}
			if pending, err := l.Pending(t.Context(), "r"); err != nil || len(pending) != 0 {
				t.Errorf("still pending: %v %v", pending, err)
			}
		})
	}
}

func TestDamagedMessage(t *testing.T) {
	for name, change := range map[string]string{
		"cut":      "UPDATE packs SET body = substr(body, 1, length(body) - 1)",
		"flipped":  "UPDATE packs SET body = CAST(substr(body, 1, 11) || x'00' || substr(body, 13) AS BLOB)",
		"empty":    "UPDATE packs SET body = x''",
		"moved":    "UPDATE chunks SET start = start + 1 WHERE start > 0",
		"shifted":  "UPDATE chunks SET start = start - 1 WHERE start > 0",
		"too long": "UPDATE chunks SET size = 9223372036854775807 WHERE start > 0",
		"negative": "UPDATE chunks SET start = -1 WHERE start > 0",
		"swapped":  "UPDATE messages SET chunks = (SELECT chunks FROM messages AS m WHERE m.position <> messages.position)",
		"unknown":  "UPDATE messages SET chunks = x'ff01'",
		"unending": "UPDATE messages SET chunks = x'ff'",
		"no list":  "UPDATE messages SET chunks = x''",
		"digest":   "UPDATE messages SET digest = zeroblob(32)",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openTest(t, dir)
			c := testCall("x")
			noError(t, l.PutCall(t.Context(), c))
			noError(t, l.Close())
			alter(t, dir, change)
			l = openTest(t, dir)
			_, err := l.Messages(t.Context(), c.Key)
			var damaged *DamagedError
			if !errors.As(err, &damaged) || damaged.Key != c.Key {
				t.Fatalf("error is %v", err)
			}
			noError(t, l.PutCall(t.Context(), c))
			if _, err := l.Messages(t.Context(), c.Key); err != nil {
				t.Errorf("not mended: %v", err)
			}
		})
	}
}

func TestPending(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	noError(t, l.PutRun(t.Context(), Run{ID: "other"}))
	ask := func(run, name string, change func(*Call)) *Call {
		c := testCall(name)
		c.Text = ""
		change(c)
		noError(t, l.PutPending(t.Context(), run, c))
		return c
	}
	same := func(*Call) {}
	b := ask("r", "b.py", same)
	a := ask("r", "a.py", same)
	ask("r", "a.py", same)
	last := ask("r", "c.py", func(c *Call) { c.Paper = "q" })
	second := ask("r", "d", func(c *Call) { c.File, c.Sample = "a.py", 10 })
	ask("other", "a.py", same)
	ask("other", "z", same)

	files := func(run string) (keys []string) {
		calls, err := l.Pending(t.Context(), run)
		noError(t, err)
		for _, c := range calls {
			keys = append(keys, c.Key)
		}
		return keys
	}
	if diff := cmp.Diff([]string{a.Key, second.Key, b.Key, last.Key}, files("r")); diff != "" {
		t.Error(diff)
	}
	got, err := l.PendingCall(t.Context(), a.Key)
	noError(t, err)
	if got.Messages, err = l.Messages(t.Context(), a.Key); err != nil {
		t.Error(err)
	}
	if _, err := l.Call(t.Context(), a.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("a pending call is answered: %v", err)
	}

	// As an import does: the call as it was kept, with an answer.
	got.Text, got.Finish = "the answer", "stop"
	noError(t, l.PutCall(t.Context(), got))
	if diff := cmp.Diff([]string{second.Key, b.Key, last.Key}, files("r")); diff != "" {
		t.Error(diff)
	}
	if n := len(files("other")); n != 1 {
		t.Errorf("%d pending in the other run, want 1", n)
	}
	if _, err := l.PendingCall(t.Context(), a.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("still pending: %v", err)
	}
	ask("r", "a.py", same)
	if n := len(files("r")); n != 3 {
		t.Errorf("an answered call is pending again: %d", n)
	}
	if err := l.PutPending(t.Context(), "unknown", testCall("y")); err == nil || !strings.Contains(err.Error(), "put into the ledger first") {
		t.Errorf("unknown run: %v", err)
	}
}
