// Package paper2code is the dataset Paper2Code: 90 papers of three conferences with their authors' code, as
// going-doer/Paper2Code publishes it. The list is dataset_info.json; the papers are files
// <venue>/<repository>.json and the like; the authors' code is put into references/<repository>/.
package paper2code

import (
	"embed"
	"fmt"
	"io/fs"
	"os"

	"papereval/datasets"
)

//go:embed all:demo
var bundled embed.FS

const (
	listName   = "dataset_info.json"
	references = "references"
	examples   = "examples"
	demoSplit  = "demo"
)

// Open reads the list in a dataset's folder and looks at what is there of its papers. Nothing outside the
// folder is ever read, whatever links in it point to.
func Open(dir string) (datasets.Dataset, error) {
	if info, err := os.Stat(dir); isAbsent(err) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("dataset paper2code: there is no folder %s; --data names the folder that holds %s", dir, listName)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("dataset paper2code: %w", err)
	}
	// The folder stays open as long as an entry that reads from it is in use.
	ds, err := open(root.FS())
	if err != nil {
		return nil, fmt.Errorf("dataset paper2code in %s: %w", dir, err)
	}
	return ds, nil
}

// Demo is the papers that are part of the binary, all of them in the split "demo".
func Demo() (datasets.Dataset, error) {
	folder, err := fs.Sub(bundled, "demo")
	if err != nil {
		return nil, err
	}
	ds, err := open(folder)
	if err != nil {
		return nil, fmt.Errorf("the bundled papers: %w", err)
	}
	for i := range ds.papers {
		ds.papers[i].Splits = append(ds.papers[i].Splits, demoSplit)
	}
	return ds, nil
}

type dataset struct {
	fsys     fs.FS
	papers   []datasets.Entry
	revision func() (string, error)
}

var _ datasets.Dataset = (*dataset)(nil)

// Name is "paper2code".
func (d *dataset) Name() string { return "paper2code" }

func (d *dataset) Papers() []datasets.Entry { return d.papers }

func (d *dataset) Revision() (string, error) { return d.revision() }
