package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFile is the largest file, in bytes, that [ReadDir] reads: source is smaller, data and weights are not
// judged.
const MaxFile = 8 << 20

// Skipped is a file that was left out, and why.
type Skipped struct {
	Path   string
	Reason string
}

// ReadDir reads a repository that somebody else wrote: every regular file that is not below .git. What
// cannot be taken (larger than [MaxFile], a socket, unreadable, a path that [CheckPath] refuses) is listed, not fatal.
//
// A symbolic link stands for the file at its end if that is one of the repository's own; links are resolved
// by their text and never opened, so they cannot lead outside. A link to a folder is listed: what is in a
// folder of the repository is read there.
func ReadDir(fsys fs.FS) (*Tree, []Skipped, error) {
	files, links := map[string][]byte{}, map[string]string{}
	var left []Skipped
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			left = append(left, Skipped{name, err.Error()})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case strings.EqualFold(path.Base(name), ".git"):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type() == fs.ModeSymlink:
			target, err := fs.ReadLink(fsys, name)
			switch {
			case err != nil:
				left = append(left, Skipped{name, err.Error()})
			case path.IsAbs(target):
				links[name] = target
			default:
				links[name] = path.Join(path.Dir(name), filepath.ToSlash(target))
			}
		case d.Type().IsRegular():
			if content, err := readFile(fsys, name); err == nil {
				files[name] = content
			} else {
				left = append(left, Skipped{name, err.Error()})
			}
		case !d.IsDir():
			left = append(left, Skipped{name, "is neither a file nor a folder"})
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the repository: %w", err)
	}
	followed := map[string][]byte{}
	for name := range links {
		if content, ok := follow(name, links, files); ok {
			followed[name] = content
		} else {
			left = append(left, Skipped{name, fmt.Sprintf("is a link to %q, which is no file that was read here", links[name])})
		}
	}
	for name, content := range followed {
		files[name] = content
	}
	tree, refused := newTree(files)
	left = append(left, refused...)
	slices.SortFunc(left, func(a, b Skipped) int { return strings.Compare(a.Path, b.Path) })
	return tree, left, nil
}

// follow resolves a link through further links; 40 of them is where Linux gives up, too.
func follow(name string, links map[string]string, files map[string][]byte) ([]byte, bool) {
	for range 40 {
		target, ok := links[name]
		if !ok {
			content, ok := files[name]
			return content, ok
		}
		name = target
	}
	return nil, false
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > MaxFile {
		return nil, fmt.Errorf("is larger than %d MB", MaxFile>>20)
	}
	return content, nil
}

// WriteDir makes dir a folder with the tree's files. It is written beside and renamed, so dir never holds
// half a tree. To overwrite nothing by mistake, dir must be absent or empty; otherwise the error is
// [fs.ErrExist].
func (t *Tree) WriteDir(dir string) error {
	if err := vacant(dir); err != nil {
		return fmt.Errorf("write the repository: %w", err)
	}
	return replaceDir(dir, t.writeInto)
}

// vacant returns nil where dir is absent or an empty folder.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: %w and is not empty; remove it or name another folder", dir, fs.ErrExist)
	}
	return err
}

// writeInto writes the files below dir, through an [os.Root] so that nothing in dir can lead elsewhere.
func (t *Tree) writeInto(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, content := range t.All() {
		if folder := path.Dir(name); folder != "." {
			if err := root.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
		if err := root.WriteFile(name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replaceDir lets write fill a new folder beside dir and renames it to dir. After a crash dir holds the old
// or the new, or is absent; what was left beside it is removed by the next call. Only one process may write a dir.
func replaceDir(dir string, write func(dir string) error) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	parent, base := filepath.Split(dir)
	fresh := filepath.Join(parent, "."+base+".bench-new")
	stale := filepath.Join(parent, "."+base+".bench-old")
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", dir, errors.Join(err, os.RemoveAll(fresh)))
		}
	}()
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(stale)); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	if err := write(fresh); err != nil {
		return err
	}
	if err := os.Rename(dir, stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(stale, dir))
	}
	return os.RemoveAll(stale)
}
