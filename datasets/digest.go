package datasets

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// Digest identifies files by name and content, whatever their order: "sha256:" and the SHA-256 of what sha256sum
// would print for the sorted names.
func Digest(folder fs.FS, names []string) (string, error) {
	names = slices.Clone(names)
	slices.Sort(names)
	all := sha256.New()
	for _, name := range slices.Compact(names) {
		f, err := folder.Open(name)
		if err != nil {
			return "", err
		}
		one := sha256.New()
		_, err = io.Copy(one, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(all, "%x  %s\n", one.Sum(nil), name)
	}
	return fmt.Sprintf("sha256:%x", all.Sum(nil)), nil
}
