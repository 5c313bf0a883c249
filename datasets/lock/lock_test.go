package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	oid  = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
	hash = "51052cede8cc608f95bb00346635e03759013e5a"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func open(t *testing.T, dir string) *Lock {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// write puts files into a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPut(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	first := Dataset{Name: "paperbench", Kind: PaperBench, From: "https://example.org/a?b&c", Commit: hash, At: at,
		Files: []File{{"splits/all.txt", 0, oid}, {"papers/a/paper.md", 12, oid}}}
	second := Dataset{Name: "mine", Kind: Paper2Code, Folder: "/elsewhere", At: at, Files: []File{{"dataset_info.json", 3, oid}},
		References: []Reference{{"b", "https://example.org/b", hash, 2, oid}, {"a", "", "", 1, oid}}}
	for _, d := range []Dataset{first, second, second} {
		if err := l.Put(d); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("OID", oid, "HASH", hash).Replace(`{"dataset":"mine","kind":"paper2code","folder":"/elsewhere","at":"2026-01-02T03:04:05Z"}
{"dataset":"mine","file":"dataset_info.json","size":3,"sha256":"OID"}
{"dataset":"mine","reference":"a","files":1,"sha256":"OID"}
{"dataset":"mine","reference":"b","url":"https://example.org/b","commit":"HASH","files":2,"sha256":"OID"}
{"dataset":"paperbench","kind":"paperbench","from":"https://example.org/a?b&c","at":"2026-01-02T03:04:05Z","commit":"HASH"}
{"dataset":"paperbench","file":"papers/a/paper.md","size":12,"sha256":"OID"}
{"dataset":"paperbench","file":"splits/all.txt","size":0,"sha256":"OID"}
`)
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Error(diff)
	}
	again, err := Read(dir)
	if diff := cmp.Diff(l.Datasets, again.Datasets); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if got := l.Folder(l.Find("mine")); got != "/elsewhere" {
		t.Error(got)
	}
	if got := l.Folder(l.Find("paperbench")); got != filepath.Join(dir, "paperbench") || l.Find("other") != nil {
		t.Error(got)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another bench") {
		t.Errorf("opened twice: %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	head := fmt.Sprintf(`{"dataset":"d","kind":"paperbench","at":"2026-01-02T03:04:05Z","commit":%q}`+"\n", hash)
	for name, test := range map[string]struct{ content, want string }{
		"no JSON":          {head + "\n{", ":3: this is no line of a lock"},
		"unknown":          {`{"dataset":"d","kind":"paperbench","mode":1}`, `unknown field "mode"`},
		"no head":          {`{"dataset":"d","file":"a","size":1,"sha256":"` + oid + `"}`, "no line with its kind"},
		"twice":            {head + head, ":2: the dataset d begins here a second time"},
		"a name":           {strings.Replace(head, `"d"`, `"../d"`, 1), "cannot be the name"},
		"a hidden name":    {strings.Replace(head, `"d"`, `".pull"`, 1), "cannot be the name"},
		"a commit":         {strings.Replace(head, hash, "51052ce", 1), "40 hexadecimal digits"},
		"a kind":           {strings.Replace(head, "paperbench", "imagenet", 1), "needs its kind"},
		"a digest":         {head + `{"dataset":"d","file":"a","size":1,"sha256":"0"}`, "no sha256"},
		"a path outside":   {head + `{"dataset":"d","file":"../a","size":1,"sha256":"` + oid + `"}`, "inside its dataset"},
		"an absolute path": {head + `{"dataset":"d","file":"/a","size":1,"sha256":"` + oid + `"}`, "inside its dataset"},
		"no size":          {head + `{"dataset":"d","file":"a","sha256":"` + oid + `"}`, "a size"},
		"a reference":      {head + `{"dataset":"d","reference":"../a","sha256":"` + oid + `"}`, "name of a folder"},
		"nothing":          {head + `{"dataset":"d","sha256":"` + oid + `"}`, "neither"},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{Name: test.content})
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "restore the file") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(fmt.Sprintf(`{"dataset":"d","kind":"paperbench","at":"2026-01-02T03:04:05Z","commit":%q}`+"\n"+
		`{"dataset":"d","file":"a/b","size":1,"sha256":%q}`+"\n"+`{"dataset":"d","reference":"r","sha256":%q}`, hash, oid, oid))
	f.Fuzz(func(t *testing.T, content string) {
		var l, again Lock
		if l.parse([]byte(content)) != nil {
			return
		}
		if err := again.parse(l.encode()); err != nil {
			t.Fatalf("%q is not read again: %v", l.encode(), err)
		}
		if diff := cmp.Diff(l.Datasets, again.Datasets, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
			t.Error(diff)
		}
		for _, d := range l.Datasets {
			for _, file := range d.Files {
				if !filepath.IsLocal(file.Path) {
					t.Errorf("%q leads outside", file.Path)
				}
			}
		}
	})
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 9\n"
	write(t, dir, map[string]string{
		"papers/a/paper.md": "text", "papers/a/rubric.json": "{}", "papers/b/paper.pdf": pointer, "papers/a-b/x": "",
		".git/config": "", ".DS_Store": "", "references/r/main.py": "1", "references/r/references/deep/x": "2", "references/r/.gitignore": "",
	})
	d, pointers, err := Scan(t.Context(), "mine", dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.Kind != PaperBench || d.Folder != dir || len(d.Files) != 4 || len(d.References) != 1 || d.References[0].Files != 2 || d.Papers() != 3 {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff([]string{"papers/b/paper.pdf"}, pointers); diff != "" {
		t.Error(diff)
	}
	one, err := ScanReference(t.Context(), "r", filepath.Join(dir, "references", "r"))
	if diff := cmp.Diff(d.References[0], one); diff != "" || err != nil {
		t.Error(diff, err)
	}
	verify := func(want ...Problem) {
		t.Helper()
		got, err := d.Verify(t.Context(), dir)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	verify(Problem{Pointer, "papers/b/paper.pdf"})
	write(t, dir, map[string]string{
		"papers/a/rubric.json": "[]", "new.txt": "", "references/r/main.py": "3", "references/s/main.py": "3",
		"papers/b/paper.pdf": strings.Replace(pointer, "4d7", "4d8", 1),
	})
	if err := os.Remove(filepath.Join(dir, "papers", "a", "paper.md")); err != nil {
		t.Fatal(err)
	}
	verify(Problem{Extra, "new.txt"}, Problem{Missing, "papers/a/paper.md"}, Problem{Changed, "papers/a/rubric.json"},
		Problem{Changed, "papers/b/paper.pdf"}, Problem{Changed, "references/r"}, Problem{Extra, "references/s"})
	if got, err := d.Verify(t.Context(), dir+"-gone"); err != nil || len(got) != 5 || got[0].State != Missing {
		t.Errorf("a folder that is gone: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Verify(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestScanKinds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"dataset_info.json": "{}", "iclr2024/a.json": "{}", "iclr2024/a_cleaned.json": "{}", "icml2024/b.json": "{}"})
	if d, _, err := Scan(t.Context(), "x", dir); err != nil || d.Kind != Paper2Code || d.Papers() != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, _, err := Scan(t.Context(), "x", t.TempDir()); err == nil || !strings.Contains(err.Error(), "neither dataset_info.json") {
		t.Error(err)
	}
}
