// Package paperbench is the dataset PaperBench: papers with the rubrics that a replication of them is graded by, as
// openai/frontier-evals publishes it. A paper is a folder papers/<id>/ with paper.md, rubric.json, config.yaml and
// more; splits/<name>.txt name the papers of a split; judge_eval/<id>/<n>/ are graded submissions.
package paperbench

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"papereval/datasets"
)

//go:embed all:demo
var bundled embed.FS

// Open reads the splits in a dataset's folder and looks at what is there of its papers. Nothing outside the folder
// is ever read, whatever links in it point to.
func Open(dir string) (*Dataset, error) {
	if info, err := os.Stat(dir); isAbsent(err) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("dataset paperbench: there is no folder %s; --data names the folder that holds papers/ and splits/", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("dataset paperbench: %w", err)
	}
	// The folder stays open as long as an entry that reads from it is in use.
	d, err := open(root.FS())
	if err != nil {
		return nil, fmt.Errorf("dataset paperbench in %s: %w", dir, err)
	}
	return d, nil
}

// Demo is the papers that are part of the binary, all of them in the split "demo".
func Demo() (*Dataset, error) {
	folder, err := fs.Sub(bundled, "demo")
	if err != nil {
		return nil, err
	}
	d, err := open(folder)
	if err != nil {
		return nil, fmt.Errorf("the bundled papers with rubrics: %w", err)
	}
	return d, nil
}

// Dataset is the papers of one folder, and the graded submissions to them.
type Dataset struct {
	folder   fs.FS    // as it is, to look at
	fetched  fs.FS    // the same, to read from
	files    []string // what belongs to the papers and splits
	papers   []datasets.Entry
	revision func() (string, error)
}

var _ datasets.Dataset = (*Dataset)(nil)

func open(folder fs.FS) (*Dataset, error) {
	d := &Dataset{folder: folder, fetched: datasets.Fetched(folder, "paperbench")}
	if err := d.readPapers(); err != nil {
		return nil, err
	}
	// Pointers are digested as they are: to fetch what they stand for is a change.
	d.revision = sync.OnceValues(func() (string, error) {
		digest, err := datasets.Digest(d.folder, d.files)
		if err != nil {
			return "", fmt.Errorf("the revision of dataset paperbench: %w", err)
		}
		return digest, nil
	})
	return d, nil
}

// Name is "paperbench".
func (d *Dataset) Name() string { return "paperbench" }

// Papers are those of the split [datasets.All] in its order; then those of the other splits, by the names of the
// splits; and last those that are in no split.
func (d *Dataset) Papers() []datasets.Entry { return d.papers }

// Revision identifies the splits and what there is of the papers: text, addenda, rubric, configuration and
// blacklist. The graded submissions are not part of it: what is measured on them is not a score of a paper.
func (d *Dataset) Revision() (string, error) { return d.revision() }

func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
