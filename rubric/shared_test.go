package rubric

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// shared is the folder of PaperBench, as published.
func shared(t testing.TB) fs.FS {
	t.Helper()
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = "../../shared/data"
	}
	dir := filepath.Join(root, "paperbench")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and CI must have it: %v", dir, err)
		}
		t.Skipf("%s is not there: set PAPEREVAL_SHARED to the folder of the shared data", dir)
	}
	return os.DirFS(dir)
}

// published reads the rubric of a paper.
func published(t testing.TB, fsys fs.FS, id string) *Node {
	t.Helper()
	n, err := Read(fsys, "papers/"+id+"/rubric.json")
	noError(t, err)
	return n
}

// papers are the ids of those that have a rubric.
func papers(t testing.TB, fsys fs.FS) (ids []string) {
	t.Helper()
	files, err := fs.Glob(fsys, "papers/*/rubric.json")
	noError(t, err)
	for _, f := range files {
		ids = append(ids, strings.Split(f, "/")[1])
	}
	if len(ids) != 23 {
		t.Fatalf("%d rubrics, want 23", len(ids))
	}
	return ids
}

// golds are the three trees that people graded, by paper.
var golds = []struct {
	id             string
	score, codeDev float64
}{
	{"all-in-one", 0.7139351851851852, 0.7666666666666667},
	{"semantic-self-consistency", 0.91, 1},
	{"stay-on-topic-with-classifier-free-guidance", 0.48152958152958153, 0.6361111111111112},
}

func goldFile(id string) string { return "judge_eval/" + id + "/0/grading/expected_result.json" }

// file is a folder with one file, f.
func file(content string) fs.FS { return fstest.MapFS{"f": {Data: []byte(content)}} }

func tree(t testing.TB, content string) *Node {
	t.Helper()
	n, err := Read(file(content), "f")
	noError(t, err)
	return n
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// values decodes JSON into plain values.
func values(t testing.TB, content []byte) (v any) {
	t.Helper()
	noError(t, json.Unmarshal(content, &v))
	return v
}
