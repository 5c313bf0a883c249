package pull

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"papereval/datasets/lfs"
	"papereval/datasets/lock"
	"papereval/repo"
)

// put sees to it that a file of the dataset has a content, and says what is to be recorded of it. Where the
// content is a pointer and the file pointed to is there already, that stays.
func (p *pulling) put(name string, content []byte) (lock.File, error) {
	f := lock.File{Path: name, Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content))}
	if err := repo.CheckPath(name); err != nil {
		return f, err
	}
	if pointer, ok := lfs.Parse(content); ok {
		f.Size, f.SHA256 = pointer.Size, pointer.OID
	}
	if p.has(f) {
		return f, nil
	}
	p.written++
	return f, p.replace(name, bytes.NewReader(content))
}

// has tells whether a file is there and what it has to be.
func (p *pulling) has(f lock.File) bool {
	file, err := p.root.Open(path.Join(p.name, f.Path))
	if err != nil {
		return false
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
		return false
	}
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return err == nil && fmt.Sprintf("%x", sum.Sum(nil)) == f.SHA256
}

// replace writes a file of the dataset beside and renames it, so that what has its name is always whole.
func (p *pulling) replace(name string, content io.Reader) (err error) {
	temporary := path.Join(lock.Scratch, "new-"+rand.Text())
	f, err := p.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = p.rename(temporary, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), p.root.Remove(temporary))
	}
	return nil
}

func (p *pulling) rename(from, name string) error {
	to := path.Join(p.name, name)
	return errors.Join(p.root.MkdirAll(path.Dir(to), 0o755), p.root.Rename(from, to))
}

// place puts an LFS object that was fetched into the places of its pointers.
func (p *pulling) place(oid string, names []string) error {
	object := path.Join(lock.Scratch, objectsFolder, oid)
	for _, name := range names[1:] {
		f, err := p.root.Open(object)
		if err != nil {
			return err
		}
		if err := errors.Join(p.replace(name, f), f.Close()); err != nil {
			return err
		}
	}
	return p.rename(object, names[0])
}

// removeStale removes the files that an earlier pull wrote and that are no longer part of the dataset, except
// those that were changed since.
func (p *pulling) removeStale(before, now []lock.File) error {
	stays := make(map[string]bool, len(now))
	for _, f := range now {
		stays[f.Path] = true
	}
	for _, f := range before {
		if !stays[f.Path] && p.has(f) {
			if err := p.root.Remove(path.Join(p.name, f.Path)); err != nil {
				return err
			}
		}
	}
	return nil
}
