package repo

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// fits says whether path can stand beside the paths that are there: on file systems that ignore case, too.
// The error is a [*PathError].
func (t *Tree) fits(path string) error {
	key := foldPath(path)
	for other := range t.files {
		if reason := clash(key, foldPath(other), path, other); reason != "" {
			return &PathError{Path: path, Reason: reason}
		}
	}
	return nil
}

// clash says why two paths, given with their keys, cannot stand side by side.
func clash(key, otherKey, path, other string) string {
	switch {
	case key == otherKey && path != other:
		return fmt.Sprintf("differs from %q in case only", other)
	case strings.HasPrefix(otherKey, key+"\x00"):
		return fmt.Sprintf("is a folder of %q, so it cannot be a file", other)
	case strings.HasPrefix(key, otherKey+"\x00"):
		return fmt.Sprintf("needs a folder where %q is a file", other)
	}
	return ""
}

// foldPath is equal for paths that differ in case only. Slashes become NULs, so that in the order of the
// keys a file is followed by what would be below it.
func foldPath(path string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' {
			return 0
		}
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, path)
}

// newTree makes a tree of many files at once; what [Tree.Put] would refuse is left out and listed. Of
// paths that clash, the first in the order of their names stays.
func newTree(files map[string][]byte) (*Tree, []Skipped) {
	type entry struct{ key, path string }
	var left []Skipped
	entries := make([]entry, 0, len(files))
	for path := range files {
		if reason := refuse(path); reason != "" {
			left = append(left, Skipped{path, reason})
			continue
		}
		entries = append(entries, entry{foldPath(path), path})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	t := &Tree{files: make(map[string][]byte, len(entries))}
	var last entry // sorted, so a path can only clash with the last one that was kept
	for _, e := range entries {
		if last.path != "" {
			if reason := clash(e.key, last.key, e.path, last.path); reason != "" {
				left = append(left, Skipped{e.path, reason})
				continue
			}
		}
		last = e
		t.files[e.path] = files[e.path]
	}
	return t, left
}
