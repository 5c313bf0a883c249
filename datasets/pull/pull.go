// Package pull fetches published datasets into a workspace: their files out of git, those behind Git-LFS
// pointers from the LFS server, and the authors' code. What a pull ends with is in datasets.lock.
package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"papereval/datasets/lfs"
	"papereval/datasets/lock"
)

// Options say what is pulled.
type Options struct {
	Name   string // of a dataset that can be pulled: see [Names]
	Dir    string // the folder of the workspace's datasets, which is made
	From   string // the git repository, http or https; "" is the one of the lock, or else the published one
	Commit string // all 40 digits; "" is the one of the lock, or else the published one
	// References also fetches the authors' code of paper2code.
	References bool
	Progress   Progress
}

// Progress hears how a pull goes on. Its methods may be called at the same time.
type Progress interface {
	Step(text string)   // something begins or has happened: a line without its end
	Expect(bytes int64) // so much is going to be fetched; told once, before what follows, or never
	Came(bytes int64)   // so much more of it is there; a negative number has to come again
}

// Result is what a pull ended with.
type Result struct {
	Dataset lock.Dataset
	Dir     string // where the dataset is
	Written int    // how many files this pull wrote, those of references not counted
}

// IncompleteError is a pull that could not fetch everything. What it could fetch is there and recorded.
type IncompleteError struct {
	Name     string
	Failures []Failure // sorted by path
}

// Failure is a file, or a folder in references/, that could not be fetched. A file's pointer stays in its place.
type Failure struct {
	Path string
	Err  error
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("pull %s: %d could not be fetched (of files the Git-LFS pointers stay); what was fetched is kept, and the same command tries the others again",
		e.Name, len(e.Failures))
}

// UsageError is an option that cannot be what it is. Nothing was started.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// pulling is one pull.
type pulling struct {
	source
	from    remote
	commit  string
	lock    *lock.Lock
	dir     string   // of all datasets
	root    *os.Root // likewise; nothing outside is written, whatever links are inside
	client  *http.Client
	tell    Progress
	written int

	mu       sync.Mutex // guards what follows, and lock where code is concurrent
	failures []Failure
}

// Dataset pulls a dataset, or what of it is missing or was changed since it was pulled. An [*IncompleteError]
// comes with a result.
func Dataset(ctx context.Context, o Options) (result *Result, err error) {
	s, err := find(o.Name)
	if err != nil {
		return nil, err
	}
	if o.References && s.kind != lock.Paper2Code {
		return nil, &UsageError{"the authors' code is no part of " + o.Name + ": references are for paper2code"}
	}
	from, err := parseRemote(cmp.Or(o.From, s.from))
	if err != nil {
		return nil, err
	}
	if o.Commit != "" {
		if err := lock.CheckCommit(o.Commit); err != nil {
			return nil, &UsageError{err.Error()}
		}
	}
	l, err := lock.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	known := l.Find(o.Name)
	if known == nil {
		known = &lock.Dataset{}
	} else if known.Folder != "" {
		return nil, &UsageError{fmt.Sprintf("%s is the folder %s, which was added under this name: there is nothing to pull", o.Name, known.Folder)}
	}
	if o.From == "" && known.From != "" {
		from.url = known.From
	}
	p := &pulling{source: s, from: from, commit: cmp.Or(o.Commit, known.Commit, s.commit), lock: l, dir: o.Dir,
		client: newClient(stallLimit), tell: discreet{o.Progress, from}}
	defer p.client.CloseIdleConnections()
	if p.root, err = os.OpenRoot(o.Dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.root.Close()) }()
	if err := p.run(ctx, known, o.References); err != nil {
		return nil, fmt.Errorf("pull %s: %w", o.Name, from.hide(err))
	}
	d := l.Find(o.Name)
	result = &Result{Dataset: *d, Dir: l.Folder(d), Written: p.written}
	if len(p.failures) > 0 {
		slices.SortFunc(p.failures, func(a, b Failure) int { return strings.Compare(a.Path, b.Path) })
		return result, &IncompleteError{Name: o.Name, Failures: p.failures}
	}
	return result, nil
}

func (p *pulling) run(ctx context.Context, known *lock.Dataset, references bool) error {
	intact := known.Commit == p.commit
	if intact {
		problems, err := known.Verify(ctx, p.folder())
		if err != nil {
			return err
		}
		intact = !slices.ContainsFunc(problems, func(x lock.Problem) bool {
			return (x.State == lock.Missing || x.State == lock.Changed) && !strings.HasPrefix(x.Path, referencesFolder)
		})
	}
	if !intact {
		if err := p.checkout(ctx, known); err != nil {
			return err
		}
	}
	if err := p.objects(ctx); err != nil {
		return err
	}
	if references {
		return p.references(ctx)
	}
	return nil
}

// objectsFolder, in the scratch folder, keeps LFS objects that are not whole yet: a later pull continues them.
const objectsFolder = "objects"

func (p *pulling) folder() string { return filepath.Join(p.dir, p.name) }

// scratch names a folder for what is under way, and empties it.
func (p *pulling) scratch(name string) (dir string, err error) {
	dir = filepath.Join(p.dir, lock.Scratch, name)
	return dir, os.RemoveAll(dir)
}

// checkout fetches the commit, puts its files into their places and records them.
func (p *pulling) checkout(ctx context.Context, known *lock.Dataset) (err error) {
	p.tell.Step(fmt.Sprintf("fetching commit %.12s of %s", p.commit, p.from.url))
	store, err := p.scratch("git")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(store)) }()
	tree, _, err := p.from.fetch(ctx, p.client, store, p.commit, 0)
	if err != nil {
		return fmt.Errorf("%w; try again later, or name a mirror with --from, and one of its commits with --commit", err)
	}
	files, err := p.lay(ctx, p, tree)
	if err != nil {
		return err
	}
	if err := p.removeStale(known.Files, files); err != nil {
		return err
	}
	return p.lock.Put(lock.Dataset{Name: p.name, Kind: p.kind, From: p.from.url, Commit: p.commit,
		At: time.Now().UTC().Truncate(time.Second), Files: files, References: known.References})
}

// objects fetches what the dataset has pointers for.
func (p *pulling) objects(ctx context.Context) error {
	problems, err := p.lock.Find(p.name).Verify(ctx, p.folder())
	if err != nil {
		return err
	}
	files := make(map[string]lock.File)
	for _, f := range p.lock.Find(p.name).Files {
		files[f.Path] = f
	}
	paths := make(map[string][]string) // by OID: some files are there several times
	var objects []lfs.Object
	bytes := int64(0)
	for _, x := range problems {
		if x.State != lock.Pointer {
			continue
		}
		f := files[x.Path]
		if paths[f.SHA256] == nil {
			objects = append(objects, lfs.Object{Pointer: lfs.Pointer{OID: f.SHA256, Size: f.Size}, Name: x.Path})
			bytes += f.Size
		}
		paths[f.SHA256] = append(paths[f.SHA256], x.Path)
	}
	if len(objects) == 0 {
		return nil
	}
	p.tell.Step(fmt.Sprintf("fetching %d files from the LFS server", len(objects)))
	p.tell.Expect(bytes)
	client := &lfs.Client{
		Endpoint: lfs.Endpoint(p.from.url), Auth: p.from.auth, HTTP: p.client,
		Parts: filepath.Join(p.dir, lock.Scratch, objectsFolder), Came: p.tell.Came,
		Waits: func(name string, pause time.Duration, err error) {
			p.tell.Step(fmt.Sprintf("%s: again in %s: %v", name, pause.Round(time.Second), err))
		},
	}
	return client.Fetch(ctx, objects, func(o lfs.Object, _ string, err error) error {
		if err != nil {
			for _, name := range paths[o.OID] {
				p.fail(name, err)
			}
			return nil
		}
		return p.place(o.OID, paths[o.OID])
	})
}

// fail notes what could not be fetched.
func (p *pulling) fail(path string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, Failure{path, p.from.hide(err)})
}
