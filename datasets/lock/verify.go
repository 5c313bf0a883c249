package lock

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"papereval/datasets/lfs"
)

// references is the folder with the authors' code, a folder for each paper.
const references = "references"

// The kinds of datasets, which are the layouts of their folders.
const (
	Paper2Code = "paper2code" // dataset_info.json, VENUE/NAME.json, references/NAME/
	PaperBench = "paperbench" // papers/ID/paper.md and the like, splits/, judge_eval/
)

// State is how a file differs from what the lock says.
type State string

// The states of files.
const (
	Missing State = "missing"
	Changed State = "changed"
	Extra   State = "extra"   // the lock does not have it
	Pointer State = "pointer" // the Git-LFS pointer to the file is there, and not the file
)

// Problem is a file, or a folder in references/, that is not what the lock says.
type Problem struct {
	State State
	Path  string
}

// Verify compares a dataset's folder with what is recorded of it. The problems are sorted by path. What has a
// name that begins with a dot is not looked at.
func (d *Dataset) Verify(ctx context.Context, dir string) ([]Problem, error) {
	found, pointers, err := scan(ctx, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	want, got := d.digests(), found.digests()
	all := maps.Clone(want)
	maps.Copy(all, got)
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case got[name] == "":
			problems = append(problems, Problem{Missing, name})
		case want[name] == "":
			problems = append(problems, Problem{Extra, name})
		case got[name] != want[name]:
			problems = append(problems, Problem{Changed, name})
		case slices.Contains(pointers, name):
			problems = append(problems, Problem{Pointer, name})
		}
	}
	return problems, nil
}

// digests are those of the files and references by path.
func (d *Dataset) digests() map[string]string {
	digests := make(map[string]string)
	for _, f := range d.Files {
		digests[f.Path] = f.SHA256
	}
	for _, r := range d.References {
		digests[path.Join(references, r.Name)] = r.SHA256
	}
	return digests
}

// Scan records a folder as a dataset, which is recognised by its layout. The pointers are those files for
// which the folder has a Git-LFS pointer only.
func Scan(ctx context.Context, name, dir string) (d *Dataset, pointers []string, err error) {
	if d, pointers, err = scan(ctx, dir); err != nil {
		return nil, nil, err
	}
	isList := func(f File) bool { return f.Path == "dataset_info.json" }
	isPaper := func(f File) bool { return strings.HasPrefix(f.Path, "papers/") }
	switch {
	case slices.ContainsFunc(d.Files, isList):
		d.Kind = Paper2Code
	case slices.ContainsFunc(d.Files, isPaper):
		d.Kind = PaperBench
	default:
		return nil, nil, fmt.Errorf("%s has neither dataset_info.json, as datasets like paper2code have, nor papers/, as those like paperbench", dir)
	}
	d.Name, d.Folder, d.At = name, dir, time.Now().UTC().Truncate(time.Second)
	return d, pointers, nil
}

// Papers counts the papers by the names of their files.
func (d *Dataset) Papers() int {
	ids := make(map[string]bool)
	for _, f := range d.Files {
		folder, name := path.Split(f.Path)
		switch parts := strings.Split(f.Path, "/"); {
		case d.Kind == PaperBench && parts[0] == "papers" && len(parts) > 2:
			ids[parts[1]] = true
		case d.Kind == Paper2Code && folder != "":
			ids[strings.TrimSuffix(strings.TrimSuffix(name, path.Ext(name)), "_cleaned")] = true
		}
	}
	return len(ids)
}

// scan records a folder without saying what it is.
func scan(ctx context.Context, dir string) (d *Dataset, pointers []string, err error) {
	d = new(Dataset)
	all, pointers, err := walk(ctx, dir)
	code := make(map[string][]File) // by the folder in references
	for _, f := range all {
		if parts := strings.SplitN(f.Path, "/", 3); len(parts) == 3 && parts[0] == references {
			f.Path = parts[2]
			code[parts[1]] = append(code[parts[1]], f)
		} else {
			d.Files = append(d.Files, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(code)) {
		d.References = append(d.References, reference(name, code[name]))
	}
	pointers = slices.DeleteFunc(pointers, func(name string) bool { return strings.HasPrefix(name, references+"/") })
	return d, pointers, err
}

// ScanReference records the authors' code in a folder.
func ScanReference(ctx context.Context, name, dir string) (Reference, error) {
	files, _, err := walk(ctx, dir)
	return reference(name, files), err
}

func reference(name string, files []File) Reference {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	all := sha256.New()
	for _, f := range files {
		fmt.Fprintf(all, "%s  %s\n", f.SHA256, f.Path)
	}
	return Reference{Name: name, Files: len(files), SHA256: fmt.Sprintf("%x", all.Sum(nil))}
}

// walk records the files in a folder, and which of them are pointers.
func walk(ctx context.Context, dir string) (files []File, pointers []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		hidden := name != "." && strings.HasPrefix(path.Base(name), ".")
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || !entry.Type().IsRegular():
			return nil
		}
		f, isPointer, err := digestOf(ctx, root, name)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		if isPointer {
			pointers = append(pointers, name)
		}
		files = append(files, f)
		return nil
	})
	return files, pointers, err
}

// digestOf records a file; what it holds may be a pointer to that.
func digestOf(ctx context.Context, root *os.Root, name string) (file File, isPointer bool, err error) {
	if err := ctx.Err(); err != nil {
		return File{}, false, err
	}
	f, err := root.Open(name)
	if err != nil {
		return File{}, false, err
	}
	defer f.Close()
	sum := sha256.New()
	start, err := io.ReadAll(io.TeeReader(io.LimitReader(f, lfs.MaxPointer), sum))
	if err != nil {
		return File{}, false, err
	}
	if p, ok := lfs.Parse(start); ok {
		return File{name, p.Size, p.OID}, true, nil
	}
	rest, err := io.Copy(sum, f)
	return File{name, int64(len(start)) + rest, fmt.Sprintf("%x", sum.Sum(nil))}, false, err
}
