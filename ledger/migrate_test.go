package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// oldLedger makes a ledger of the first schema, as bench wrote it, with a run, its cell and score, the calls (those
// without a text are pending) and their uses.
func oldLedger(t testing.TB, dir string, calls []*Call) {
	t.Helper()
	sql, err := migrations.ReadFile("migrations/0001_first.sql")
	noError(t, err)
	d, err := open(filepath.Join(dir, "ledger.db"), "immediate")
	noError(t, err)
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := d.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	d.SetMaxOpenConns(1)
	exec("PRAGMA journal_mode = WAL")
	exec("BEGIN")
	exec("CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))")
	exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)")
	exec(string(sql))
	exec("INSERT INTO runs VALUES ('r', x'73656564733a2031', 7)")
	exec("INSERT INTO cells VALUES ('r', 'p', 's', 'm', 0, 'done', '', '', 1, 2, 3)")
	exec("INSERT INTO scores VALUES ('r', 'p', 's', 'm', 0, 'e', 'metric', 'j', 'ok', 'live', 4.5, 8, 7, 4, 5, 1, 2, '', '[4]', '', '{}')")
	packer := openTest(t, t.TempDir())
	for _, c := range calls {
		exec("INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", c.Key, c.Endpoint, c.Model, c.Params, c.Sample, c.Paper, c.System, c.Evaluator, c.Stage, c.File)
		for i, m := range c.Messages {
			key := digest([]byte(m.Content))
			exec("INSERT INTO texts VALUES (?, ?) ON CONFLICT DO NOTHING", key, packer.pack(m.Content))
			exec("INSERT INTO messages VALUES (?, ?, ?, ?)", c.Key, i, m.Role, key)
		}
		if c.Text == "" {
			exec("INSERT INTO pending VALUES (?, 'r')", c.Key)
			continue
		}
		exec("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", c.Key, c.Text, digest([]byte(c.Text)), c.Finish, c.Snapshot, c.Source,
			c.Prompt, c.Cached, c.Completion, c.Reasoning, stamp(c.Started), int64(c.Elapsed))
		exec("INSERT INTO uses VALUES ('r', 'p', 's', 'm', 0, ?, ?, ?, ?)", c.Evaluator, c.Key, c.Stage, c.File)
	}
	exec("COMMIT")
	noError(t, d.Close())
}

func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	var calls []*Call
	paper := noise(1, 100_000)
	for i := range 30 {
		c := testCall(fmt.Sprint(i))
		c.Model = fmt.Sprint("model ", i%3)
		c.Messages = append(c.Messages, Message{"user", paper + c.File}, Message{"assistant", ""}, Message{"user", "not UTF-8 \xff\x00"})
		switch i {
		case 7:
			c.Text = "\xff\xfe\x00 not UTF-8"
		case 8, 9:
			c.Text = ""
		case 10:
			c.Messages = nil
		}
		calls = append(calls, c)
	}
	oldLedger(t, dir, calls)
	alter(t, dir, "UPDATE answers SET text = 'changed' WHERE key = ?", calls[3].Key)
	alter(t, dir, "UPDATE texts SET body = x'00' WHERE digest = ?", digest([]byte("question 4")))
	before := onDisk(t, dir)

	ledgers := []*Ledger{openTest(t, dir), openTest(t, dir)} // the second one finds it done
	l := ledgers[1]
	for i, want := range calls {
		got, err := l.Call(t.Context(), want.Key)
		messages, messagesErr := l.Messages(t.Context(), want.Key)
		switch i {
		case 3:
			if !errors.As(err, new(*DamagedError)) {
				t.Errorf("call %d: %v", i, err)
			}
			continue
		case 4:
			if !errors.As(messagesErr, new(*DamagedError)) {
				t.Errorf("messages of call %d: %v", i, messagesErr)
			}
			continue
		case 8, 9:
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("call %d: %v", i, err)
			}
			got, err = l.PendingCall(t.Context(), want.Key)
			noError(t, err)
			want.Finish, want.Snapshot, want.Source, want.Started, want.Elapsed = "", "", "", got.Started, 0
			want.Prompt, want.Cached, want.Completion, want.Reasoning = 0, 0, 0, 0
		}
		noError(t, errors.Join(err, messagesErr))
		got.Messages = messages
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("call %d: %.2000s", i, diff)
		}
	}
	pending, err := l.Pending(t.Context(), "r")
	noError(t, err)
	usage, err := l.Usage(t.Context(), "r")
	noError(t, err)
	uses := 0
	for _, u := range usage {
		uses += u.Calls
	}
	run, err := l.Run(t.Context(), "r")
	noError(t, err)
	cells, err := l.Cells(t.Context(), "r")
	noError(t, err)
	scores, err := l.Scores(t.Context(), "r")
	noError(t, err)
	if len(pending) != 2 || uses != 28 || string(run.Config) != "seeds: 1" || len(cells) != 1 || len(scores) != 1 || scores[0].Value != 4.5 {
		t.Errorf("%d pending, %d uses, run %+v, cells %+v, scores %+v", len(pending), uses, run, cells, scores)
	}
	var check string
	noError(t, l.sql.QueryRow("PRAGMA integrity_check").Scan(&check))
	if foreign := scalar(t, l, "SELECT count(*) FROM pragma_foreign_key_check"); check != "ok" || foreign != 0 {
		t.Errorf("%s, %d rows refer to nothing", check, foreign)
	}
	if left := scalar(t, l, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'old%' OR sql LIKE '%old_%'"); left != 0 {
		t.Errorf("%d things of the old schema are left", left)
	}

	// What was damaged is mended as ever.
	for _, i := range []int{3, 4} {
		noError(t, l.PutCall(t.Context(), calls[i]))
		if got, err := l.Call(t.Context(), calls[i].Key); err != nil || got.Text != calls[i].Text {
			t.Errorf("call %d: %v", i, err)
		}
		sameMessages(t, l, calls[i])
	}
	noError(t, ledgers[0].Close())
	_, err = l.Prune(t.Context(), false)
	noError(t, err)
	noError(t, l.Close())
	if after := onDisk(t, dir); after > before/4 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}

// A migration that does not get through leaves the old ledger as it was.
func TestMigrateFails(t *testing.T) {
	dir := t.TempDir()
	c := testCall("x")
	oldLedger(t, dir, []*Call{c})
	alter(t, dir, "CREATE TABLE packs (nobody INTEGER)")
	if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "from version 1 to 3") {
		t.Fatalf("error is %v", err)
	}
	alter(t, dir, "DROP TABLE packs")
	l := openTest(t, dir)
	sameMessages(t, l, c)
}

func TestMigrateInTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	var calls []*Call
	for i := range 60 {
		calls = append(calls, testCall(fmt.Sprint("old ", i)))
	}
	oldLedger(t, dir, calls)
	a, b := start(t, dir, "a"), start(t, dir, "b")
	keys := append(a.keys(t, 3), b.keys(t, 3)...)
	for _, p := range []*process{a, b} {
		noError(t, p.stdin.Close())
		keys = append(keys, p.keys(t, -1)...)
		noError(t, p.Wait())
	}
	l := openTest(t, dir)
	for _, key := range keys {
		_, err := l.Call(t.Context(), key)
		noError(t, err)
	}
	for _, c := range calls {
		sameMessages(t, l, c)
	}
}

// TestMigrateKilled ends a migration at some moment; the next process does it again or finds it done.
func TestMigrateKilled(t *testing.T) {
	for range 2 {
		dir := t.TempDir()
		var calls []*Call
		for i := range 150 {
			c := testCall(fmt.Sprint("old ", i))
			c.Messages = append(c.Messages, Message{"user", noise(uint64(i), 10_000)})
			calls = append(calls, c)
		}
		oldLedger(t, dir, calls)
		p := start(t, dir, "a")
		for { // until it has begun to write
			info, err := os.Stat(filepath.Join(dir, "ledger.db-wal"))
			if err == nil && info.Size() > 1<<20 {
				break
			}
		}
		noError(t, p.Process.Kill())
		p.keys(t, -1)
		_ = p.Wait()
		l := openTest(t, dir)
		for _, c := range calls {
			sameMessages(t, l, c)
			_, err := l.Call(t.Context(), c.Key)
			noError(t, err)
		}
	}
}
