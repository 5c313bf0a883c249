package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing/object"
	"golang.org/x/sync/errgroup"

	"papereval/datasets"
	"papereval/datasets/lock"
	"papereval/datasets/paper2code"
	"papereval/repo"
)

// referencesFolder is the folder of the authors' code in a dataset's folder.
const referencesFolder = "references/"

// parallelClones is how many repositories are fetched at the same time.
const parallelClones = 4

// references fetches the authors' code of all papers in the list. One that cannot be fetched stops no other.
func (p *pulling) references(ctx context.Context) error {
	ds, err := paper2code.Open(p.folder())
	if err != nil {
		return err
	}
	problems, err := p.lock.Find(p.name).Verify(ctx, p.folder())
	if err != nil {
		return err
	}
	var wanted []datasets.Entry
	for _, e := range ds.Papers() {
		state := lock.State("")
		if i := slices.IndexFunc(problems, func(x lock.Problem) bool { return x.Path == referencesFolder+e.RepoName }); i >= 0 {
			state = problems[i].State
		}
		switch {
		case !e.Listed, state == "" && p.reference(e.RepoName) != nil:
		case state == lock.Extra:
			p.tell.Step(referencesFolder + e.RepoName + " is there and was not pulled: it stays as it is")
		default:
			wanted = append(wanted, e)
		}
	}
	if len(wanted) > 0 {
		p.tell.Step(fmt.Sprintf("fetching the authors' code of %d papers", len(wanted)))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelClones)
	for _, e := range wanted {
		g.Go(func() error {
			err := p.clone(ctx, e)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if errors.Is(err, syscall.ENOSPC) {
				return err // not this repository's fault, and the next one's fate
			}
			if err != nil {
				p.fail(referencesFolder+e.RepoName, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// reference is what is recorded of the authors' code of a paper, or nil.
func (p *pulling) reference(name string) *lock.Reference {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.lock.Find(p.name).References
	for i := range known {
		if known[i].Name == name {
			r := known[i]
			return &r
		}
	}
	return nil
}

// clone fetches the authors' code of a paper: the commit of the lock, or else the newest.
func (p *pulling) clone(ctx context.Context, e datasets.Entry) (err error) {
	if err := repo.CheckPath(e.RepoName); err != nil || strings.Contains(e.RepoName, "/") {
		return fmt.Errorf("%q cannot be the name of a folder", e.RepoName)
	}
	from, err := parseRemote(e.RepoURL)
	if err != nil {
		return fmt.Errorf("the list has no address for it that could be used: %w", err)
	}
	commit := ""
	if known := p.reference(e.RepoName); known != nil {
		commit = known.Commit
	}
	store, err := p.scratch("git-" + e.RepoName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(store)) }()
	fresh, err := p.scratch("reference-" + e.RepoName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	tree, commit, err := from.fetch(ctx, p.client, store, commit, repo.MaxFile)
	if err != nil {
		return err
	}
	left, err := export(ctx, tree, fresh)
	if err != nil {
		return err
	}
	r, err := lock.ScanReference(ctx, e.RepoName, fresh)
	if err != nil {
		return err
	}
	r.URL, r.Commit = from.url, commit
	if err := p.install(fresh, r); err != nil {
		return err
	}
	text := fmt.Sprintf("%s%s: %d files of %s at %.12s", referencesFolder, r.Name, r.Files, r.URL, r.Commit)
	if left > 0 {
		text += fmt.Sprintf("; without %d links, submodules, and files of more than %d MB", left, repo.MaxFile>>20)
	}
	p.tell.Step(text)
	return nil
}

// install moves the authors' code into its place and records it.
func (p *pulling) install(fresh string, r lock.Reference) error {
	to := filepath.Join(p.folder(), referencesFolder, r.Name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.RemoveAll(to), os.Rename(fresh, to)); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := *p.lock.Find(p.name)
	d.References = append(slices.DeleteFunc(slices.Clone(d.References), func(old lock.Reference) bool { return old.Name == r.Name }), r)
	return p.lock.Put(d)
}

// export writes a tree's files into a folder. What it leaves out is counted: links, submodules, and what is
// larger or named otherwise than what is read of a repository.
func export(ctx context.Context, tree *object.Tree, dir string) (left int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	others, err := walk(ctx, tree, func(name string, blob *object.Blob) error {
		if !readable(name, blob) {
			left++
			return nil
		}
		content, err := read(blob)
		if err != nil {
			return err
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		switch {
		case errors.Is(err, fs.ErrExist): // under a name that this file system does not tell apart
			left++
		case err != nil:
			return err
		default:
			_, err = f.Write(content)
			return errors.Join(err, f.Close())
		}
		return nil
	})
	return left + others, err
}

// readable tells whether a file is read of a repository.
func readable(name string, blob *object.Blob) bool {
	return blob != nil && blob.Size <= repo.MaxFile && repo.CheckPath(name) == nil
}
