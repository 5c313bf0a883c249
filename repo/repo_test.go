package repo

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var hostile = []string{
	"", "/etc/passwd", "//host/a", "C:/a.py", "c:a.py", "../a.py", "a/../../b", "a/../b", "..", ".", "a/.", "./a", "a/", "a//b",
	`a\b.py`, `..\a`, "a\x00.py", "a\nb", "a\x1b[31m", "a\x7f", "a\u200b.py", "a\u202epy", ".git", ".git/config", "a/.GIT/hooks/x", ".Git",
	".git.", ".git /x", "git~1/x", "\xff.py", "a./b", "a /b", "a.py.", "a.py ", "con", "CON.py", "a/nul.txt", "aux.tar.gz", "COM1", "lpt9.x",
	"com¹.py", "a:b", "a?.py", "<name>.py", "*.py", `"a".py`, strings.Repeat("a", 256), strings.Repeat("a/", 2048) + "b",
}

func TestCheckPath(t *testing.T) {
	for _, path := range hostile {
		err := CheckPath(path)
		var e *PathError
		if !errors.As(err, &e) || e.Path != path || e.Reason == "" {
			t.Errorf("%.40q: got %v", path, err)
		}
	}
	for _, path := range []string{
		"a.py", "src/a.py", ".gitignore", ".github/workflows/ci.yml", "a b.py", "ä/日本.py", "..a", "a..b", "...a/b", "console.py", "com10.py",
		"nullable.py", "com.py", "git", "a.git", strings.Repeat("a", 255), "~a", "a-b_c+d@e.py", "Makefile",
	} {
		if err := CheckPath(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestFits(t *testing.T) {
	for _, test := range []struct {
		there, path, reason string
	}{
		{"a/b.py", "a", "folder of"},
		{"a", "a/b.py", "is a file"},
		{"a/b", "a/b/c/d.py", "is a file"},
		{"A/b.py", "a", "folder of"},
		{"a.py", "A.py", "case only"},
		{"src/Ä.py", "src/ä.py", "case only"},
		{"a.py", "a.py", ""},
		{"a", "ab/c", ""},
		{"a/b", "a/c", ""},
	} {
		tr := tree(t, test.there, "old")
		err := tr.Put(test.path, []byte("new"))
		var e *PathError
		if test.reason == "" && err != nil || test.reason != "" && (!errors.As(err, &e) || !strings.Contains(e.Reason, test.reason)) {
			t.Errorf("%s beside %s: %v", test.path, test.there, err)
		}
		many, left := newTree(map[string][]byte{test.there: nil, test.path: nil})
		if clashes := len(left) > 0; clashes != (test.reason != "") || many.Len() == 0 {
			t.Errorf("%s beside %s, at once: left %v", test.path, test.there, left)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a.py": "a.py", "./a.py": "a.py", "././a.py": "a.py", " `a.py` ": "a.py", "**a.py**": "a.py", "'\"a.py\"'": "a.py",
		"src//a.py": "src/a.py", "src/./a.py": "src/a.py", "`./src///a.py`\r\n": "src/a.py",
		"../a.py": "../a.py", "a/../b": "a/../b", "/a": "/a", "//a": "/a", "a/": "a/", "a//": "a/", ".": ".", "./": "", "`": "`", "a\\b": "a\\b",
		"./../a": "../a", ".//a": "/a",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestCleanMendsNothingHostile(t *testing.T) {
	for _, path := range []string{"../a.py", "/etc/passwd", ".git/config", `a\b.py`, "C:/a.py", "a/../b", "a/", "con"} {
		for _, spelled := range []string{"`" + path + "`", " " + path + "\n", "**" + path + "**", "./" + path, "'./" + path + "'"} {
			if clean := Clean(spelled); CheckPath(clean) == nil {
				t.Errorf("%q became %q", spelled, clean)
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, path := range hostile {
		f.Add(path)
		f.Add("`" + path + "`")
		f.Add("./" + path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean := Clean(path)
		if Clean(clean) != clean {
			t.Errorf("%q: cleaned twice %q differs from %q", path, Clean(clean), clean)
		}
		if CheckPath(clean) != nil {
			return
		}
		if slices.Contains(strings.Split(strings.TrimSpace(path), "/"), "..") {
			t.Errorf("%q: left its folder, but not as %q", path, clean)
		}
		if strings.ContainsAny(path, "\\\x00") || strings.HasPrefix(path, "/") || strings.Contains(strings.ToLower(path), "/.git/") {
			t.Errorf("%q: hostile, but not as %q", path, clean)
		}
		if !filepath.IsLocal(clean) {
			t.Errorf("%q leaves its folder", clean)
		}
	})
}

func TestReadDir(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	for path, content := range map[string]string{
		filepath.Join(dir, "src", "a.py"):        "x\n",
		filepath.Join(dir, ".hidden", "b"):       "y",
		filepath.Join(dir, ".git", "config"):     "token",
		filepath.Join(dir, "sub", ".git"):        "gitdir: x",
		filepath.Join(dir, "big.bin"):            strings.Repeat("x", MaxFile+1),
		filepath.Join(dir, "fits.bin"):           strings.Repeat("x", MaxFile),
		filepath.Join(dir, "aux.py"):             "z",
		filepath.Join(dir, "Same.py"):            "1",
		filepath.Join(dir, "same.py"):            "2",
		filepath.Join(dir, "a\\b.py"):            "3",
		filepath.Join(dir, "src", "\xff\xfe.py"): "4",
		outside:                                  "secret",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"link.py": "src/a.py", "src/up.py": "../link.py", "broken.py": "nothing.py", "out.py": outside, "etc": "/etc", "folder": "src",
		"round1": "round2", "round2": "round1", "git.txt": ".git/config", "far.py": "../../../../../../etc/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tr, left, err := ReadDir(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tr.Paths(), []string{".hidden/b", "Same.py", "fits.bin", "link.py", "src/a.py", "src/up.py"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if content, _ := tr.Get("src/up.py"); string(content) != "x\n" {
		t.Errorf("a link to a link holds %q", content)
	}
	var skipped []string
	for _, s := range left {
		skipped = append(skipped, s.Path)
		if s.Reason == "" {
			t.Errorf("%s: no reason", s.Path)
		}
	}
	want := []string{"a\\b.py", "aux.py", "big.bin", "broken.py", "etc", "far.py", "folder", "git.txt", "out.py", "round1", "round2", "same.py", "socket", "src/\xff\xfe.py"}
	if !slices.Equal(skipped, want) {
		t.Errorf("left out %q, want %q", skipped, want)
	}
	if _, _, err := ReadDir(os.DirFS(filepath.Join(dir, "nothing"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent folder: %v", err)
	}
}

func TestWriteDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "repo")
	tr := tree(t, "a.py", "x", "src/deep/b.py", "y")
	if err := tr.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	again, left, err := ReadDir(os.DirFS(dir))
	if err != nil || len(left) > 0 || again.Digest() != tr.Digest() {
		t.Errorf("read back %q, %v, %v", again.Paths(), left, err)
	}
	if err := tr.WriteDir(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder with files was written to: %v", err)
	}
	if err := tr.WriteDir(t.TempDir()); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := tr.WriteDir(filepath.Join(dir, "a.py", "b")); err == nil {
		t.Error("a folder below a file was written")
	}
}

func TestJudged(t *testing.T) {
	tr := tree(t,
		"main.py", "\xef\xbb\xbfx = 1\r\ny = 2\r\n", "README", "r", "docs/readme.rst", "s", "Readme.TXT", "t", "run.sh", "u", "run.bash", "v",
		"a.yml", "w", "b.YAML", "x", "c.md", "y", "requirements.txt", "numpy", "data.json", "{}", "readmes.txt", "no", ".hidden.py", "h",
		".github/ci.yml", "h", "src/.cache/a.py", "h", "bin.py", "a\x00b", "old.py", "caf\xe9 \x93q\x94", "readme.png", "\x89PNG\x00")
	files, left := Judged(tr)
	var got []string
	texts := map[string]Source{}
	for _, f := range files {
		got = append(got, f.Path)
		texts[f.Path] = f
	}
	if want := []string{"README", "Readme.TXT", "a.yml", "b.YAML", "c.md", "docs/readme.rst", "main.py", "old.py", "run.bash", "run.sh"}; !slices.Equal(got, want) {
		t.Errorf("judged %q, want %q", got, want)
	}
	if texts["main.py"].Text != "x = 1\ny = 2\n" || texts["main.py"].Warning != "" {
		t.Errorf("main.py: %+v", texts["main.py"])
	}
	if texts["old.py"].Text != "café “q”" || texts["old.py"].Warning == "" {
		t.Errorf("old.py: %+v", texts["old.py"])
	}
	if len(files)+len(left) != tr.Len() {
		t.Errorf("%d files and %d left out of %d", len(files), len(left), tr.Len())
	}
	for _, s := range left {
		if strings.HasSuffix(s.Path, "bin.py") != strings.Contains(s.Reason, "binary") && s.Path != "readme.png" {
			t.Errorf("%s: %s", s.Path, s.Reason)
		}
	}
}

func TestEncode(t *testing.T) {
	long := strings.Repeat("long/", 60) + "ä.py"
	a := tree(t, "b.py", "2", "a.py", "1", "empty", "", long, "3", "bin", "\x00\xff")
	b := tree(t, "bin", "\x00\xff", "empty", "", long, "3", "a.py", "1", "b.py", "2")
	if !bytes.Equal(a.Encode(), b.Encode()) {
		t.Error("equal trees have different blobs")
	}
	again, err := Decode(a.Encode())
	if err != nil || again.Digest() != a.Digest() || !bytes.Equal(again.Encode(), a.Encode()) {
		t.Errorf("decoded %v, %v", again, err)
	}
	if empty, err := Decode((&Tree{}).Encode()); err != nil || empty.Len() != 0 {
		t.Errorf("the empty tree: %v, %v", empty, err)
	}
	if err := again.Put("c.py", nil); err != nil {
		t.Errorf("a decoded tree cannot grow: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add((&Tree{}).Encode())
	f.Add((&Tree{files: map[string][]byte{"a.py": []byte("x"), "b/c": nil}}).Encode())
	for _, path := range []string{"../a", "/a", ".git/config", "a\\b"} {
		f.Add((&Tree{files: map[string][]byte{path: []byte("x")}}).Encode())
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		tr, err := Decode(blob)
		if err != nil {
			return
		}
		for _, path := range tr.Paths() {
			if CheckPath(path) != nil {
				t.Errorf("decoded the path %q", path)
			}
		}
		again, err := Decode(tr.Encode())
		if err != nil || again.Digest() != tr.Digest() {
			t.Errorf("encoded again: %v", err)
		}
	})
}
