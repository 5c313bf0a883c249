package replication_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"papereval/eval/replication"
)

type entry struct {
	name, content string
	at            int64
	kind          byte
}

func archive(t *testing.T, entries ...entry) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), ModTime: time.Unix(e.at, 0), Mode: 0o644, Typeflag: e.kind}
		if e.kind == tar.TypeSymlink {
			h.Linkname, h.Size = e.content, 0
			e.content = ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func TestReadSubmission(t *testing.T) {
	common := []entry{{"submission/", "", 10, tar.TypeDir}, {"submission/main.py", "x = 1\n", 10, 0}, {"submission/out/a.csv", "1\n", 100, 0},
		{"submission/.git/config", "x", 200, 0}, {"submission/link.csv", "/etc/passwd", 200, tar.TypeSymlink}, {"submission/../../evil.csv", "x", 200, 0}}
	log := entry{"submission/reproduce.log", "done\n", 100, 0}
	for name, test := range map[string]struct {
		more    []entry
		touched string // "-" for no reproduction
		err     string
	}{
		"by the log's time":  {[]entry{log}, "out/a.csv reproduce.log", ""},
		"by the time's file": {[]entry{log, {"submission/reproduce.log.creation_time", " 101\n", 101, 0}}, "", ""},
		"not reproduced":     {nil, "-", ""},
		"a broken time":      {[]entry{log, {"submission/reproduce.log.creation_time", "today", 101, 0}}, "", `"today", which is no time`},
	} {
		tree, r, skipped, err := replication.ReadSubmission(archive(t, append(slices.Clone(common), test.more...)...))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := "-"
		if r != nil {
			got = strings.Join(slices.Sorted(maps.Keys(r.Touched)), " ")
			if r.Log != "done\n" {
				t.Errorf("%s: log %q", name, r.Log)
			}
		}
		if got != test.touched {
			t.Errorf("%s: touched %q, want %q", name, got, test.touched)
		}
		if _, ok := tree.Get("main.py"); !ok || len(skipped) != 2 || strings.Contains(fmt.Sprint(tree.Paths()), "evil") {
			t.Errorf("%s: %v, without %v", name, tree.Paths(), skipped)
		}
	}
	for name, broken := range map[string]*bytes.Reader{"nothing": bytes.NewReader(nil), "no tar": bytes.NewReader([]byte("version https://git-lfs.github.com/spec/v1\n"))} {
		if _, _, _, err := replication.ReadSubmission(broken); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadSubmission(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "submission/a.py", Size: 1})
	_, _ = w.Write([]byte("x"))
	_ = w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, _, _, err := replication.ReadSubmission(bytes.NewReader(data))
		if err == nil && tree.Len() == 0 {
			t.Error("nothing was read, and nobody says so")
		}
	})
}
