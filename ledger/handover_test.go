package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func anyKey(*Call) error { return nil }

// handover is the export of some calls, one of which run r rests on.
func handover(t testing.TB, calls []*Call, run string) string {
	t.Helper()
	l := openTest(t, t.TempDir())
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	for _, c := range calls {
		noError(t, l.PutCall(t.Context(), c))
	}
	noError(t, l.Use(t.Context(), Use{Run: "r", Key: calls[0].Key}))
	noError(t, l.PutPending(t.Context(), "r", testCall("pending")))
	var b bytes.Buffer
	n, err := l.Export(t.Context(), &b, run)
	noError(t, err)
	if lines := strings.Count(b.String(), "\n"); lines != n+1 {
		t.Errorf("%d calls in %d lines", n, lines)
	}
	return b.String()
}

func testCalls(names ...string) (calls []*Call) {
	for _, name := range names {
		calls = append(calls, testCall(name))
	}
	return calls
}

func TestHandover(t *testing.T) {
	calls := testCalls("a", "b", "c <&>\u2028")
	calls[1].Text, calls[1].Messages[1].Content = "\xff\x00 not UTF-8", "\xfe"
	calls[2].Messages, calls[2].Elapsed = nil, 1234567891
	text := handover(t, calls, "")
	l := openTest(t, t.TempDir())
	done, err := l.Import(t.Context(), strings.NewReader(text), "f", anyKey)
	noError(t, err)
	if done != (Imported{New: 3}) {
		t.Errorf("%+v", done)
	}
	for _, c := range calls {
		got, err := l.Call(t.Context(), c.Key)
		noError(t, err)
		got.Messages, err = l.Messages(t.Context(), c.Key)
		noError(t, err)
		if len(got.Messages) == 0 {
			got.Messages = nil
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Error(diff)
		}
	}
	if one := handover(t, calls, "r"); !strings.Contains(one, calls[0].Key) || strings.Contains(one, calls[1].Key) {
		t.Error("the export of a run is not what it rests on")
	}
}

func TestImportReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	calls := testCalls("same", "other", "damaged", "damaged prompt", "new")
	text := handover(t, calls, "")
	for _, c := range calls[:4] {
		noError(t, l.PutCall(t.Context(), c))
	}
	other := testCall("other")
	other.Text = "another answer"
	alter(t, dir, "DELETE FROM answers WHERE request = 2")
	noError(t, l.PutCall(t.Context(), other))
	alter(t, dir, "UPDATE answers SET body = x'00' WHERE request = 3")
	alter(t, dir, "UPDATE messages SET chunks = x'ff01' WHERE request = 4")
	done, err := l.Import(t.Context(), strings.NewReader(text), "f", anyKey)
	noError(t, err)
	if done != (Imported{New: 1, Known: 1, Other: 1, Mended: 2}) {
		t.Errorf("%+v", done)
	}
	for _, c := range calls {
		got, err := l.Call(t.Context(), c.Key)
		noError(t, err)
		if want := c.Text; c.File == "other" {
			if got.Text != other.Text {
				t.Errorf("an answer was replaced: %q", got.Text)
			}
		} else if got.Text != want {
			t.Errorf("%s: %q", c.File, got.Text)
		}
		sameMessages(t, l, c)
	}
}

func TestImportLeavesOutWhatIsWrong(t *testing.T) {
	lines := slices.Collect(strings.Lines(handover(t, testCalls("a", "b", "c", "d", "e", "f"), "")))
	lines[1] = strings.Replace(lines[1], `"text":"answer a"`, `"text":"answer A"`, 1)
	lines[2] = lines[2][:100] + "\n"
	lines[3] = strings.Replace(lines[3], `"key":"`, `"key":"x`, 1)
	lines[4] = "\n"
	check := func(c *Call) error {
		if c.File == "e" {
			return errors.New("its key does not fit")
		}
		return nil
	}
	l := openTest(t, t.TempDir())
	done, err := l.Import(t.Context(), strings.NewReader(strings.Join(lines, "")), "calls.jsonl", check)
	if done != (Imported{New: 1}) {
		t.Errorf("%+v", done)
	}
	for _, want := range []string{"calls.jsonl, line 2: the answer of call", "line 3: no call can be read", "line 4: \"x", "line 5: no call", "line 6: call ", "its key does not fit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	for text, want := range map[string]string{
		"": "is not what `bench ledger export` writes", "package main\n": "is not what", `{"recording":1}` + "\n": "is not what",
		`{"format":"bench ledger","version":9}` + "\n": "update bench",
	} {
		if _, err := l.Import(t.Context(), strings.NewReader(text), "x", check); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Import(ctx, strings.NewReader(lines[0]+lines[6]), "x", anyKey); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzImport(f *testing.F) {
	text := handover(f, testCalls("a", "b"), "")
	for line := range strings.Lines(text) {
		f.Add(line)
	}
	f.Add(`{"key":"` + testCall("x").Key + `","answer":{"text":{"base64":"AA=="},"elapsed":-1},"messages":[{"content":null}]}`)
	l := openTest(f, f.TempDir())
	head, _, _ := strings.Cut(text, "\n")
	f.Fuzz(func(t *testing.T, lines string) {
		done, err := l.Import(t.Context(), strings.NewReader(head+"\n"+lines), "f", anyKey)
		if done.New+done.Known+done.Other+done.Mended > strings.Count(lines, "\n")+1 {
			t.Errorf("%+v of %q, %v", done, lines, err)
		}
		if _, err := l.Verify(t.Context(), func(d Damage) { t.Errorf("%v", d) }); err != nil {
			t.Error(err)
		}
	})
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	for _, c := range testCalls("a", "b", "c") {
		noError(t, l.PutCall(t.Context(), c))
	}
	noError(t, l.PutPending(t.Context(), "r", testCall("d")))
	gone, err := l.PutBlob(t.Context(), []byte("gone"))
	noError(t, err)
	bad, err := l.PutBlob(t.Context(), []byte("bad"))
	noError(t, err)
	noError(t, l.PutCell(t.Context(), Cell{Run: "r", Paper: "p", System: "s", State: Done, Tree: gone}))
	verified, err := l.Verify(t.Context(), func(d Damage) { t.Errorf("damaged: %+v", d) })
	noError(t, err)
	if verified != (Verified{Answers: 3, Prompts: 4, Blobs: 2}) {
		t.Errorf("%+v", verified)
	}

	writeFile(t, l.blobPath(bad), "x")
	removeFile(t, l.blobPath(gone))
	noError(t, l.Close())
	alter(t, dir, "UPDATE answers SET digest = zeroblob(32) WHERE request = 1")
	alter(t, dir, "UPDATE messages SET chunks = x'7f' WHERE request = 4 AND position = 1")
	l = openTest(t, dir)
	var found []string
	_, err = l.Verify(t.Context(), func(d Damage) { found = append(found, fmt.Sprint(d.What, " ", d.Key, " ", d.Label)) })
	noError(t, err)
	want := []string{"answer " + testCall("a").Key + " p s e st a", "message " + testCall("d").Key + " p s e st d", "blob " + bad + " ", "blob " + gone + " it is missing"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestKeyByPrefix(t *testing.T) {
	l := openTest(t, t.TempDir())
	c := testCall("a")
	for i := range 20 {
		noError(t, l.PutCall(t.Context(), testCall(fmt.Sprint(i))))
	}
	noError(t, l.PutCall(t.Context(), c))
	for n := 4; n <= 64; n++ {
		if key, err := l.Key(t.Context(), c.Key[:n]); err != nil || key != c.Key {
			t.Errorf("%d digits: %q %v", n, key, err)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := l.Key(t.Context(), ""); !errors.As(err, &ambiguous) {
		t.Errorf("no prefix: %v", err)
	}
	for _, bad := range []string{"xyz", c.Key + "0", "0000000000"} {
		if _, err := l.Key(t.Context(), bad); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
