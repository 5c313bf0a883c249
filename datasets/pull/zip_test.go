package pull

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// entry is one of an archive.
type entry struct {
	name, content string
	mode          fs.FileMode
}

func archive(t testing.TB, entries ...entry) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o644)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(e.content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExtract(t *testing.T) {
	venues := []string{"iclr2024", "icml2024"}
	for name, test := range map[string]struct {
		archive string
		want    string // the files that are taken, or
		err     string
	}{
		"as published":        {archive(t, entry{"iclr2024/", "", fs.ModeDir}, entry{"iclr2024/a.json", "1", 0}, entry{"iclr2024/a_cleaned.json", "2", 0}, entry{"icml2024/b.json", "3", 0}), "iclr2024/a.json iclr2024/a_cleaned.json icml2024/b.json", ""},
		"in a folder":         {archive(t, entry{"paper2code/iclr2024/a.json", "1", 0}), "iclr2024/a.json", ""},
		"what is not needed":  {archive(t, entry{"iclr2024/a.json", "1", 0}, entry{"iclr2024/run.sh", "1", 0}, entry{"__MACOSX/iclr2024/._a.json", "1", 0}, entry{"aaai2024/c.json", "1", 0}, entry{"iclr2024/.json", "", 0}), "iclr2024/a.json", ""},
		"a path outside":      {archive(t, entry{"../iclr2024/a.json", "1", 0}), "", "would leave"},
		"an absolute path":    {archive(t, entry{"/iclr2024/a.json", "1", 0}), "", "would leave"},
		"a path for Windows":  {archive(t, entry{`..\iclr2024\a.json`, "1", 0}), "", "would leave"},
		"a drive":             {archive(t, entry{`C:/iclr2024/a.json`, "1", 0}), "", "would leave"},
		"an unneeded one out": {archive(t, entry{"iclr2024/a.json", "1", 0}, entry{"../../x", "1", 0}), "iclr2024/a.json", "would leave"},
		"a link":              {archive(t, entry{"iclr2024/a.json", "/etc/passwd", fs.ModeSymlink}), "", "no regular file"},
		"twice":               {archive(t, entry{"x/iclr2024/a.json", "1", 0}, entry{"y/iclr2024/a.json", "1", 0}), "iclr2024/a.json", "are both iclr2024/a.json"},
		"a bomb":              {archive(t, entry{"iclr2024/a.json", strings.Repeat("0", maxEntry+1), 0}), "", "more than 64 MB"},
		"too many":            {archive(t, make([]entry, maxEntries+1)...), "", "10001 entries"},
		"nothing":             {archive(t, entry{"README.md", "", 0}), "", "no file VENUE/NAME.json"},
		"no archive":          {"version https://git-lfs.github.com/spec/v1", "", "no whole ZIP archive"},
		"cut":                 {archive(t, entry{"iclr2024/a.json", "1", 0})[:60], "", "no whole ZIP archive"},
	} {
		got := make(map[string]string)
		err := extract([]byte(test.archive), venues, func(name string, content []byte) error {
			got[name] = string(content)
			return nil
		})
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: %v, want %q", name, err, test.err)
		}
		if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); names != test.want {
			t.Errorf("%s: took %s", name, names)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add([]byte(archive(f, entry{"x/iclr2024/a.json", "{}", 0}, entry{"iclr2024/b.json", "{}", 0})))
	f.Fuzz(func(t *testing.T, content []byte) {
		_ = extract(content, []string{"iclr2024"}, func(name string, _ []byte) error {
			if !filepath.IsLocal(name) || filepath.Dir(name) != "iclr2024" {
				t.Errorf("%q leads elsewhere", name)
			}
			return nil
		})
	})
}
