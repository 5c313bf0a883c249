package monitor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func list(t testing.TB, content string) *Blacklist {
	t.Helper()
	b, err := Read(fstest.MapFS{"f": {Data: []byte(content)}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func scan(t testing.TB, b *Blacklist, text string) (findings []Finding) {
	t.Helper()
	for f, err := range b.Scan(t.Context(), "log", strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		findings = append(findings, f)
	}
	return findings
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          []string
		fault         string
	}{
		{"one without an end of line", "https://github.com/a/b", []string{"https://github.com/a/b"}, ""},
		{"comments and blanks", "# the code\n\n  https://github.com/a/b  # theirs\r\n\t# more\ngithub.com/c#readme\n", []string{"https://github.com/a/b", "github.com/c#readme"}, ""},
		{"none", "none", nil, ""},
		{"none, with a comment", "# x\nNone\n", nil, ""},
		{"empty", "", nil, ""},
		{"forms", "git@github.com:a/b.git\nssh://git@github.com:22/a/b\nwww.example.org\n", []string{"git@github.com:a/b.git", "ssh://git@github.com:22/a/b", "www.example.org"}, ""},
		{"none and others", "none\ngithub.com/a/b", nil, "\n  line 1: \"none\""},
		{"every line that is wrong", "a/b\ngithub.com/a/b\ntwo words\nhttps://\n", nil, "\n  line 1: \"a/b\"\n  line 3: \"two words\"\n  line 4: \"https://\""},
		{"too long", "github.com/" + strings.Repeat("a", 1000), nil, "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Read(fstest.MapFS{"f": {Data: []byte(c.content)}}, "f")
			if c.fault != "" {
				if err == nil || !strings.HasPrefix(err.Error(), "f ") || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("the error %v, want %s", err, c.fault)
				}
			} else if err != nil || !slices.Equal(b.Entries(), c.want) {
				t.Errorf("%v (%v), want %v", b, err, c.want)
			}
		})
	}
	if _, err := Read(fstest.MapFS{}, "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	yes, no := true, false
	for _, entry := range []string{"https://github.com/Own-er/Na.me", "http://www.github.com/Own-er/Na.me/", "github.com/own-er/na.me?tab=readme#top",
		"git@github.com:Own-er/Na.me.git", "ssh://git@GITHUB.com:22/Own-er/Na.me.git", "git+https://github.com//Own-er/Na.me"} {
		b := list(t, entry)
		for text, want := range map[string]bool{
			"https://github.com/Own-er/Na.me":                         yes,
			"see github.com/Own-er/Na.me.":                            yes,
			"(HTTP://WWW.GitHub.com/own-er/NA.ME)":                    yes,
			"https://github.com/Own-er/Na.me/tree/main/src":           yes,
			"https://github.com/Own-er/Na.me.git":                     yes,
			"https://user:token@github.com:443/Own-er/Na.me?x=1#y":    yes,
			"git@github.com:Own-er/Na.me.git":                         yes,
			"ssh://git@github.com/Own-er/Na.me":                       yes,
			"pip install git+https://github.com/Own-er/Na.me@v1":      yes,
			"pip install git+ssh://git@github.com/Own-er/Na.me#egg=x": yes,
			"https://raw.githubusercontent.com/Own-er/Na.me/main/a":   yes,
			"https://api.github.com/repos/Own-er/Na.me/zipball":       yes,
			"https://codeload.github.com/Own-er/Na.me/zip/main":       yes,
			"https://github.com//Own-er/Na.me":                        yes,
			`{"url":"https:\/\/github.com\/Own-er\/Na.me"}`:           yes,
			`"first\ngithub.com/Own-er/Na.me\nthird"`:                 yes,
			"_github.com/Own-er/Na.me_ and **github.com/x**":          yes,
			"https://mirror.example/https://github.com/Own-er/Na.me":  yes,
			"\xff\xfegithub.com/Own-er/Na.me\xff":                     yes,
			"https://github.com/Own-er/Na.mes":                        no,
			"https://github.com/Own-er/Na.me-2":                       no,
			"https://github.com/Own-er/Na.me.github.io":               no,
			"https://github.com/Own-er/Na.me_x":                       no,
			"https://github.com/Own-er/Naxme":                         no,
			"https://github.com/Own-er/":                              no,
			"https://github.com/x/Own-er/Na.me":                       no,
			"https://notgithub.com/Own-er/Na.me":                      no,
			"https://git-github.com/Own-er/Na.me":                     no,
			"https://github.company/Own-er/Na.me":                     no,
			"https://gitlab.com/Own-er/Na.me":                         no,
			"github.com%2FOwn-er%2FNa.me":                             no, // a known miss
		} {
			if got := len(scan(t, b, text)) > 0; got != want {
				t.Errorf("%s in %s: %v", entry, text, got)
			}
		}
	}
	if text := "https://example.org:8443/x/y"; len(scan(t, list(t, "example.org/x"), text)) == 0 {
		t.Errorf("example.org/x is not found in %s", text)
	}
	if text := "https://example.org/École"; len(scan(t, list(t, text), text)) == 0 {
		t.Errorf("%s is not found in itself", text)
	}
	host := list(t, "example.org")
	for text, want := range map[string]bool{"https://www.example.org/x": yes, "example.org.": yes, "example.org.uk": no, "anexample.org": no} {
		if got := len(scan(t, host, text)) > 0; got != want {
			t.Errorf("example.org in %s: %v", text, got)
		}
	}
}

func TestKinds(t *testing.T) {
	b := list(t, "https://github.com/a/b\ngithub.com/c")
	for _, c := range []struct {
		name, text string
		want       string
	}{
		{"same line", "git clone https://github.com/a/b", "1 fetched"},
		{"3 lines before", "wget x\n\n\ngithub.com/a/b\n", "4 fetched"},
		{"4 lines before", "wget x\n\n\n\ngithub.com/a/b\n", "5 mentioned"},
		{"3 lines after", "github.com/a/b\n\n\ncurl x\n", "1 fetched"},
		{"3 lines in all", "github.com/a/b\n\n\n", "1 mentioned"},
		{"4 lines after", "github.com/a/b\n\n\n\ncurl x\n", "1 mentioned"},
		{"each line", "github.com/a/b github.com/a/b\n\n\n\n\ngithub.com/a/b\n\n\ncurl -O y\n", "1 mentioned, 6 fetched"},
		{"two entries", "curl github.com/c/d https://github.com/a/b", "1 fetched, 1 fetched"},
		{"nothing", "git clone https://github.com/a/bc\n", ""},
		{"other commands", "pip install git+https://github.com/a/b", "1 mentioned"},
		{"a wrong alarm, as published", "curly\n\ngithub.com/a/b", "3 fetched"},
		{"no text", "", ""},
	} {
		var got []string
		for _, f := range scan(t, b, c.text) {
			got = append(got, string(rune('0'+f.Line))+" "+string(f.Kind))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestContext(t *testing.T) {
	b := list(t, "https://github.com/a/b\n")
	long := strings.Repeat("x", 1000)
	got := scan(t, b, "1\n2\r\n3\n"+long+" https://github.com/a/b \x1b[2J"+long+"\n"+long+"wget"+long+"\n"+long+"\n7\n8\n")
	entry := "https://github.com/a/b"
	want := []Finding{{File: "log", Line: 4, Entry: entry, Kind: Fetched, First: 1, Context: []string{
		"1", "2", "3", "", "", long[:400], "7"}}}
	for i, text := range got[0].Context {
		if len(text) > 400 || i == 3 && !strings.Contains(text, entry) || i == 4 && !strings.Contains(text, "wget") {
			t.Errorf("line %d of the context has %d bytes: %q", i+1, len(text), text)
		}
	}
	want[0].Context[3], want[0].Context[4] = got[0].Context[3], got[0].Context[4] // where they are cut does not matter
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Wherever an address or a command lies in a long line, it is found once, and a longer name is not.
func TestLongLines(t *testing.T) {
	b := list(t, "github.com/a/b\n")
	filler, rest := strings.Repeat("y", piece+reach), strings.Repeat("z", 2*overlap)
	for _, border := range []int{piece, piece - overlap, piece - overlap + reach, reach} {
		for shift := -30; shift <= 10; shift++ {
			for text, want := range map[string]int{
				" github.com/a/b ":   1,
				" github.com/a/bc":   0,
				"notgithub.com/a/b ": 0,
				" git clone github.com/a/b.git github.com/a/b ": 1,
			} {
				got := scan(t, b, filler[:border+shift]+text+rest)
				if len(got) != want || want == 1 && (got[0].Kind == Fetched) != strings.Contains(text, "clone") {
					t.Fatalf("%q after %d bytes: %d findings, want %d", text, border+shift, len(got), want)
				}
			}
		}
	}
}

func TestPieces(t *testing.T) {
	b := list(t, "github.com/a/b\n")
	address := " github.com/a/b"
	for name, text := range map[string]string{
		"a line that ends with the first piece": strings.Repeat("y", piece-len(address)) + address,
		"after a longer name in the same piece": "github.com/a/bc" + strings.Repeat("y", 5*reach) + address,
	} {
		if got := scan(t, b, text); len(got) != 1 {
			t.Errorf("%s: %d findings", name, len(got))
		}
	}
}

// repeat is a text without an end.
type repeat string

func (r repeat) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], r[:min(len(r), len(p)-n)])
	}
	return n, nil
}

func TestMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	b := list(t, "github.com/a/b\n")
	for name, part := range map[string]string{"one line": "no end of line here ", "findings": "github.com/a/b " + strings.Repeat("-", 380) + "\n"} {
		before, grown, measured := heap(), int64(0), false
		text := &io.LimitedReader{R: repeat(part), N: 6 << 20}
		for _, err := range b.Scan(t.Context(), "log", io.MultiReader(text, strings.NewReader("\ngithub.com/a/b\n\n\n\n\n\n"))) {
			if err != nil {
				t.Fatal(err)
			}
			if text.N == 0 && !measured {
				grown, measured = heap()-before, true
			}
		}
		if !measured || grown > 2<<20 {
			t.Errorf("%s: %d KB are held after 6 MB of text", name, grown>>10)
		}
	}
}

// Blacklisted addresses in a transcript with a message on each line.
func BenchmarkScan(b *testing.B) {
	log := strings.Repeat(strings.Repeat("some words of a log, ", 1000)+"https://github.com/a/bc\n", 50)
	black := list(b, "https://github.com/a/b\n")
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		scan(b, black, log)
	}
}

func TestErrorsComeLast(t *testing.T) {
	b := list(t, "github.com/a/b\n")
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		text io.Reader
		want error
	}{
		"reading":             {t.Context(), io.MultiReader(strings.NewReader("github.com/a/b\n\n\n\n\n"), iotest.ErrReader(broken)), broken},
		"reading a long line": {t.Context(), iotest.TimeoutReader(strings.NewReader(strings.Repeat("y", 2*piece))), iotest.ErrTimeout},
		"context":             {ctx, strings.NewReader("github.com/a/b\n"), context.Canceled},
	} {
		var last error
		for _, err := range b.Scan(c.ctx, "log", c.text) {
			if last != nil {
				t.Errorf("%s: something after %v", name, last)
			}
			last = err
		}
		if !errors.Is(last, c.want) || !strings.Contains(last.Error(), "log") {
			t.Errorf("%s: %v, want %v", name, last, c.want)
		}
	}
	for _, err := range b.Scan(t.Context(), "log", strings.NewReader(strings.Repeat("github.com/a/b\n", 9))) {
		if err != nil {
			t.Error(err)
		}
		break // an iteration may end early
	}
}

// shared are the published blacklists.
func shared(t testing.TB) fs.FS {
	t.Helper()
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = "../../../shared/data"
	}
	dir := filepath.Join(root, "paperbench", "papers")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and CI must have it: %v", dir, err)
		}
		t.Skipf("%s is not there: set PAPEREVAL_SHARED to the folder of the shared data", dir)
	}
	return os.DirFS(dir)
}

func TestPublishedBlacklists(t *testing.T) {
	fsys := shared(t)
	files, err := fs.Glob(fsys, "*/blacklist.txt")
	if err != nil || len(files) != 23 {
		t.Fatalf("%d blacklists (%v), want 23", len(files), err)
	}
	empty := 0
	for _, name := range files {
		b, err := Read(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		entries := b.Entries()
		if len(entries) == 0 {
			empty++
			continue
		}
		got := scan(t, b, "git clone "+entries[0]+".git\n"+entries[0]+"x\n")
		if len(entries) != 1 || len(got) != 1 || got[0].Line != 1 || got[0].Kind != Fetched || got[0].Entry != entries[0] {
			t.Errorf("%s: %+v in %q", name, got, entries)
		}
	}
	if empty != 2 {
		t.Errorf("%d blacklists are empty, want 2", empty)
	}
}

func FuzzScan(f *testing.F) {
	f.Add("https://github.com/a/b\nnone", "git clone github.com/a/b\n\xff", 3)
	f.Add("x.y", "\r\n\r\nx.y\r", 1)
	f.Add("git@a.b:c", `a.b:c\na.b:cc`, 100)
	f.Fuzz(func(t *testing.T, blacklist, text string, times int) {
		b, err := Read(fstest.MapFS{"f": {Data: []byte(blacklist)}}, "f")
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		for f, err := range b.Scan(t.Context(), "log", iotest.OneByteReader(strings.NewReader(text))) {
			if err != nil || f.Line < 1 || f.Line > lines || f.First > f.Line || f.First+len(f.Context) <= f.Line || len(f.Context) > 7 || !slices.Contains(b.Entries(), f.Entry) {
				t.Errorf("%+v", f)
			}
		}
		for _, e := range b.Entries() {
			if got := scan(t, b, "a\n"+e); len(got) == 0 {
				t.Errorf("%q is not found in itself", e)
			}
		}
	})
}
