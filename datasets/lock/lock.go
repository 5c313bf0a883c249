// Package lock keeps datasets.lock: which datasets a workspace has, what they came from, and what each of
// their files has to be.
package lock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Name is the file's name in the folder of the datasets.
const Name = "datasets.lock"

// Scratch is the folder beside the lock for what is under way. It holds nothing that cannot be had again.
const Scratch = ".pull"

// Lock is the content of datasets.lock: JSON values, one a line, first what is known of a dataset and then its
// files and references, each sorted by name, so that a change is as many changed lines.
type Lock struct {
	Datasets []Dataset // sorted by name

	dir     string
	claimed *flock.Flock
}

// Dataset is what is recorded of a dataset.
type Dataset struct {
	Name       string
	Kind       string    // [Paper2Code] or [PaperBench]
	From       string    // the address of the git repository that it was pulled from, without credentials
	Commit     string    // of that repository, 40 hexadecimal digits
	Folder     string    // of a dataset that was added: where it is. One that was pulled is beside the lock
	At         time.Time // when it was pulled or added, in UTC and to the second
	Files      []File
	References []Reference
}

// File is what a file has to be. Of one that git keeps as a Git-LFS pointer it is the file pointed to.
type File struct {
	Path   string // in the dataset's folder, separated by slashes
	Size   int64  // bytes
	SHA256 string // 64 hexadecimal digits
}

// Reference is what the authors' code of a paper, references/NAME/, has to be.
type Reference struct {
	Name   string
	URL    string // of the git repository, "" if it was not pulled
	Commit string
	Files  int
	SHA256 string // over its files, in the form of sha256sum
}

// line is any line of the file.
type line struct {
	Dataset   string     `json:"dataset"`
	Kind      string     `json:"kind,omitempty"`
	From      string     `json:"from,omitempty"`
	Folder    string     `json:"folder,omitempty"`
	At        *time.Time `json:"at,omitempty"`
	File      string     `json:"file,omitempty"`
	Size      *int64     `json:"size,omitempty"`
	Reference string     `json:"reference,omitempty"`
	URL       string     `json:"url,omitempty"`
	Commit    string     `json:"commit,omitempty"`
	Files     int        `json:"files,omitempty"`
	SHA256    string     `json:"sha256,omitempty"`
}

// Read reads the lock in the folder of the datasets. Without a file it is empty.
func Read(dir string) (*Lock, error) {
	l := &Lock{dir: dir}
	content, err := os.ReadFile(filepath.Join(dir, Name))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	} else if err != nil {
		return nil, err
	}
	if err := l.parse(content); err != nil {
		return nil, fmt.Errorf("%s:%w; restore the file, or remove it and pull and add the datasets again", filepath.Join(dir, Name), err)
	}
	return l, nil
}

// Open is [Read] for a change: until [Lock.Close] nobody else can open the lock. The folder is made.
func Open(dir string) (*Lock, error) {
	if err := os.MkdirAll(filepath.Join(dir, Scratch), 0o755); err != nil {
		return nil, err
	}
	claimed := flock.New(filepath.Join(dir, Scratch, "lock"))
	if ok, err := claimed.TryLock(); err != nil {
		return nil, fmt.Errorf("claim %s: %w", dir, err)
	} else if !ok {
		return nil, fmt.Errorf("another bench changes the datasets in %s at this moment; wait for it to end", dir)
	}
	l, err := Read(dir)
	if err != nil {
		return nil, errors.Join(err, claimed.Close())
	}
	l.claimed = claimed
	return l, nil
}

// Close lets others open the lock.
func (l *Lock) Close() error { return l.claimed.Close() }

// Find finds a dataset by its name, nil if there is none.
func (l *Lock) Find(name string) *Dataset {
	for i := range l.Datasets {
		if l.Datasets[i].Name == name {
			return &l.Datasets[i]
		}
	}
	return nil
}

// Folder is where a dataset is.
func (l *Lock) Folder(d *Dataset) string {
	if d.Folder != "" {
		return d.Folder
	}
	return filepath.Join(l.dir, d.Name)
}

// Put adds a dataset, or replaces the one of its name, and writes the file as a whole.
func (l *Lock) Put(d Dataset) error {
	slices.SortFunc(d.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(d.References, func(a, b Reference) int { return cmp.Compare(a.Name, b.Name) })
	if old := l.Find(d.Name); old != nil {
		*old = d
	} else {
		l.Datasets = append(l.Datasets, d)
		slices.SortFunc(l.Datasets, func(a, b Dataset) int { return cmp.Compare(a.Name, b.Name) })
	}
	temporary := filepath.Join(l.dir, Scratch, Name)
	f, err := os.Create(temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(l.encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(l.dir, Name))
}

func (l *Lock) encode() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for _, d := range l.Datasets {
		_ = e.Encode(line{Dataset: d.Name, Kind: d.Kind, From: d.From, Commit: d.Commit, Folder: d.Folder, At: &d.At}) // to memory
		for _, f := range d.Files {
			_ = e.Encode(line{Dataset: d.Name, File: f.Path, Size: &f.Size, SHA256: f.SHA256})
		}
		for _, r := range d.References {
			_ = e.Encode(line{Dataset: d.Name, Reference: r.Name, URL: r.URL, Commit: r.Commit, Files: r.Files, SHA256: r.SHA256})
		}
	}
	return out.Bytes()
}

func (l *Lock) parse(content []byte) error {
	number := 0
	for text := range bytes.Lines(content) {
		number++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		var in line
		if err := d.Decode(&in); err != nil {
			return fmt.Errorf("%d: this is no line of a lock: %w", number, err)
		}
		if err := l.take(in); err != nil {
			return fmt.Errorf("%d: %w", number, err)
		}
	}
	return nil
}

var (
	named  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	digest = regexp.MustCompile(`^[0-9a-f]{64}$`)
	commit = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// CheckName says whether a dataset may have a name: it becomes a folder's.
func CheckName(name string) error {
	if !named.MatchString(name) || strings.EqualFold(name, Name) {
		return fmt.Errorf("%q cannot be the name of a dataset: take letters, digits, and . _ - inside", name)
	}
	return nil
}

// CheckCommit says whether a text is the whole hash of a commit.
func CheckCommit(hash string) error {
	if !commit.MatchString(hash) {
		return fmt.Errorf("%q is no commit: give all 40 hexadecimal digits of its hash", hash)
	}
	return nil
}

// take adds what a line says.
func (l *Lock) take(in line) error {
	d := l.Find(in.Dataset)
	switch {
	case in.Kind != "":
		if d != nil {
			return fmt.Errorf("the dataset %s begins here a second time", in.Dataset)
		}
		if in.At == nil || in.Kind != Paper2Code && in.Kind != PaperBench {
			return fmt.Errorf("a dataset needs its kind, %s or %s, and the time at which it came", Paper2Code, PaperBench)
		}
		if in.Commit != "" {
			if err := CheckCommit(in.Commit); err != nil {
				return err
			}
		}
		l.Datasets = append(l.Datasets, Dataset{Name: in.Dataset, Kind: in.Kind, From: in.From, Commit: in.Commit, Folder: in.Folder, At: *in.At})
		return CheckName(in.Dataset)
	case d == nil:
		return fmt.Errorf("the dataset %q has no line with its kind before this one", in.Dataset)
	case !digest.MatchString(in.SHA256):
		return fmt.Errorf("%q is no sha256", in.SHA256)
	case in.File != "":
		if !fs.ValidPath(in.File) || in.Size == nil || *in.Size < 0 {
			return fmt.Errorf("a file needs a path inside its dataset, and a size; this is %q", in.File)
		}
		d.Files = append(d.Files, File{in.File, *in.Size, in.SHA256})
	case in.Reference != "":
		if !fs.ValidPath(in.Reference) || strings.Contains(in.Reference, "/") {
			return fmt.Errorf("a reference needs the name of a folder; this is %q", in.Reference)
		}
		d.References = append(d.References, Reference{in.Reference, in.URL, in.Commit, in.Files, in.SHA256})
	default:
		return errors.New("this is neither a dataset nor a file nor a reference")
	}
	return nil
}
