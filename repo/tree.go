// Package repo holds trees of files: the repositories that systems write and authors publish.
package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Tree is a set of files by their path: relative, separated by slashes, as [CheckPath] demands. The zero
// value is an empty tree.
type Tree struct {
	files map[string][]byte
}

// Put adds a file or replaces it. The path must satisfy [CheckPath] and fit to the paths that are there: a
// file cannot stand where another path has a folder.
func (t *Tree) Put(path string, content []byte) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	if err := t.fits(path); err != nil {
		return err
	}
	if t.files == nil {
		t.files = make(map[string][]byte)
	}
	t.files[path] = content
	return nil
}

// Get returns a file's content.
func (t *Tree) Get(path string) ([]byte, bool) {
	content, ok := t.files[path]
	return content, ok
}

// Len is the number of files.
func (t *Tree) Len() int { return len(t.files) }

// Paths are the files' paths, sorted.
func (t *Tree) Paths() []string { return slices.Sorted(maps.Keys(t.files)) }

// All yields the files in the order of their paths.
func (t *Tree) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, path := range t.Paths() {
			if !yield(path, t.files[path]) {
				return
			}
		}
	}
}

// Clone copies the tree; the contents are shared.
func (t *Tree) Clone() *Tree { return &Tree{files: maps.Clone(t.files)} }

// Digest identifies the tree: the SHA-256, in hexadecimal, of every path with the SHA-256 of its content, in
// the form and order of `sha256sum` over the sorted paths.
func (t *Tree) Digest() string {
	h := sha256.New()
	for path, content := range t.All() {
		fmt.Fprintf(h, "%x  %s\n", sha256.Sum256(content), path)
	}
	return hex.EncodeToString(h.Sum(nil))
}
