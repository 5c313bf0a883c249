package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"papereval/datasets/gittest"
	"papereval/datasets/lock"
)

func start(t *testing.T) *gittest.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a git server; without -short")
	}
	s, err := gittest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// heard is a Progress that remembers.
type heard struct {
	mu          sync.Mutex
	steps       []string
	total, came int64
	onCame      func()
}

func (h *heard) Step(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.steps = append(h.steps, text)
}

func (h *heard) Expect(bytes int64) { h.total = bytes }

func (h *heard) Came(bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came += bytes
	if h.onCame != nil {
		h.onCame()
	}
}

// address is that of a repository, with the credentials of the LFS server.
func address(s *gittest.Server, repository string) string {
	return strings.Replace(s.URL, "://", "://"+gittest.User+":"+gittest.Password+"@", 1) + "/" + repository + ".git"
}

func commit(t *testing.T, s *gittest.Server, repository string, files map[string]string) string {
	t.Helper()
	hash, err := s.Commit(repository, files)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func store(t *testing.T, s *gittest.Server, repository, content string) (pointer string) {
	t.Helper()
	pointer, err := s.Store(repository, content)
	if err != nil {
		t.Fatal(err)
	}
	return pointer
}

// contents are the files below a folder, without those whose name begins with a dot.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(content)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// asked are the requests since the last call, those with a part in them.
func asked(s *gittest.Server, part string) []string {
	return slices.DeleteFunc(s.Asked(), func(r string) bool { return !strings.Contains(r, part) })
}

const data = "project/paperbench/data/"

// paperBench is a repository in PaperBench's layout, and what of it has to be in the workspace.
func paperBench(t *testing.T, s *gittest.Server, repository string) (there, here map[string]string) {
	paper, figure, tar := "# Rice\n", strings.Repeat("figure", 1000), "not really a tar"
	there = map[string]string{
		"README.md": "not part of it", "project/other/data.csv": "neither",
		"project/paperbench/.gitattributes":                     "data/papers/**/*.md filter=lfs diff=lfs merge=lfs -text\n",
		data + "judge_eval/.gitattributes":                      "**/*.tar filter=lfs diff=lfs merge=lfs -text\n",
		data + "judge_eval/rice/0/submission.tar":               store(t, s, repository, tar),
		data + "judge_eval/rice/0/grading/expected_result.json": "{}",
		data + "papers/rice/paper.md":                           store(t, s, repository, paper),
		data + "papers/rice/rubric.json":                        `{"id":"1"}`,
		data + "papers/rice/config.yaml":                        "id: rice\n",
		data + "papers/rice/assets/asset_1.jpg":                 store(t, s, repository, figure),
		data + "papers/rice/assets/asset_2.jpg":                 store(t, s, repository, figure),
		data + "papers/rice/link.md@":                           "/etc/passwd",
		"project/paperbench/experiments/splits/all.txt":         "rice\n",
	}
	return there, map[string]string{
		"judge_eval/rice/0/submission.tar": tar, "judge_eval/rice/0/grading/expected_result.json": "{}",
		"papers/rice/paper.md": paper, "papers/rice/rubric.json": `{"id":"1"}`, "papers/rice/config.yaml": "id: rice\n",
		"papers/rice/assets/asset_1.jpg": figure, "papers/rice/assets/asset_2.jpg": figure, "splits/all.txt": "rice\n",
	}
}

func TestPaperBench(t *testing.T) {
	s := start(t)
	there, here := paperBench(t, s, "frontier")
	first := commit(t, s, "frontier", there)
	dir := filepath.Join(t.TempDir(), "datasets")
	folder := filepath.Join(dir, "paperbench")
	pull := func(commit string) *Result {
		t.Helper()
		h := &heard{}
		r, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir, From: address(s, "frontier"), Commit: commit, Progress: h})
		if err != nil {
			t.Fatal(err)
		}
		if h.came != h.total {
			t.Errorf("%d of %d bytes came", h.came, h.total)
		}
		if diff := cmp.Diff(here, contents(t, folder)); diff != "" {
			t.Error(diff)
		}
		if problems, err := r.Dataset.Verify(t.Context(), folder); len(problems) > 0 || err != nil {
			t.Errorf("%v, %v", problems, err)
		}
		if left := slices.Collect(maps.Keys(contents(t, filepath.Join(dir, lock.Scratch)))); len(left) != 1 {
			t.Errorf("left behind: %q", left)
		}
		return r
	}
	r := pull(first)
	if d := r.Dataset; d.Commit != first || d.From != s.URL+"/frontier.git" || d.Kind != lock.PaperBench || len(d.Files) != len(here) || r.Dir != folder || d.Papers() != 1 {
		t.Errorf("%+v", r)
	}
	if got := asked(s, "GET /storage/"); len(got) != 3 {
		t.Errorf("three objects were fetched by %q", got)
	}
	before := contents(t, dir)[lock.Name]

	// Another commit is there, but the lock's is the one that counts; and nothing is missing.
	there[data+"papers/rice/rubric.json"] = `{"id":"2"}`
	delete(there, data+"papers/rice/config.yaml")
	second := commit(t, s, "frontier", there)
	if r := pull(""); r.Written != 0 || r.Dataset.Commit != first || contents(t, dir)[lock.Name] != before {
		t.Errorf("%+v", r)
	}
	if got := asked(s, ""); len(got) != 0 {
		t.Errorf("nothing was missing, but there was %q", got)
	}

	// What is missing and what was changed is put right, and nothing else is fetched.
	for name, content := range map[string]string{"papers/rice/paper.md": "# Mine\n", "papers/rice/rubric.json": "[]"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(folder, "splits", "all.txt")); err != nil {
		t.Fatal(err)
	}
	if r := pull(""); r.Written != 3 || r.Dataset.Commit != first {
		t.Errorf("%+v", r)
	}
	if got := asked(s, "GET /storage/"); len(got) != 1 {
		t.Errorf("one object was changed, but there was %q", got)
	}

	// Another commit replaces the first.
	here["papers/rice/rubric.json"] = `{"id":"2"}`
	delete(here, "papers/rice/config.yaml")
	if r := pull(second); r.Written != 1 || r.Dataset.Commit != second {
		t.Errorf("%+v", r)
	}
	if r := pull(""); r.Dataset.Commit != second {
		t.Errorf("%+v", r)
	}
}

// TestFaults: what cannot be fetched is named, and the next pull fetches it.
func TestFaults(t *testing.T) {
	s := start(t)
	there, here := paperBench(t, s, "frontier")
	hash := commit(t, s, "frontier", there)
	markdown, figure := gittest.Pointer("# Rice\n"), gittest.Pointer(here["papers/rice/assets/asset_1.jpg"])
	const figures = "papers/rice/assets/asset_1.jpg papers/rice/assets/asset_2.jpg"
	for name, test := range map[string]struct {
		faults []gittest.Fault
		from   string // in place of the repository's address
		failed string // the files
		reason string
		whole  string // the error of the pull as a whole
	}{
		"another object":     {faults: []gittest.Fault{{Path: figure.OID, Status: 200, Body: strings.Repeat("FIGURE", 1000)}}, failed: figures, reason: "another file: it has the sha256"},
		"an error page":      {faults: []gittest.Fault{{Path: markdown.OID, Status: 200, Body: "<html>"}}, failed: "papers/rice/paper.md", reason: "gives another file: it has 6 bytes and not 7"},
		"an object is gone":  {faults: []gittest.Fault{{Path: markdown.OID, Status: 404}}, failed: "papers/rice/paper.md", reason: "404 Not Found"},
		"busy once":          {faults: []gittest.Fault{{Path: "batch", Times: 1, Status: 429, Header: "Retry-After: 0"}, {Path: "/storage/", Times: 2, Status: 500, Header: "Retry-After: 0"}}},
		"no LFS server":      {faults: []gittest.Fault{{Path: "batch", Status: 404}}, failed: "judge_eval/rice/0/submission.tar " + figures + " papers/rice/paper.md", reason: "404"},
		"no credentials":     {from: s.URL + "/frontier.git", failed: "judge_eval/rice/0/submission.tar " + figures + " papers/rice/paper.md", reason: "401 Unauthorized"},
		"private":            {faults: []gittest.Fault{{Path: "info/refs", Status: 401}}, whole: "no such repository, or it is private"},
		"no such repository": {faults: []gittest.Fault{{Path: "info/refs", Status: 404}}, whole: "no such repository"},
		"no git server":      {faults: []gittest.Fault{{Path: "info/refs", Status: 200, Body: "<html>"}}, whole: "--from"},
		"git is broken":      {faults: []gittest.Fault{{Path: "info/refs", Status: 503}}, whole: "answers 503"},
		"git breaks off":     {faults: []gittest.Fault{{Path: "git-upload-pack", Cut: 100}}, whole: "--from"},
		"a pack breaks off":  {faults: []gittest.Fault{{Path: "frontier.git/git-upload-pack", Cut: 1000}}, whole: "--from"},
		"no server":          {from: "http://127.0.0.1:1/x", whole: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Break(test.faults...)
			t.Cleanup(func() { s.Break() })
			dir := t.TempDir()
			from := address(s, "frontier")
			if test.from != "" {
				from = test.from
			}
			h := &heard{}
			pull := func() error {
				_, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir, From: from, Commit: hash, Progress: h})
				return err
			}
			err := pull()
			got := contents(t, filepath.Join(dir, "paperbench"))
			if test.whole != "" {
				if err == nil || !strings.Contains(err.Error(), test.whole) || !strings.Contains(err.Error(), "--from") || len(got) != 0 {
					t.Errorf("%v; %d files", err, len(got))
				}
				return
			}
			want := maps.Clone(here)
			var names []string
			if incomplete := new(IncompleteError); errors.As(err, &incomplete) {
				for _, f := range incomplete.Failures {
					names = append(names, f.Path)
					want[f.Path] = gittest.Pointer(here[f.Path]).String()
					if !strings.Contains(f.Err.Error(), test.reason) {
						t.Errorf("%s: %v", f.Path, f.Err)
					}
				}
			} else if err != nil {
				t.Error(err)
			}
			if strings.Join(names, " ") != test.failed {
				t.Errorf("failed: %q", names)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, text := range append(h.steps, fmt.Sprint(err), contents(t, dir)[lock.Name]) {
				if strings.Contains(text, gittest.Password+"@") {
					t.Errorf("the password is in %s", text)
				}
			}
			s.Break()
			from = address(s, "frontier")
			if err := pull(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(here, contents(t, filepath.Join(dir, "paperbench"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestInterrupted: a pull ends with its context, and the next one goes on where it was.
func TestInterrupted(t *testing.T) {
	s := start(t)
	const resumable = "storage-download-retry-range" // the one content that the server continues
	there, here := paperBench(t, s, "frontier")
	there[data+"papers/rice/paper.pdf"], here["papers/rice/paper.pdf"] = store(t, s, "frontier", resumable), resumable
	hash := commit(t, s, "frontier", there)
	dir := t.TempDir()
	for _, fault := range []gittest.Fault{
		{Path: "info/refs", Hang: true},
		{Path: "git-upload-pack", Cut: 1000, Hang: true},
		{Path: "batch", Hang: true},
		{Path: gittest.Pointer(resumable).OID, Cut: 5, Hang: true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s.Break(fault)
		h := &heard{}
		if fault.Cut == 5 { // all but what is left of the one
			h.onCame = func() {
				if h.came == h.total-int64(len(resumable)-5) {
					cancel()
				}
			}
		} else {
			go func() {
				_ = s.Await(ctx, regexp.MustCompile(regexp.QuoteMeta(fault.Path)))
				cancel()
			}()
		}
		_, err := Dataset(ctx, Options{Name: "paperbench", Dir: dir, From: address(s, "frontier"), Commit: hash, Progress: h})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: %v", fault, err)
		}
		s.Break()
		s.Asked()
		cancel()
	}
	h := &heard{}
	if _, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir, From: address(s, "frontier"), Commit: hash, Progress: h}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(here, contents(t, filepath.Join(dir, "paperbench"))); diff != "" {
		t.Error(diff)
	}
	all := asked(s, "")
	if len(all) != 2 || !strings.Contains(all[1], "range bytes=5-") {
		t.Errorf("only the rest of one object was missing, but there was %q", all)
	}
}
