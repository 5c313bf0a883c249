package paper

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	maxInputs = 16 << 20 // bytes that a paper may grow to by \input
	maxDepth  = 16       // files that may include each other
)

// inputs puts the files that a paper includes in their places.
type inputs struct {
	fsys     fs.FS
	dir      string // the paper's folder; nothing outside it is read
	left     int    // bytes that may still be included
	warnings []string
}

var inputCommand = regexp.MustCompile(`\\(?:input|include|subfile)\s*(?:\{([^{}]*)\}|[ \t]([\w./-]+))`)

func (in *inputs) expand(source string, stack []string) string {
	var b strings.Builder
	done := 0
	for _, m := range inputCommand.FindAllStringSubmatchIndex(source, -1) {
		if in.left < 0 {
			break // said once
		}
		from, to := m[2], m[3]
		if from < 0 {
			from, to = m[4], m[5]
		}
		argument := source[from:to]
		text, err := in.read(strings.TrimSpace(argument), stack)
		if err != nil {
			in.warnings = append(in.warnings, fmt.Sprintf("%s is left as it is: %v", source[m[0]:m[1]], err))
			continue
		}
		b.WriteString(source[done:m[0]])
		b.WriteString(text)
		done = m[1]
	}
	b.WriteString(source[done:])
	return b.String()
}

func (in *inputs) read(argument string, stack []string) (string, error) {
	name := path.Join(in.dir, argument)
	inside := in.dir == "." || strings.HasPrefix(name, in.dir+"/")
	if argument == "" || path.IsAbs(argument) || !fs.ValidPath(name) || !inside {
		return "", fmt.Errorf("it is not a file in the paper's folder")
	}
	if _, err := fs.Stat(in.fsys, name); err != nil || path.Ext(name) == "" {
		if _, err := fs.Stat(in.fsys, name+".tex"); err == nil {
			name += ".tex"
		}
	}
	if slices.Contains(stack, name) {
		return "", fmt.Errorf("%s includes itself", name)
	}
	if len(stack) >= maxDepth {
		return "", fmt.Errorf("more than %d files include each other", maxDepth)
	}
	content, err := ReadText(in.fsys, name)
	if err != nil {
		return "", err
	}
	if in.left -= len(content); in.left < 0 {
		return "", fmt.Errorf("the included files have more than %d MB", maxInputs>>20)
	}
	return in.expand(stripComments(string(content)), append(slices.Clip(stack), name)), nil
}
