package repo

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// history is a history as git objects. They are built from the trees, not through a work tree: adding each
// step's files to an index would read and hash them all again.
type history struct {
	head    plumbing.Hash
	objects []*plumbing.MemoryObject
	known   map[plumbing.Hash]bool
}

func newHistory(steps []Commit) (*history, error) {
	h := &history{known: map[plumbing.Hash]bool{}}
	for i, step := range steps {
		if step.Tree == nil {
			return nil, fmt.Errorf("commit %d (%q) has no tree", i+1, step.Message)
		}
		root, err := h.addTree(step.Tree)
		if err != nil {
			return nil, err
		}
		author := object.Signature{Name: "bench", Email: "bench@localhost", When: epoch.Add(time.Duration(i) * time.Second)}
		commit := &object.Commit{Author: author, Committer: author, Message: cleanMessage(step.Message), TreeHash: root}
		if i > 0 {
			commit.ParentHashes = []plumbing.Hash{h.head}
		}
		if h.head, err = h.encode(commit); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// folder is a tree's folder while its git object is being built.
type folder struct {
	files   []object.TreeEntry
	folders map[string]*folder
}

func (h *history) addTree(t *Tree) (plumbing.Hash, error) {
	root := &folder{}
	for path, content := range t.All() {
		dir, name := root, path
		for {
			first, rest, nested := strings.Cut(name, "/")
			if !nested {
				break
			}
			if dir.folders[first] == nil {
				if dir.folders == nil {
					dir.folders = map[string]*folder{}
				}
				dir.folders[first] = &folder{}
			}
			dir, name = dir.folders[first], rest
		}
		blob := &plumbing.MemoryObject{}
		blob.SetType(plumbing.BlobObject)
		if _, err := blob.Write(content); err != nil {
			return plumbing.ZeroHash, err
		}
		dir.files = append(dir.files, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: h.add(blob)})
	}
	return h.addFolder(root)
}

func (h *history) addFolder(f *folder) (plumbing.Hash, error) {
	entries := f.files
	for name, sub := range f.folders {
		hash, err := h.addFolder(sub)
		if err != nil {
			return hash, err
		}
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: hash})
	}
	sort.Sort(object.TreeEntrySorter(entries))
	return h.encode(&object.Tree{Entries: entries})
}

func (h *history) encode(o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	encoded := &plumbing.MemoryObject{}
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return h.add(encoded), nil
}

func (h *history) add(o *plumbing.MemoryObject) plumbing.Hash {
	hash := o.Hash()
	if !h.known[hash] {
		h.known[hash] = true
		h.objects = append(h.objects, o)
	}
	return hash
}
