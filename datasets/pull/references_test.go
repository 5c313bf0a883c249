package pull

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"papereval/datasets/gittest"
	"papereval/datasets/lock"
	"papereval/repo"
)

// paper2Code is a commit in Paper2Code's layout whose papers have the given repositories.
func paper2Code(t *testing.T, s *gittest.Server, repositories map[string]string) string {
	t.Helper()
	var list []string
	entries := []entry{{"iclr2024/README.md", "not a paper", 0}}
	for _, name := range slices.Sorted(maps.Keys(repositories)) {
		list = append(list, fmt.Sprintf(`{"source":"poster","paper":%q,"repo_name":%q,"repo_url":%q}`, name, name, repositories[name]))
		entries = append(entries, entry{"iclr2024/" + name + ".json", "text of " + name, 0})
	}
	return commit(t, s, "Paper2Code", map[string]string{
		"README.md": "", "data/paper2code/dataset_info.json": `{"iclr2024":[` + strings.Join(list, ",") + `]}`,
		"data/paper2code/paper2code_data.zip": archive(t, entries...),
	})
}

func TestReferences(t *testing.T) {
	s := start(t)
	const module = "1234567890123456789012345678901234567890"
	first := commit(t, s, "good", map[string]string{
		"main.py": "print(1)", ".gitignore": "*.pyc", "src/deep/x.py": "", "link@": "main.py", "module#": module,
		"weights.bin": strings.Repeat("0", repo.MaxFile+1), "data.bin": gittest.Pointer("kept elsewhere").String(),
	})
	commit(t, s, "secret", map[string]string{"main.py": ""})
	commit(t, s, "own", map[string]string{"main.py": ""})
	hash := paper2Code(t, s, map[string]string{
		"good": s.URL + "/good.git/", "gone": s.URL + "/gone.git", "secret": s.URL + "/secret.git", "file": "file:///etc", "own": s.URL + "/own.git",
	})
	s.Break(gittest.Fault{Path: "/gone.git", Status: 404}, gittest.Fault{Path: "/secret.git", Status: 401})
	dir := t.TempDir()
	folder := filepath.Join(dir, "paper2code")
	write(t, filepath.Join(folder, "references", "own", "mine.py"), "mine")
	h := &heard{}
	pull := func(references bool) (*Result, error) {
		return Dataset(t.Context(), Options{Name: "paper2code", Dir: dir, From: s.URL + "/Paper2Code.git", Commit: hash, References: references, Progress: h})
	}
	r, err := pull(false)
	if err != nil || len(r.Dataset.Files) != 6 || r.Dataset.Papers() != 5 || len(r.Dataset.References) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	check := func(r *Result, err error, goodCommit string) {
		t.Helper()
		incomplete := new(IncompleteError)
		if !errors.As(err, &incomplete) {
			t.Fatalf("no failures: %v", err)
		}
		got := ""
		for _, f := range incomplete.Failures {
			got += fmt.Sprintf("%s: %v\n", f.Path, f.Err)
		}
		want := `references/file: the list has no address for it that could be used: .*
references/gone: .*/gone.git: there is no such repository, or it is private
references/secret: .*/secret.git: there is no such repository, or it is private
`
		if !matches(want, got) {
			t.Errorf("failures\n%swant\n%s", got, want)
		}
		if diff := cmp.Diff(map[string]string{
			"good/main.py": "print(1)", "good/.gitignore": "*.pyc", "good/src/deep/x.py": "", "own/mine.py": "mine",
			"good/data.bin": gittest.Pointer("kept elsewhere").String(),
		}, contents(t, filepath.Join(folder, "references"))); diff != "" {
			t.Error(diff)
		}
		if refs := r.Dataset.References; len(refs) != 1 || refs[0].Commit != goodCommit || refs[0].URL != s.URL+"/good.git" || refs[0].Files != 3 {
			t.Errorf("%+v", refs)
		}
	}
	r, err = pull(true)
	check(r, err, first)
	if steps := strings.Join(h.steps, "\n"); !strings.Contains(steps, "references/own is there and was not pulled: it stays") ||
		!strings.Contains(steps, "without 3 links, submodules, and files of more than 8 MB") {
		t.Error(steps)
	}

	// The commit stays, though there is a newer one; what is there is not fetched again, and what was changed is.
	s.Asked()
	commit(t, s, "good", map[string]string{"main.py": "print(2)"})
	r, err = pull(true)
	check(r, err, first)
	if again := asked(s, "good.git"); len(again) != 0 {
		t.Errorf("%q", again)
	}
	write(t, filepath.Join(folder, "references", "good", "main.py"), "print(3)")
	r, err = pull(true)
	check(r, err, first)

	// The others come when they can be had.
	s.Break(gittest.Fault{Path: "/gone.git", Status: 404})
	r, err = pull(true)
	if incomplete := new(IncompleteError); !errors.As(err, &incomplete) || len(incomplete.Failures) != 2 || len(r.Dataset.References) != 2 {
		t.Errorf("%v; %+v", err, r.Dataset.References)
	}
	problems, err := r.Dataset.Verify(t.Context(), folder)
	if diff := cmp.Diff([]lock.Problem{{State: lock.Extra, Path: "references/own"}}, problems); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestFilterIsNotNeeded: what a server without filters sends too much is left out all the same.
func TestFilterIsNotNeeded(t *testing.T) {
	s := start(t)
	s.Break(gittest.Fault{Path: "info/refs", Without: " filter"})
	commit(t, s, "good", map[string]string{"main.py": "", "weights.bin": strings.Repeat("0", repo.MaxFile+1)})
	hash := paper2Code(t, s, map[string]string{"good": s.URL + "/good.git"})
	r, err := Dataset(t.Context(), Options{Name: "paper2code", Dir: t.TempDir(), From: s.URL + "/Paper2Code.git", Commit: hash, References: true, Progress: &heard{}})
	if err != nil || r.Dataset.References[0].Files != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}
