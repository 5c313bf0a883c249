package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func tree(t *testing.T, files ...string) *Tree {
	t.Helper()
	tr := &Tree{}
	for i := 0; i < len(files); i += 2 {
		if err := tr.Put(files[i], []byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func gitOutput(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func steps(t *testing.T) []Commit {
	t.Helper()
	first := tree(t, "config.yaml", "a: 1\n")
	second := tree(t, "config.yaml", "a: 1\n", "src/a.py", "x = 1\r\n", "src-b/c.py", "", "src.py", "y = 1\n", "a b/ä.py", "z")
	return []Commit{
		{"plan", &Tree{}},
		{"config", first},
		{"nothing\x00 new", first},
		{"code", second},
	}
}

func TestWriteHistoryIsAcceptedByGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("the git program is needed: install git")
	}
	dir := filepath.Join(t.TempDir(), "repo")
	history := steps(t)
	last := tree(t, ".gitattributes", "* text eol=lf ident\n", ".gitignore", "*.log\n", "b.log", "x\n", "w.py", "a\r\n$Id$\r\n")
	history = append(history, Commit{"all new", last})
	if err := WriteHistory(dir, history); err != nil {
		t.Fatal(err)
	}
	if out := gitOutput(t, dir, "fsck", "--strict", "--full"); strings.Contains(out, "error") || strings.Contains(out, "warning") || strings.Contains(out, "dangling") {
		t.Errorf("git fsck: %s", out)
	}
	if out := gitOutput(t, dir, "status", "--porcelain", "--ignored"); out != "" {
		t.Errorf("git status: %s", out)
	}
	want := `all new|bench <bench@localhost>|bench <bench@localhost>|2000-01-01T00:00:04Z
code|bench <bench@localhost>|bench <bench@localhost>|2000-01-01T00:00:03Z
nothing new|bench <bench@localhost>|bench <bench@localhost>|2000-01-01T00:00:02Z
config|bench <bench@localhost>|bench <bench@localhost>|2000-01-01T00:00:01Z
plan|bench <bench@localhost>|bench <bench@localhost>|2000-01-01T00:00:00Z
`
	got := strings.ReplaceAll(gitOutput(t, dir, "log", "main", "--format=%s|%an <%ae>|%cn <%ce>|%aI"), "+00:00", "Z")
	if got != want {
		t.Errorf("git log:\n%swant\n%s", got, want)
	}
	if got := gitOutput(t, dir, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "HEAD~1"); got != "a b/ä.py\nconfig.yaml\nsrc-b/c.py\nsrc.py\nsrc/a.py\n" {
		t.Errorf("git ls-tree: %s", got)
	}
	if got := gitOutput(t, dir, "show", "HEAD~1:src/a.py"); got != "x = 1\r\n" {
		t.Errorf("git show: %q", got)
	}
}

func TestWriteHistoryWritesOnlyWhatIsNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	write := func(s []Commit) {
		t.Helper()
		if err := WriteHistory(dir, s); err != nil {
			t.Fatal(err)
		}
	}
	id := func() string { return read(t, filepath.Join(dir, ".git", "refs", "heads", "main")) }
	inode := func() os.FileInfo {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	write(steps(t))
	first, folder := id(), inode()

	write(steps(t))
	if id() != first || !os.SameFile(folder, inode()) {
		t.Error("an equal history was written again")
	}
	for name, damage := range map[string]func() error{
		"changed":  func() error { return os.WriteFile(filepath.Join(dir, "src", "a.py"), []byte("evil"), 0o644) },
		"removed":  func() error { return os.Remove(filepath.Join(dir, "src", "a.py")) },
		"added":    func() error { return os.WriteFile(filepath.Join(dir, "new.py"), nil, 0o644) },
		"replaced": func() error { return relink(filepath.Join(dir, "src", "a.py")) },
		"no head":  func() error { return os.Remove(filepath.Join(dir, ".git", "refs", "heads", "main")) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		write(steps(t))
		if got := read(t, filepath.Join(dir, "src", "a.py")); got != "x = 1\r\n" || id() != first {
			t.Errorf("%s: the repository was not mended: %q", name, got)
		}
		if _, err := os.Stat(filepath.Join(dir, "new.py")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a foreign file stays", name)
		}
	}
	write(steps(t)[:2])
	if id() == first {
		t.Error("another history has the same commit")
	}
	siblings, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(siblings) != 1 {
		t.Errorf("left beside the repository: %v, %v", siblings, err)
	}
}

func relink(file string) error {
	return errors.Join(os.Rename(file, file+".real"), os.Symlink(file+".real", file))
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteHistoryLeavesOthersFoldersAlone(t *testing.T) {
	for _, name := range []string{"notes.txt", ".git/HEAD"} {
		dir := t.TempDir()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := WriteHistory(dir, steps(t)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: got %v", name, err)
		}
		if read(t, file) != "mine" {
			t.Errorf("%s is gone", name)
		}
	}
}

func TestWriteHistoryErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repo")
	for name, s := range map[string][]Commit{"no commits": nil, "has no tree": {{"a", nil}}} {
		if err := WriteHistory(dir, s); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something was written")
	}
}

// A repository of a usual size must not be felt in a run; the bound is lax for slow machines.
func TestWriteHistoryIsFast(t *testing.T) {
	var history []Commit
	tr := &Tree{}
	for i := range 20 {
		if i < 15 {
			if err := tr.Put(fmt.Sprintf("src/file%d.py", i), []byte(strings.Repeat(fmt.Sprintf("x%d = 1\n", i), 500))); err != nil {
				t.Fatal(err)
			}
		}
		history = append(history, Commit{fmt.Sprintf("step %d", i), tr.Clone()})
	}
	best := time.Hour
	for range 3 {
		start := time.Now()
		if err := WriteHistory(filepath.Join(t.TempDir(), "repo"), history); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	t.Logf("20 commits, 15 files: %v", best)
	if best > time.Second {
		t.Errorf("20 commits took %v", best)
	}
}
