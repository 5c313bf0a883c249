package lfs

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12345\n"
	for name, test := range map[string]struct {
		content string
		ok      bool
	}{
		"as specified":   {pointer, true},
		"an extension":   {strings.Replace(pointer, "oid", "ext-0-foo sha256:00\noid", 1), true},
		"Windows' lines": {strings.Replace(pointer, "\nsize 12345\n", "\r\nsize 12345\r\n", 1), true},
		"a text":         {"# A paper\n", false},
		"nothing":        {"", false},
		"no size":        {strings.Replace(pointer, "size", "length", 1), false},
		"negative":       {strings.Replace(pointer, "12345", "-1", 1), false},
		"no oid":         {strings.Replace(pointer, "sha256", "md5", 1), false},
		"a path":         {strings.Replace(pointer, oid, "../../../"+oid[9:], 1), false},
		"upper case":     {strings.Replace(pointer, oid, strings.ToUpper(oid), 1), false},
		"too long":       {pointer + strings.Repeat("x y\n", 256), false},
	} {
		p, ok := Parse([]byte(test.content))
		if ok != test.ok || ok && (p != Pointer{oid, 12345}) {
			t.Errorf("%s: %v, %v", name, p, ok)
		}
	}
	if p := (Pointer{oid, 12345}); p.String() != pointer {
		t.Errorf("%q", p)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1\n")
	f.Fuzz(func(t *testing.T, content string) {
		p, ok := Parse([]byte(content))
		if !ok {
			return
		}
		if again, ok := Parse([]byte(p.String())); !ok || again != p || strings.ContainsAny(p.OID, "./\\") || p.Size < 0 {
			t.Errorf("%q is read as %v", content, p)
		}
	})
}
