package repo

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Source is a file as a judge sees it.
type Source struct {
	Path string
	Text string // UTF-8 without byte order mark, lines ending in LF
	// Warning says what had to be assumed to read the file; mostly empty.
	Warning string
}

// Judged picks the files that a judge sees, the same for every system and the reference: Python, YAML,
// Markdown, shell scripts and README files which are neither hidden nor in a hidden folder. Both lists are sorted by path;
// left holds every other file with the reason.
func Judged(t *Tree) (files []Source, left []Skipped) {
	for name, content := range t.All() {
		if reason := unjudged(name); reason != "" {
			left = append(left, Skipped{name, reason})
			continue
		}
		text, warning, ok := Text(content)
		if !ok {
			left = append(left, Skipped{name, "is binary: it holds a NUL"})
			continue
		}
		files = append(files, Source{Path: name, Text: text, Warning: warning})
	}
	return files, left
}

func unjudged(name string) string {
	for component := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(component, ".") {
			return "is hidden"
		}
	}
	base := strings.ToLower(path.Base(name))
	ext := path.Ext(base)
	switch ext {
	case ".py", ".yaml", ".yml", ".md", ".sh", ".bash":
		return ""
	}
	if strings.TrimSuffix(base, ext) == "readme" {
		return ""
	}
	return "is of no kind that judges see"
}

// Text reads a file's text: as UTF-8, without byte order mark and with lines ending in LF, or else as Windows-1252, which
// warning then says. ok is false for a binary file: it holds a NUL.
func Text(content []byte) (text, warning string, ok bool) {
	if bytes.IndexByte(content, 0) >= 0 {
		return "", "", false
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(content) {
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(content)
		if err != nil {
			return "", "", false
		}
		content, warning = decoded, "is not UTF-8; it was read as Windows-1252"
	}
	return strings.ReplaceAll(string(content), "\r\n", "\n"), warning, true
}
