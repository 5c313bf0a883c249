package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// Commit is one step of a repository's history.
type Commit struct {
	Message string
	Tree    *Tree // all files after the step
}

// epoch is the time of a history's first commit: the start of the year 2000, UTC. Each later commit is one
// second younger. Real times would give equal histories different commit ids.
var epoch = time.Unix(946_684_800, 0).UTC()

// marker is a file within .git which says that the repository is an export and may be replaced.
const marker = "bench-export"

// WriteHistory makes dir a git repository with one commit per step on the branch main, by "bench
// <bench@localhost>" at fixed times (the first at 2000-01-01T00:00:00Z, each next a second later), so equal
// histories have equal commit ids. A step that changed nothing is an empty commit. The work tree holds the last step's files.
//
// If dir already holds this history and the work tree is intact, nothing is written. Otherwise the repository
// is written beside and renamed to dir, so dir never holds half of one; a repository that WriteHistory wrote
// before is replaced with whatever was changed in it. Anything else in dir is [fs.ErrExist].
func WriteHistory(dir string, steps []Commit) error {
	if len(steps) == 0 {
		return fmt.Errorf("write the history %s: there are no commits", dir)
	}
	history, err := newHistory(steps)
	if err != nil {
		return fmt.Errorf("write the history %s: %w", dir, err)
	}
	last := steps[len(steps)-1].Tree
	if _, err := os.Stat(filepath.Join(dir, git.GitDirName, marker)); err == nil {
		if history.isHead(dir) && last.matches(dir) {
			return nil
		}
	} else if err := vacant(dir); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return replaceDir(dir, func(dir string) error {
		if err := last.writeInto(dir); err != nil {
			return err
		}
		return history.writeInto(dir, last)
	})
}

func (h *history) isHead(dir string) bool {
	repository, err := git.PlainOpen(dir)
	if err != nil {
		return false
	}
	head, err := repository.Head()
	return err == nil && head.Hash() == h.head
}

// matches says whether dir holds exactly the tree's files beside .git.
func (t *Tree) matches(dir string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	n := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == git.GitDirName:
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		want, ok := t.files[name]
		if !ok || !d.Type().IsRegular() {
			return errDiffers
		}
		got, err := root.ReadFile(name)
		if err != nil || string(got) != string(want) {
			return errDiffers
		}
		n++
		return nil
	})
	return err == nil && n == t.Len()
}

var errDiffers = errors.New("the work tree differs")

// writeInto adds the repository to dir, which has the work tree already.
func (h *history) writeInto(dir string, last *Tree) error {
	repository, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{
		InitOptions: git.InitOptions{DefaultBranch: plumbing.Main},
	})
	if err != nil {
		return err
	}
	for _, object := range h.objects {
		if _, err := repository.Storer.SetEncodedObject(object); err != nil {
			return err
		}
	}
	if err := repository.Storer.SetReference(plumbing.NewHashReference(plumbing.Main, h.head)); err != nil {
		return err
	}
	idx := &index.Index{Version: 2}
	for name, content := range last.All() {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		entry := idx.Add(name)
		entry.Hash = plumbing.ComputeHash(plumbing.BlobObject, content)
		entry.Mode = filemode.Regular
		entry.Size = uint32(len(content))
		entry.ModifiedAt = info.ModTime()
	}
	if err := repository.Storer.SetIndex(idx); err != nil {
		return err
	}
	// A .gitattributes that a model wrote must not make git convert files, which would show them as changed.
	gitDir := filepath.Join(dir, git.GitDirName)
	if err := os.MkdirAll(filepath.Join(gitDir, "info"), 0o755); err != nil {
		return err
	}
	attributes := "* -text -filter -ident -working-tree-encoding\n"
	if err := os.WriteFile(filepath.Join(gitDir, "info", "attributes"), []byte(attributes), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(gitDir, marker), nil, 0o644)
}

// cleanMessage leaves what git accepts in a commit: UTF-8 without NUL. File names in it come from a model.
func cleanMessage(message string) string {
	message = strings.ToValidUTF8(message, "\uFFFD")
	message = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && invisible(r) {
			return -1
		}
		return r
	}, message)
	return strings.TrimSpace(message) + "\n"
}
