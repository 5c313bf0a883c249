package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LEDGER_TEST_CHILD"); dir != "" {
		if os.Getenv("LEDGER_TEST_NAME") == "budget" {
			budgetChild(dir)
			return
		}
		child(dir, os.Getenv("LEDGER_TEST_NAME"))
		return
	}
	os.Exit(m.Run())
}

func openTest(t testing.TB, dir string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testCall is a call whose key and content follow from its name.
func testCall(name string) *Call {
	return &Call{
		Key: digest([]byte(name)), Endpoint: "https://example.org/v1", Model: "m", Params: `{"temperature":1}`, Sample: 3,
		Messages: []Message{{"system", "the same for all"}, {"user", "question " + name}},
		Paper:    "p", System: "s", Evaluator: "e", Stage: "st", File: name,
		Text: "answer " + name, Finish: "stop", Snapshot: "m-1", Source: "live",
		Prompt: 100, Cached: 10, Completion: 20, Reasoning: 5,
		Started: time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC), Elapsed: 1500 * time.Millisecond,
	}
}

// alter changes the database behind the ledger's back.
func alter(t *testing.T, dir, statement string, args ...any) {
	t.Helper()
	d, err := open(filepath.Join(dir, "ledger.db"), "immediate")
	noError(t, err)
	defer d.Close()
	_, err = d.Exec(statement, args...)
	noError(t, err)
}

func TestOpenSettings(t *testing.T) {
	l := openTest(t, filepath.Join(t.TempDir(), "a b?c=%41#é", "new"))
	conns := make([]*sql.Conn, 3)
	for i := range conns {
		c, err := l.sql.Conn(t.Context())
		noError(t, err)
		defer c.Close()
		conns[i] = c
	}
	for i, c := range conns {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "30000",
		} {
			var got string
			noError(t, c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			if got != want {
				t.Errorf("connection %d: %s is %s, want %s", i, pragma, got, want)
			}
		}
	}
	if _, err := os.Stat(l.path); err != nil {
		t.Error(err)
	}
}

func TestOpenNewer(t *testing.T) {
	dir := t.TempDir()
	noError(t, openTest(t, dir).Close())
	alter(t, dir, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, 1)")
	_, err := Open(t.Context(), dir)
	var newer *NewerError
	if !errors.As(err, &newer) {
		t.Fatalf("error is %v", err)
	}
	if newer.Found != 7 || newer.Known != 3 || newer.Path != filepath.Join(dir, "ledger.db") {
		t.Errorf("error is %+v", newer)
	}
	for _, want := range []string{"version 7", "up to 3", "update bench"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

func TestOpenOlder(t *testing.T) {
	dir := t.TempDir()
	// As goose leaves a database before the first migration.
	alter(t, dir, "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))")
	alter(t, dir, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)")
	l := openTest(t, dir)
	noError(t, l.PutCall(t.Context(), testCall("x")))
}

func TestOpenErrors(t *testing.T) {
	file := func(t *testing.T, path, content string) string {
		noError(t, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	tests := []struct {
		name string
		dir  func(t *testing.T) string
		want []string
	}{
		{"not a database", func(t *testing.T) string {
			dir := t.TempDir()
			file(t, filepath.Join(dir, "ledger.db"), strings.Repeat("paper: Transformer\n", 100))
			return dir
		}, []string{"ledger.db", "not a ledger", "move it away"}},
		{"the folder is a file", func(t *testing.T) string {
			return file(t, filepath.Join(t.TempDir(), "workspace"), "")
		}, []string{"workspace", "--workspace"}},
		{"the database is a folder", func(t *testing.T) string {
			dir := t.TempDir()
			noError(t, os.Mkdir(filepath.Join(dir, "ledger.db"), 0o755))
			return dir
		}, []string{"ledger.db", "--workspace"}},
		{"a folder that cannot be written", func(t *testing.T) string {
			dir := t.TempDir()
			if os.Geteuid() == 0 { // whom permissions do not stop
				mount(t, "tmpfs", dir, "ro")
			} else {
				noError(t, os.Chmod(dir, 0o555))
			}
			return dir
		}, []string{"cannot be written", "--workspace"}},
		{"a database that cannot be written", func(t *testing.T) string {
			dir := t.TempDir()
			mount(t, "tmpfs", dir, "rw")
			noError(t, openTest(t, dir).Close())
			mount(t, "tmpfs", dir, "remount,ro")
			return dir
		}, []string{"cannot be written", "--workspace"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := test.dir(t)
			l, err := Open(t.Context(), dir)
			if err == nil {
				l.Close()
				t.Fatal("it was opened")
			}
			for _, want := range append(test.want, dir) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			t.Log(err)
		})
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestClosed(t *testing.T) {
	l := openTest(t, t.TempDir())
	noError(t, l.Close())
	noError(t, l.Close())
	if err := l.PutCall(t.Context(), testCall("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("PutCall: %v", err)
	}
	if err := l.Use(t.Context(), Use{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Use: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "size=2m")
	l := openTest(t, dir)
	// Neither compresses nor is shared.
	noise := func(i int) string { return strings.Repeat(digest(fmt.Append(nil, i)), 2000) }
	var recorded []string
	var full error
	for i := 0; full == nil; i++ {
		c := testCall(fmt.Sprint(i))
		c.Text = noise(i)
		if full = l.PutCall(t.Context(), c); full == nil {
			recorded = append(recorded, c.Key)
		}
	}
	for _, want := range []string{"full", "run the same command again", dir} {
		if !strings.Contains(full.Error(), want) {
			t.Errorf("%q lacks %q", full, want)
		}
	}
	t.Log(full)
	var blobErr error
	for i := 0; blobErr == nil; i++ {
		_, blobErr = l.PutBlob(t.Context(), fmt.Append(nil, i))
	}
	if !strings.Contains(blobErr.Error(), "the disk is full") {
		t.Errorf("blob: %v", blobErr)
	}
	t.Log(blobErr)
	if left, _ := filepath.Glob(filepath.Join(dir, "blobs", "tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if len(recorded) == 0 {
		t.Fatal("nothing was recorded before the disk was full")
	}
	mount(t, "tmpfs", dir, "remount,size=16m")
	c := testCall("after")
	c.Text = noise(-1)
	noError(t, l.PutCall(t.Context(), c))
	for _, key := range append(recorded, c.Key) {
		if _, err := l.Call(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}
