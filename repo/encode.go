package repo

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Encode writes the tree as one blob: a tar archive in the order of the paths, without times or owners, so
// equal trees give equal bytes.
func (t *Tree) Encode() []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for path, content := range t.All() {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Size: int64(len(content)), Mode: 0o644}
		err := w.WriteHeader(header)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			panic(fmt.Sprintf("repo: a tree that cannot be encoded: %v", err)) // checked paths always can
		}
	}
	if err := w.Close(); err != nil {
		panic(fmt.Sprintf("repo: a tree that cannot be encoded: %v", err))
	}
	return b.Bytes()
}

// Decode reads what [Tree.Encode] wrote. A path that [Tree.Put] would refuse is an error, as is one that
// repeats.
func Decode(blob []byte) (*Tree, error) {
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(blob))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("decode a tree: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			return nil, fmt.Errorf("decode a tree: %q is not a regular file", header.Name)
		}
		if _, twice := files[header.Name]; twice {
			return nil, fmt.Errorf("decode a tree: %w", &PathError{header.Name, "occurs twice"})
		}
		// A sparse file may claim any size; a whole one cannot be larger than its archive.
		content, err := io.ReadAll(io.LimitReader(r, int64(len(blob))+1))
		if err != nil {
			return nil, fmt.Errorf("decode a tree: %q: %w", header.Name, err)
		}
		if len(content) > len(blob) {
			return nil, fmt.Errorf("decode a tree: %q is larger than its archive", header.Name)
		}
		files[header.Name] = content
	}
	tree, refused := newTree(files)
	if len(refused) > 0 {
		return nil, fmt.Errorf("decode a tree: %w", &PathError{refused[0].Path, refused[0].Reason})
	}
	return tree, nil
}
