package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	noError(t, os.WriteFile(path, []byte(content), 0o644))
}

func removeFile(t testing.TB, path string) {
	t.Helper()
	noError(t, os.Remove(path))
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r", Config: []byte("kept")}))
	put := func(name, paper string) *Call {
		c := testCall(name)
		c.Paper = paper
		c.Messages = []Message{{"system", noise(1, 30_000)}, {"user", noise(uint64(len(name)), 40_000) + name}}
		noError(t, l.PutCall(t.Context(), c))
		return c
	}
	used, unused, running := put("used", "done"), put("unused", "done"), put("running", "unfinished")
	noError(t, l.Use(t.Context(), Use{Run: "r", Key: used.Key}))
	noError(t, l.PutCell(t.Context(), Cell{Run: "r", Paper: "done", System: "s", State: Done}))
	noError(t, l.PutCell(t.Context(), Cell{Run: "r", Paper: "unfinished", System: "s", State: Running}))
	exported, dropped := testCall("exported"), testCall("dropped")
	noError(t, l.PutPending(t.Context(), "r", dropped))
	noError(t, l.DropPending(t.Context(), "r"))
	noError(t, l.PutPending(t.Context(), "r", exported))
	answered := testCall("exported and answered")
	answered.Paper = "done"
	noError(t, l.PutPending(t.Context(), "r", answered))
	noError(t, l.PutCall(t.Context(), answered))
	tree, err := l.PutBlob(t.Context(), []byte("tree"))
	noError(t, err)
	detail, err := l.PutBlob(t.Context(), []byte("detail"))
	noError(t, err)
	old, err := l.PutBlob(t.Context(), []byte("old"))
	noError(t, err)
	writeFile(t, filepath.Join(l.blobs, "tmp-left-behind"), "half")
	noError(t, l.PutCell(t.Context(), Cell{Run: "r", Paper: "done", System: "s", State: Done, Tree: tree}))
	noError(t, l.PutScores(t.Context(), "r", []Score{{Paper: "done", System: "s", Detail: detail}}))
	noError(t, l.PutWaste(t.Context(), Waste{Run: "r"}))
	_, err = l.Reserve(t.Context(), "r", 10, 3)
	noError(t, err)

	state := func() string {
		return fmt.Sprint(scalar(t, l, "SELECT count(*) FROM answers"), scalar(t, l, "SELECT count(*) FROM requests"), scalar(t, l, "SELECT count(*) FROM chunks"))
	}
	before := state()
	would, err := l.Prune(t.Context(), true)
	noError(t, err)
	if after := state(); after != before {
		t.Errorf("a dry run changed something: %s, then %s", before, after)
	}
	did, err := l.Prune(t.Context(), false)
	noError(t, err)
	if diff := cmp.Diff(would, did); diff != "" {
		t.Error(diff)
	}
	if did.Requests != 2 || did.Blobs != 2 || did.Chunks == 0 || did.Text == 0 ||
		!cmp.Equal(did.Answers, []UsageRow{{CallModel: "m", Snapshot: "m-1", Source: "live", Calls: 1, Prompt: 100, Cached: 10, Completion: 20, Reasoning: 5}}) {
		t.Errorf("%+v", did)
	}
	for _, c := range []*Call{used, running, exported, answered} {
		if _, err := l.Asked(t.Context(), c.Key); err != nil {
			t.Errorf("%s: %v", c.File, err)
		}
		sameMessages(t, l, c)
	}
	for _, c := range []*Call{unused, dropped} {
		if _, err := l.Asked(t.Context(), c.Key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", c.File, err)
		}
	}
	for digest, kept := range map[string]bool{tree: true, detail: true, old: false} {
		if _, err := l.Blob(t.Context(), digest); (err == nil) != kept {
			t.Errorf("blob %s: %v", digest, err)
		}
	}
	if n := scalar(t, l, "SELECT count(*) FROM packs"); n != 1 {
		t.Errorf("%d packs", n)
	}
	if _, open := spentBy(t, l, "r"); open != 3 {
		t.Errorf("%d is reserved", open)
	}
	if wasted, err := l.Wasted(t.Context(), "r"); err != nil || len(wasted) != 1 {
		t.Errorf("%v %v", wasted, err)
	}
	if _, err := l.Verify(t.Context(), func(d Damage) { t.Errorf("%+v", d) }); err != nil {
		t.Error(err)
	}
	if foreign := scalar(t, l, "SELECT count(*) FROM pragma_foreign_key_check"); foreign != 0 {
		t.Errorf("%d rows refer to nothing", foreign)
	}
	again, err := l.Prune(t.Context(), false)
	noError(t, err)
	if diff := cmp.Diff(&Pruned{}, again); diff != "" {
		t.Error(diff)
	}
	// What was dropped can be paid for again.
	noError(t, l.PutCall(t.Context(), unused))
	sameMessages(t, l, unused)
}

func TestPruneGivesRoomBack(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	for i := range 50 {
		c := testCall(fmt.Sprint(i))
		c.Text, c.Messages[0].Content = noise(uint64(i), 20_000), noise(uint64(i+100), 100_000)
		noError(t, l.PutCall(t.Context(), c))
	}
	_, err := l.Prune(t.Context(), false)
	noError(t, err)
	if size := onDisk(t, dir); size > 500_000 {
		t.Errorf("%d bytes are left", size)
	}
	sizes, err := l.Sizes(t.Context())
	noError(t, err)
	total := int64(0)
	for _, s := range sizes {
		total += s.Disk
		if s.Count != 0 || s.Text != 0 {
			t.Errorf("%+v", s)
		}
	}
	if size := onDisk(t, dir); total > size || total < size-64<<10 { // the index of the log is not counted
		t.Errorf("%d bytes by kinds, %d on the disk", total, size)
	}
}

func TestPruneLeavesDamageAlone(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	noError(t, l.PutRun(t.Context(), Run{ID: "r"}))
	calls := testCalls("a", "b", "c")
	for _, c := range calls {
		noError(t, l.PutCall(t.Context(), c))
		noError(t, l.Use(t.Context(), Use{Run: "r", Key: c.Key}))
	}
	noError(t, l.Close())
	alter(t, dir, "UPDATE packs SET body = x'00' WHERE id = 1")
	alter(t, dir, "UPDATE messages SET chunks = x'ff' WHERE request = 2")
	l = openTest(t, dir)
	_, err := l.Prune(t.Context(), false)
	noError(t, err)
	n := 0
	_, err = l.Verify(t.Context(), func(Damage) { n++ })
	noError(t, err)
	if n != 3 { // the first pack holds what all share
		t.Errorf("%d damaged", n)
	}
	for _, c := range calls {
		noError(t, l.PutCall(t.Context(), c))
		sameMessages(t, l, c)
	}
}
