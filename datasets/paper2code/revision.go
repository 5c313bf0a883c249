package paper2code

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// digest is the SHA-256 over the names and digests of the list and of the papers' files that are there, in
// the form and order of sha256sum over sorted names. The authors' code is not part of it: what a score rests
// on records the digest of that tree itself.
func (d *dataset) digest() (string, error) {
	names := []string{listName}
	for _, e := range d.papers {
		for _, name := range e.Files {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	all := sha256.New()
	for _, name := range slices.Compact(names) {
		f, err := d.fsys.Open(name)
		if err != nil {
			return "", fmt.Errorf("the revision of dataset paper2code: %w", err)
		}
		one := sha256.New()
		_, err = io.Copy(one, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("the revision of dataset paper2code: %s: %w", name, err)
		}
		fmt.Fprintf(all, "%x  %s\n", one.Sum(nil), name)
	}
	return fmt.Sprintf("sha256:%x", all.Sum(nil)), nil
}

func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
