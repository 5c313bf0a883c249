package paper2code

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"papereval/datasets"
	"papereval/paper"
)

const text = `{"pdf_parse":{"body_text":[{"text":"x","eq_spans":[]}]}}`

// write makes a dataset's folder of files by name and content.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(content), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustOpen(t *testing.T, dir string) datasets.Dataset {
	t.Helper()
	ds, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func find(t *testing.T, ds datasets.Dataset, id string) datasets.Entry {
	t.Helper()
	entries, err := datasets.Select(ds, "", []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return entries[0]
}

const list = `{
  "nips2024": [{"source": "oral", "paper": "N", "repo_name": "n", "repo_url": "https://example.org/n"}],
  "iclr2024": [{"source": "poster", "paper": "A", "repo_name": "a", "repo_url": ""},
               {"source": "spotlight", "paper": "B", "repo_name": "b"}],
  "workshop": [{"source": "poster", "paper": "A again", "repo_name": "a"},
               {"source": "poster", "paper": "Evil", "repo_name": "../../secret"}]
}`

func TestOpen(t *testing.T) {
	dir := write(t, map[string]string{
		listName:                     list,
		"iclr2024/a.json":            text,
		"iclr2024/a_cleaned.json":    text,
		"iclr2024/pdfs/a.pdf":        "%PDF-",
		"iclr2024/README.md":         "not a paper",
		"iclr2024/extra_cleaned.tex": "text",
		"nips2024/n.json/x":          "a folder in the file's place",
		"examples/b.md":              "text",
		"examples/Own_cleaned.json":  text,
		"examples/.hidden.md":        "text",
		"references/a/main.py":       "print()",
		"references/n":               "a file in the folder's place",
		"elsewhere/unseen.json":      text,
	})
	ds := mustOpen(t, dir)
	var got []string
	for _, e := range ds.Papers() {
		got = append(got, strings.Join([]string{e.ID, e.Venue, e.Presentation, paper.List(e.Forms()), e.Reference, strings.Join(e.Splits, "+")}, "|"))
	}
	want := []string{
		"a|ICLR|poster|raw, pdf, cleaned|references/a|all+iclr+poster",
		"b|ICLR||markdown||all+iclr",
		"n|NeurIPS|oral|||all+neurips+oral",
		"../../secret|workshop|poster|||all+workshop+poster",
		"extra|||latex||all",
		"Own|||cleaned||all",
	}
	if !slices.Equal(got, want) {
		t.Errorf("papers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for id, warning := range map[string]string{
		"a": `lists it again under workshop as "A again"`, "b": `"spotlight"`, "../../secret": "cannot be the name of a file",
		"n": "nips2024/n.json is a folder where a file is expected",
	} {
		if e := find(t, ds, id); !strings.Contains(strings.Join(e.Warnings, "\n"), warning) || !e.Listed {
			t.Errorf("%s: listed %v, warnings %q", id, e.Listed, e.Warnings)
		}
	}
	if e := find(t, ds, "Own"); e.Listed || e.Title != "Own" {
		t.Errorf("an unlisted paper: %+v", e)
	}
	if e := find(t, ds, "n"); e.RepoURL != "https://example.org/n" || e.Title != "N" {
		t.Errorf("%+v", e)
	}
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(write(t, map[string]string{"file": ""}), "file")
	for name, test := range map[string]struct {
		dir  string
		want []string
	}{
		"no folder":   {file + "-not", []string{"there is no folder", "--data"}},
		"a file":      {file, []string{"there is no folder"}},
		"no list":     {write(t, nil), []string{"dataset_info.json", "no such file"}},
		"broken":      {write(t, map[string]string{listName: "{\n \"iclr2024\": [,]}"}), []string{"dataset_info.json:2:15:", "not JSON"}},
		"wrong kind":  {write(t, map[string]string{listName: "{\n\n\"iclr2024\": 3}"}), []string{"dataset_info.json:3:", "an array"}},
		"no name":     {write(t, map[string]string{listName: `{"v": [{"paper": "x"}]}`}), []string{"paper 1 of v", "repo_name"}},
		"nothing":     {write(t, map[string]string{listName: `{}`}), []string{"lists no paper"}},
		"LFS pointer": {write(t, map[string]string{listName: "version https://git-lfs.github.com/spec/v1\n"}), []string{"git lfs pull"}},
	} {
		_, err := Open(test.dir)
		for _, want := range append(test.want, "dataset paper2code") {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	var place *paper.SyntaxError
	if _, err := Open(write(t, map[string]string{listName: "!"})); !errors.As(err, &place) || place.Line != 1 {
		t.Errorf("no place in the error")
	}
}

func TestLinksStayInside(t *testing.T) {
	outside := write(t, map[string]string{"secret.py": "SECRET", "secret.json": text})
	dir := write(t, map[string]string{listName: list, "references/a/main.py": "print()", "iclr2024/x": ""})
	for name, target := range map[string]string{
		"references/a/out.py": filepath.Join(outside, "secret.py"),
		"references/b":        outside,
		"iclr2024/a.json":     filepath.Join(outside, "secret.json"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("this system has no symbolic links:", err)
		}
	}
	ds := mustOpen(t, dir)
	a, b := find(t, ds, "a"), find(t, ds, "b")
	if len(a.Files) != 0 || !strings.Contains(strings.Join(a.Warnings, "\n"), "iclr2024/a.json cannot be read") {
		t.Errorf("files %v, warnings %q", a.Files, a.Warnings)
	}
	if b.Reference != "" || len(b.Warnings) != 2 {
		t.Errorf("reference %q, warnings %q", b.Reference, b.Warnings)
	}
	tree, _, err := a.ReferenceTree()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range tree.All() {
		if strings.Contains(string(content), "SECRET") {
			t.Errorf("%s was read through a link", name)
		}
	}
	if _, ok := tree.Get("main.py"); !ok {
		t.Errorf("the reference has %q", tree.Paths())
	}
}

func TestRevision(t *testing.T) {
	files := map[string]string{listName: list, "iclr2024/a.json": text, "iclr2024/a.md": "x", "references/a/m.py": "1"}
	revision := func() string {
		t.Helper()
		r, err := mustOpen(t, write(t, files)).Revision()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := revision()
	if len(first) != len("sha256:")+64 || !strings.HasPrefix(first, "sha256:") {
		t.Errorf("revision %s", first)
	}
	files["other.txt"], files["references/a/m.py"] = "not part of it", "2"
	if got := revision(); got != first {
		t.Error("the revision depends on what is no part of the dataset")
	}
	files["iclr2024/a.json"] += "\n"
	second := revision()
	files["iclr2024/a.md"] = "y"
	third := revision()
	files[listName] += "\n"
	fourth := revision()
	files["examples/z.md"] = "z"
	if all := []string{first, second, third, fourth, revision()}; len(slices.Compact(slices.Sorted(slices.Values(all)))) != 5 {
		t.Errorf("revisions %q", all)
	}
}

func TestPublished(t *testing.T) {
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "data", "paper2code")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and CI must have it: %v", dir, err)
		}
		t.Skipf("%s is not there: set PAPEREVAL_SHARED to the folder of shared data", dir)
	}
	ds := mustOpen(t, dir)
	for split, want := range map[string]int{"all": 91, "iclr": 30, "icml": 30, "neurips": 30} {
		if got, err := datasets.Select(ds, split, nil); err != nil || len(got) != want {
			t.Errorf("%d papers in %s, want %d; %v", len(got), split, want, err)
		}
	}
	oral, err1 := datasets.Select(ds, "oral", nil)
	poster, err2 := datasets.Select(ds, "poster", nil)
	if err1 != nil || err2 != nil || len(oral)+len(poster) != 90 {
		t.Errorf("%d oral and %d poster; %v, %v", len(oral), len(poster), err1, err2)
	}
	for _, e := range ds.Papers() {
		if len(e.Warnings) != 0 {
			t.Errorf("%s: %q", e.ID, e.Warnings)
		}
		if e.Listed && (len(e.Files) != 0 || e.Title == "" || e.RepoURL == "") {
			t.Errorf("%+v", e)
		}
	}
	e := find(t, ds, "Transformer")
	if e.Listed || e.Venue != "" || paper.List(e.Forms()) != "latex, raw, cleaned" {
		t.Errorf("%+v", e)
	}
	for _, form := range e.Forms() {
		if p, err := e.Paper(form); err != nil || p.Form != form || p.ID != "Transformer" {
			t.Errorf("%s: %v", form, err)
		}
	}
	if _, err := ds.Revision(); err != nil {
		t.Error(err)
	}
}

func TestDemo(t *testing.T) {
	ds, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := datasets.Select(ds, "demo", []string{"damped-propagation", "phase-restart", "seasonal-conformal"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if len(e.Warnings) != 0 || !e.Listed || paper.List(e.Forms()) != "raw, cleaned" {
			t.Errorf("%+v", e)
		}
		p, err := e.Paper("")
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Title != e.Title || len(p.Abstract) < 200 || len(p.Warnings) != 0 || !strings.Contains(p.Text(), "$$") {
			t.Errorf("%s: title %q in the list, %q in the paper; abstract of %d bytes; warnings %q; formulas %v",
				e.ID, e.Title, p.Title, len(p.Abstract), p.Warnings, strings.Contains(p.Text(), "$$"))
		}
		full, err := e.Paper(paper.Raw)
		if err != nil || strings.Contains(full.Text(), "EQUATION") {
			t.Errorf("%s: a formula is missing, %v", e.ID, err)
		}
		tree, _, err := e.ReferenceTree()
		if err != nil {
			t.Error(err)
		} else if _, ok := tree.Get("main.py"); !ok {
			t.Errorf("%s: the reference has %q", e.ID, tree.Paths())
		}
	}
}
