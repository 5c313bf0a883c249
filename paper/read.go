package paper

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile is the largest file that is read, in bytes: far above any paper, and below what hurts.
const maxFile = 256 << 20

// Read reads the paper that is stored under a name in fsys. Form "" means that the form is told from the
// file's name and content. A raw file that is asked for as [Cleaned] is reduced to that form.
//
// Errors name the file and the mend; those that concern a place in the file are a [*SyntaxError], a paper
// without text is [ErrEmpty], a missing file is [fs.ErrNotExist].
func Read(fsys fs.FS, name string, form Form) (*Paper, error) {
	if form != "" && !slices.Contains(Forms(), form) {
		return nil, fmt.Errorf("no form of a paper is named %q; there are %s", form, List(Forms()))
	}
	content, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	if form == "" {
		form = tell(name, content)
	}
	if isPDF := bytes.HasPrefix(content, []byte("%PDF-")); isPDF && form != PDF {
		return nil, fmt.Errorf("%s is a PDF, and not a paper in the form %s; ask for the form pdf", name, form)
	}
	if form != PDF {
		if err := checkText(name, content); err != nil {
			return nil, err
		}
		content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	}
	var p *Paper
	switch form {
	case LaTeX:
		p = readLaTeX(fsys, name, string(content))
	case Markdown:
		p = readMarkdown(string(content))
	case PDF:
		p, err = readPDF(name, content)
	default:
		p, err = readS2ORC(name, content, form)
	}
	if err != nil {
		return nil, err
	}
	p.ID = ID(name)
	if p.Form == "" {
		p.Form = form
	}
	if p.empty() {
		return nil, fmt.Errorf("%s: %w: neither an abstract nor a section; fetch or convert it again", name, ErrEmpty)
	}
	return p, nil
}

func (p *Paper) empty() bool {
	return strings.TrimSpace(p.Abstract) == "" && !slices.ContainsFunc(p.Sections, func(s Section) bool {
		return strings.TrimSpace(s.Text) != ""
	})
}

// ID is the name of the paper that a file holds: "Transformer" for "examples/Transformer_cleaned.json".
func ID(name string) string {
	base := path.Base(name)
	return strings.TrimSuffix(strings.TrimSuffix(base, path.Ext(base)), "_cleaned")
}

// List writes forms for a reader: "raw, cleaned".
func List(forms []Form) string {
	names := make([]string, len(forms))
	for i, f := range forms {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// tell says which form a file has. For S2ORC JSON it says raw; the reader finds out whether it was cleaned.
func tell(name string, content []byte) Form {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return PDF
	case ".json":
		return Raw
	case ".tex", ".latex", ".ltx":
		return LaTeX
	case ".md", ".markdown":
		return Markdown
	}
	start := bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\uFEFF")))
	switch {
	case bytes.HasPrefix(content, []byte("%PDF-")):
		return PDF
	case bytes.HasPrefix(start, []byte("{")):
		return Raw
	case bytes.Contains(content, []byte(`\begin{document}`)), bytes.Contains(content, []byte(`\documentclass`)),
		bytes.Contains(content, []byte(`\section{`)):
		return LaTeX
	default:
		return Markdown
	}
}

// ReadText reads a file that must be text: its errors are those of [Read].
func ReadText(fsys fs.FS, name string) ([]byte, error) {
	content, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	if err := checkText(name, content); err != nil {
		return nil, err
	}
	return bytes.TrimPrefix(content, []byte("\uFEFF")), nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file: %w", name, fs.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; name the paper's file in it", name)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s has more than %d MB and cannot be a paper", name, maxFile>>20)
	}
	return content, checkKind(name, content)
}

// IsPointer reports whether a file's content, or the first bytes of it, is a Git-LFS pointer, which stands in for
// a file that was not fetched.
func IsPointer(content []byte) bool {
	return bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/"))
}

// checkKind refuses what stands in for a file after a download that went wrong.
func checkKind(name string, content []byte) error {
	if IsPointer(content) {
		return fmt.Errorf("%s holds a Git-LFS pointer and not the file; run `git lfs pull` in the clone that it is from", name)
	}
	start := strings.ToLower(string(bytes.TrimSpace(content[:min(len(content), 512)])))
	if strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html") {
		return fmt.Errorf("%s holds a web page and not the file; download the file itself", name)
	}
	return nil
}

func checkText(name string, content []byte) error {
	if utf8.Valid(content) {
		return nil
	}
	offset := 0
	for offset < len(content) {
		r, size := utf8.DecodeRune(content[offset:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		offset += size
	}
	return at(name, content, offset, errors.New("this is not UTF-8; save the file as UTF-8"))
}
