package ledger

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"papereval/ledger/db"
)

func scalar(t testing.TB, l *Ledger, query string, args ...any) (n int64) {
	t.Helper()
	noError(t, l.sql.QueryRow(query, args...).Scan(&n))
	return n
}

func sameMessages(t testing.TB, l *Ledger, c *Call) {
	t.Helper()
	got, err := l.Messages(t.Context(), c.Key)
	noError(t, err)
	if diff := cmp.Diff(c.Messages, got); diff != "" {
		t.Errorf("messages of %s are others than those put in (%d bytes of difference)", c.File, len(diff))
	}
}

func TestPaperIsStoredOnce(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	paper := noise(5, 90_000)
	var calls []*Call
	var wg sync.WaitGroup
	for i := range 100 {
		c := testCall(fmt.Sprint(i))
		c.Messages = []Message{{"system", "You write code."}, {"user", fmt.Sprintf("%s\n\nWrite file %d.", paper, i)}, {"user", fmt.Sprint("task ", i, paper)}}
		calls = append(calls, c)
		wg.Go(func() { // side by side, so that nobody knows the paper at first
			if err := l.PutCall(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range calls {
		sameMessages(t, l, c)
	}
	// The paper, and for each prompt the chunk before and after it.
	if size := scalar(t, l, "SELECT sum(size) FROM chunks"); size > 90_000+100*3*2*meanChunk {
		t.Errorf("%d bytes are stored", size)
	}
	noError(t, l.Close())
	if size := onDisk(t, dir); size > 100*180_000/5 {
		t.Errorf("%d bytes on the disk", size)
	}
	l = openTest(t, dir)
	for _, c := range calls {
		sameMessages(t, l, c)
	}
}

func TestKnownPartsCostNothing(t *testing.T) {
	l := openTest(t, t.TempDir())
	first, second := testCall("first"), testCall("second")
	paper := noise(6, 200_000)
	first.Messages, second.Messages = []Message{{"user", paper}}, []Message{{"user", paper}}
	noError(t, l.PutCall(t.Context(), first))
	if p := l.cutAll(second, false); len(p.packs) != 0 {
		t.Errorf("%d packs were compressed for parts that are stored", len(p.packs))
	}
	noError(t, l.PutCall(t.Context(), second))
	if n := scalar(t, l, "SELECT count(*) FROM packs"); n != 1 {
		t.Errorf("%d packs", n)
	}
	p, err := l.cutUp(t.Context(), first)
	if p != nil || err != nil {
		t.Errorf("a known request is cut again: %v %v", p, err)
	}
	sameMessages(t, l, second)
}

// What another process has pruned is stored again, although this one remembers it as stored.
func TestPartsAfterPrune(t *testing.T) {
	dir := t.TempDir()
	l, other := openTest(t, dir), openTest(t, dir)
	c := testCall("x")
	c.Messages = []Message{{"user", noise(8, 50_000)}}
	noError(t, l.PutCall(t.Context(), c))
	pruned, err := other.Prune(t.Context(), false)
	noError(t, err)
	if pruned.Requests != 1 || pruned.Chunks == 0 || scalar(t, l, "SELECT count(*) FROM packs") != 0 {
		t.Errorf("pruned %+v", pruned)
	}
	again := testCall("y")
	again.Messages = c.Messages
	noError(t, l.PutCall(t.Context(), again))
	sameMessages(t, l, again)
	sameMessages(t, other, again)
}

// A refused batch takes back what it stored, and what is remembered with it.
func TestPartsAfterRollback(t *testing.T) {
	l := openTest(t, t.TempDir())
	release := block(t, l)
	c := testCall("x")
	c.Messages = []Message{{"user", noise(9, 50_000)}}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.PutCall(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	for len(l.queue) == 0 {
		runtime.Gosched()
	}
	wg.Go(func() {
		err := l.put(t.Context(), func(context.Context, *db.Queries) error { return context.DeadlineExceeded })
		if err == nil {
			t.Error("it was not refused")
		}
	})
	for len(l.queue) == 1 {
		runtime.Gosched()
	}
	release()
	wg.Wait()
	sameMessages(t, l, c)
	d := testCall("y")
	d.Messages = c.Messages
	noError(t, l.PutCall(t.Context(), d))
	sameMessages(t, l, d)
}

func TestSmallPacksBecomeLarge(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	text := prose(t)
	var calls []*Call
	for i := range 200 { // 3.5 MB of which much is alike
		c := promptCall(text, i)
		calls = append(calls, c)
		noError(t, l.PutCall(t.Context(), c))
	}
	noError(t, l.Close())
	l = openTest(t, dir)
	l.packer.work.Wait()
	if n := scalar(t, l, "SELECT count(*) FROM packs"); n > 100 {
		t.Errorf("%d packs for 200 calls", n)
	}
	if small := scalar(t, l, "SELECT coalesce(sum(size), 0) FROM packs WHERE size < ?", smallPack); small > 3*packSize {
		t.Errorf("%d bytes are left in small packs", small)
	}
	for _, c := range calls {
		sameMessages(t, l, c)
	}
	verified, err := l.Verify(t.Context(), func(d Damage) { t.Error(d) })
	noError(t, err)
	if verified.Answers != 200 || verified.Prompts != 200 {
		t.Errorf("%+v", verified)
	}
}

// Two processes may make the same small packs a large one at the same time; one of them gives in.
func TestPackingSideBySide(t *testing.T) {
	dir := t.TempDir()
	l, other := openTest(t, dir), openTest(t, dir)
	var calls []*Call
	for i := range 20 {
		c := testCall(fmt.Sprint(i))
		c.Messages = []Message{{"user", noise(uint64(i), 40_000)}}
		calls = append(calls, c)
		noError(t, l.PutCall(t.Context(), c))
	}
	var wg sync.WaitGroup
	for _, l := range []*Ledger{l, other} {
		wg.Go(func() { l.packOnce() })
	}
	for range 50 {
		for _, c := range calls {
			sameMessages(t, other, c)
		}
	}
	wg.Wait()
	if n := scalar(t, l, "SELECT count(*) FROM packs"); n != 1 {
		t.Errorf("%d packs", n)
	}
}

func TestDamagedSmallPackIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	var calls []*Call
	for i := range 10 {
		c := testCall(fmt.Sprint(i))
		c.Messages = []Message{{"user", noise(uint64(i), 40_000)}}
		calls = append(calls, c)
		noError(t, l.PutCall(t.Context(), c))
	}
	alter(t, dir, "UPDATE packs SET body = substr(body, 1, 1000) WHERE id = 3")
	l.packOnce()
	var damaged []string
	_, err := l.Verify(t.Context(), func(d Damage) { damaged = append(damaged, d.Key) })
	noError(t, err)
	if diff := cmp.Diff([]string{calls[2].Key}, damaged); diff != "" {
		t.Error(diff)
	}
	noError(t, l.PutCall(t.Context(), calls[2]))
	sameMessages(t, l, calls[2])
}

func TestMessagesOfAllSizes(t *testing.T) {
	l := openTest(t, t.TempDir())
	c := testCall("x")
	for _, n := range []int{0, 1, minChunk, minChunk + 1, maxChunk, maxChunk + 1, packSize, 3 * packSize} {
		c.Messages = append(c.Messages, Message{"user", noise(uint64(n), n)}, Message{"user", strings.Repeat("z", n)})
	}
	noError(t, l.PutCall(t.Context(), c))
	sameMessages(t, l, c)
}

func TestRecent(t *testing.T) {
	r := newRecent[int, int](10)
	for i := range 1000 {
		r.put(i, i)
		if v, ok := r.get(0); !ok || v != 0 {
			t.Fatalf("after %d: a value in use is forgotten", i)
		}
		for j := max(0, i-8); j <= i; j++ {
			if v, ok := r.get(j); !ok || v != j {
				t.Fatalf("after %d: %d is forgotten", i, j)
			}
		}
		if n := len(r.young) + len(r.old); n > 20 {
			t.Fatalf("%d values are kept", n)
		}
	}
	r.clear()
	if _, ok := r.get(999); ok {
		t.Error("not cleared")
	}
}
