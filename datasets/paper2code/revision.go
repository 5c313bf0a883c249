package paper2code

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"papereval/datasets"
)

// digest is that of the list and of the papers' files that are there. The authors' code is not part of it: what a
// score rests on records the digest of that tree itself.
func (d *dataset) digest() (string, error) {
	names := []string{listName}
	for _, e := range d.papers {
		for _, name := range e.Files {
			names = append(names, name)
		}
	}
	digest, err := datasets.Digest(d.fsys, names)
	if err != nil {
		return "", fmt.Errorf("the revision of dataset paper2code: %w", err)
	}
	return digest, nil
}

func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
