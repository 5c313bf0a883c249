package paperbench

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"papereval/datasets"
	"papereval/paper"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// files are a dataset of three papers: one in full, one of pointers, and one for development with nothing but a folder.
func files() map[string]string {
	return map[string]string{
		"splits/all.txt":                              "b\na", // as published, without a newline at the end
		"splits/a0.txt":                               "a",    // sorts before all.txt
		"splits/debug.txt":                            "\r\n a \r\n",
		"splits/dev.txt":                              "c",
		"splits/readme.md":                            "not a split",
		"splits/.hidden.txt":                          "not a split",
		"papers/a/paper.md":                           "# Paper A\n\nText.",
		"papers/a/paper.pdf":                          "%PDF-",
		"papers/a/rubric.json":                        "{}",
		"papers/a/addendum.md":                        "More of A.",
		"papers/a/judge.addendum.md":                  "For the judge.",
		"papers/a/blacklist.txt":                      "# where it is from\nhttps://example.org/a\n\n https://example.org/b",
		"papers/a/config.yaml":                        "id: a\ntitle: \"A: the paper\"",
		"papers/a/assets/x.png":                       "",
		"papers/b/paper.md":                           pointer,
		"papers/b/rubric.json":                        "{}",
		"papers/b/addendum.md":                        pointer,
		"papers/b/blacklist.txt":                      "none",
		"papers/b/config.yaml":                        "id: bee\ntitle: B\n",
		"papers/c/paper.md/x":                         "a folder in the file's place",
		"papers/d/config.yaml":                        "title: [",
		"papers/.hidden/paper.md":                     "not a paper",
		"papers/readme.md":                            "not a paper",
		"judge_eval/b/0/grading/expected_result.json": "{}",
		"judge_eval/b/0/submission.tar":               pointer,
		"judge_eval/a/1/submission.tar":               "tar",
	}
}

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

func mustOpen(t *testing.T, dir string) *Dataset {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func find(t *testing.T, ds datasets.Dataset, id string) datasets.Entry {
	t.Helper()
	entries, err := datasets.Select(ds, "", []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return entries[0]
}

func ids(entries []datasets.Entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.ID)
	}
	return strings.Join(names, " ")
}

func TestOpen(t *testing.T) {
	d := mustOpen(t, write(t, files()))
	for split, want := range map[string]string{"": "b a", "all": "b a", "a0": "a", "debug": "a", "dev": "c"} {
		if got, err := datasets.Select(d, split, nil); err != nil || ids(got) != want {
			t.Errorf("split %q is %s, want %s; %v", split, ids(got), want, err)
		}
	}
	if got := strings.Join(datasets.Splits(d), " "); got != "all a0 debug dev" {
		t.Errorf("splits %s", got)
	}
	var got []string
	for _, e := range d.Papers() {
		rubric := strings.TrimPrefix(e.Rubric, "papers/"+e.ID+"/")
		got = append(got, strings.Join([]string{e.ID, e.Title, paper.List(e.Forms()), rubric, strings.Join(e.Splits, "+"), strings.Join(e.Warnings, "\n")}, "|"))
	}
	want := []string{
		`b|B|markdown|rubric.json|all|papers/b/config.yaml calls it "bee"; the name of its folder counts`,
		"a|A: the paper|markdown, pdf|rubric.json|all+a0+debug|",
		"c|c|||dev|papers/c/paper.md is not a file\nit has no config.yaml, so its title is unknown",
		"d|d||||papers/d/config.yaml cannot be read, so its title is unknown: ",
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("papers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEntryFiles(t *testing.T) {
	d := mustOpen(t, write(t, files()))
	a, b, c := find(t, d, "a"), find(t, d, "b"), find(t, d, "c")

	rubric, err1 := a.ReadRubric()
	addendum, err2 := a.ReadAddendum()
	judge, err3 := a.ReadJudgeAddendum()
	blacklist, err4 := blacklisted(a)
	if err := errors.Join(err1, err2, err3, err4); err != nil || string(rubric) != "{}" || addendum != "More of A." ||
		judge != "For the judge." || !slices.Equal(blacklist, []string{"https://example.org/a", "https://example.org/b"}) {
		t.Errorf("rubric %q, addenda %q and %q, blacklist %q: %v", rubric, addendum, judge, blacklist, err)
	}

	_, err1 = b.Paper("")
	_, err2 = b.ReadAddendum()
	for file, err := range map[string]error{"papers/b/paper.md": err1, "papers/b/addendum.md": err2} {
		if !errors.Is(err, datasets.ErrNotFetched) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "bench dataset pull paperbench") {
			t.Errorf("a pointer in place of %s: %v", file, err)
		}
	}
	if got, err := blacklisted(b); err != nil || len(got) != 0 {
		t.Errorf("the blacklist none is %q: %v", got, err)
	}

	addendum, err1 = c.ReadAddendum()
	judge, err2 = c.ReadJudgeAddendum()
	blacklist, err3 = blacklisted(c)
	if err := errors.Join(err1, err2, err3); err != nil || addendum != "" || judge != "" || blacklist != nil {
		t.Errorf("what is absent reads as %q, %q, %q: %v", addendum, judge, blacklist, err)
	}
	if _, err := c.ReadRubric(); !errors.Is(err, datasets.ErrAbsent) {
		t.Errorf("an absent rubric: %v", err)
	}
	if _, err := c.Paper(""); !errors.Is(err, datasets.ErrAbsent) {
		t.Errorf("an absent paper: %v", err)
	}
}

func TestJudgeEval(t *testing.T) {
	d := mustOpen(t, write(t, files()))
	submissions := d.JudgeEval()
	if len(submissions) != 2 || submissions[0].Paper+submissions[0].ID != "a1" || submissions[1].Paper+submissions[1].ID != "b0" {
		t.Fatalf("submissions %+v", submissions)
	}
	tar, err := submissions[0].OpenTar()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(tar)
	if err := errors.Join(err, tar.Close()); err != nil || string(content) != "tar" {
		t.Errorf("the archive is %q: %v", content, err)
	}
	if got, err := submissions[1].ReadExpected(); err != nil || string(got) != "{}" {
		t.Errorf("the graded rubric is %q: %v", got, err)
	}
	_, err1 := submissions[0].ReadExpected()
	_, err2 := submissions[1].OpenTar()
	for _, test := range []struct {
		err, kind error
		file      string
	}{
		{err1, datasets.ErrAbsent, "judge_eval/a/1/grading/expected_result.json"},
		{err2, datasets.ErrNotFetched, "judge_eval/b/0/submission.tar"},
	} {
		if !errors.Is(test.err, test.kind) || !strings.Contains(test.err.Error(), test.file) || !strings.Contains(test.err.Error(), "bench dataset pull paperbench") {
			t.Errorf("%s: %v", test.file, test.err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	with := func(name, content string) string {
		f := files()
		f[name] = content
		return write(t, f)
	}
	unsplit := files()
	delete(unsplit, "splits/all.txt")
	file := filepath.Join(write(t, map[string]string{"file": ""}), "file")
	for name, test := range map[string]struct {
		dir  string
		want []string
	}{
		"no folder":    {file + "-not", []string{"there is no folder", "--data"}},
		"a file":       {file, []string{"there is no folder"}},
		"no paper":     {write(t, nil), []string{"no paper in the folder papers", "bench dataset pull paperbench"}},
		"no split all": {write(t, unsplit), []string{"splits/all.txt is not there", "experiments/splits"}},
		"unknown":      {with("splits/lite.txt", "a\n\nnot\n"), []string{"splits/lite.txt:3:", `no paper "not"`}},
		"outside":      {with("splits/lite.txt", "../papers/a"), []string{"splits/lite.txt:1:"}},
		"twice":        {with("splits/lite.txt", "a\na\n"), []string{"splits/lite.txt:2:", "second time"}},
		"empty":        {with("splits/lite.txt", "\n"), []string{"splits/lite.txt names no paper"}},
		"pointer":      {with("splits/all.txt", pointer), []string{"splits/all.txt", "bench dataset pull paperbench"}},
	} {
		_, err := Open(test.dir)
		for _, want := range append(test.want, "dataset paperbench") {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}

func TestLinksStayInside(t *testing.T) {
	outside := write(t, map[string]string{"addendum.md": "SECRET", "paper.md": "SECRET"})
	dir := write(t, files())
	for name, target := range map[string]string{"papers/c/addendum.md": filepath.Join(outside, "addendum.md"), "papers/e": outside} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("this system has no symbolic links:", err)
		}
	}
	d := mustOpen(t, dir)
	if got := ids(d.Papers()); got != "b a c d" {
		t.Errorf("papers %s", got)
	}
	if c := find(t, d, "c"); c.Addendum != "" || !strings.Contains(strings.Join(c.Warnings, "\n"), "papers/c/addendum.md cannot be read") {
		t.Errorf("addendum %q, warnings %q", c.Addendum, c.Warnings)
	}
}

func TestRevision(t *testing.T) {
	content := files()
	revision := func() string {
		t.Helper()
		r, err := mustOpen(t, write(t, content)).Revision()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := revision()
	if len(first) != len("sha256:")+64 || !strings.HasPrefix(first, "sha256:") {
		t.Errorf("revision %s", first)
	}
	for _, name := range []string{"other.txt", "papers/a/notes.md", "papers/a/assets/x.png", "judge_eval/a/1/submission.tar"} {
		content[name] += "x"
		if revision() != first {
			t.Errorf("the revision depends on %s", name)
		}
	}
	seen := []string{first}
	for _, base := range []string{"paper.md", "paper.pdf", "rubric.json", "addendum.md", "judge.addendum.md", "blacklist.txt", "config.yaml"} {
		content["papers/a/"+base] += "\n"
		if r := revision(); slices.Contains(seen, r) {
			t.Errorf("the revision does not depend on %s", base)
		} else {
			seen = append(seen, r)
		}
	}
	content["splits/dev.txt"] = "d\nc"
	if slices.Contains(seen, revision()) {
		t.Error("the revision does not depend on the splits")
	}
}

// published is the folder of the published benchmark, with its addenda as pointers.
func published(t *testing.T) string {
	t.Helper()
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "data", "paperbench")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and CI must have it: %v", dir, err)
		}
		t.Skipf("%s is not there: set PAPEREVAL_SHARED to the folder of shared data", dir)
	}
	return dir
}

func TestPublished(t *testing.T) {
	d := mustOpen(t, published(t))
	if len(d.Papers()) != 23 {
		t.Errorf("%d papers, want 23", len(d.Papers()))
	}
	for split, want := range map[string]int{"": 20, "all": 20, "dev": 3, "human": 5, "lite": 5} {
		if got, err := datasets.Select(d, split, nil); err != nil || len(got) != want {
			t.Errorf("%d papers in the split %q, want %d; %v", len(got), split, want, err)
		}
	}
	for split, want := range map[string]string{"debug": "rice", "testing": "lca-on-the-line"} {
		if got, err := datasets.Select(d, split, nil); err != nil || ids(got) != want {
			t.Errorf("the split %s is %s; %v", split, ids(got), err)
		}
	}
	if got := find(t, d, "self-expansion"); got.Title == got.ID {
		t.Errorf("a paper for development: %+v", got)
	}
	var addresses int
	for _, e := range d.Papers() {
		switch _, err := e.Paper(""); {
		case e.ID == "adaptive-pruning":
			if !errors.Is(err, datasets.ErrAbsent) {
				t.Errorf("adaptive-pruning has no text: %v", err)
			}
		case err != nil:
			t.Error(err)
		}
		if rubric, err := e.ReadRubric(); err != nil || len(rubric) == 0 {
			t.Errorf("%s: the rubric has %d bytes: %v", e.ID, len(rubric), err)
		}
		if _, err := e.ReadAddendum(); !errors.Is(err, datasets.ErrNotFetched) {
			t.Errorf("%s: the addendum is a pointer: %v", e.ID, err)
		}
		if text, err := e.ReadJudgeAddendum(); e.JudgeAddendum == "" && (text != "" || err != nil) ||
			e.JudgeAddendum != "" && !errors.Is(err, datasets.ErrNotFetched) {
			t.Errorf("%s: judge's addendum %q: %q, %v", e.ID, e.JudgeAddendum, text, err)
		}
		blacklist, err := blacklisted(e)
		if err != nil {
			t.Error(err)
		}
		addresses += len(blacklist)
		// One configuration is published with a misspelt id.
		if (len(e.Warnings) != 0) != (e.ID == "stochastic-interpolants") {
			t.Errorf("%s: warnings %q", e.ID, e.Warnings)
		}
	}
	if addresses != 21 {
		t.Errorf("%d addresses in the blacklists, want 21", addresses)
	}
	submissions := d.JudgeEval()
	if len(submissions) != 3 {
		t.Errorf("graded submissions %+v", submissions)
	}
	for _, s := range submissions {
		if expected, err := s.ReadExpected(); err != nil || len(expected) == 0 {
			t.Errorf("%d bytes: %v", len(expected), err)
		}
		if _, err := s.OpenTar(); !errors.Is(err, datasets.ErrAbsent) {
			t.Errorf("there is no archive: %v", err)
		}
	}
	if _, err := d.Revision(); err != nil {
		t.Error(err)
	}
}
