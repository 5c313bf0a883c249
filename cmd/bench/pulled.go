package main

import (
	"path/filepath"
	"strings"

	"papereval/datasets"
	"papereval/datasets/lock"
)

// datasets is the folder of pulled datasets.
func (w *workspace) datasets() string { return filepath.Join(w.dir, "datasets") }

// pulled finds a dataset that was pulled or added under a name: its kind, which [openDataset] takes, and its
// folder.
func pulled(w *workspace, name string) (kind, dir string, ok bool, err error) {
	l, err := lock.Read(w.datasets())
	if err != nil {
		return "", "", false, usage(err)
	}
	d := l.Find(name)
	if d == nil {
		return "", "", false, nil
	}
	if dir, err = filepath.Abs(l.Folder(d)); err != nil {
		return "", "", false, err
	}
	return d.Kind, dir, true, nil
}

// fetched makes a dataset's kind of its name, and gives it a folder, where it was pulled or added and no folder is
// named.
func fetched(w *workspace, name, data *string) error {
	if *data != "" {
		return nil
	}
	kind, dir, ok, err := pulled(w, *name)
	if ok {
		*name, *data = kind, dir
	}
	return err
}

// openFetched opens a dataset where it was pulled or added, unless a folder is named.
func openFetched(w *workspace, name string, data *string) (datasets.Dataset, error) {
	if err := fetched(w, &name, data); err != nil {
		return nil, err
	}
	return openDataset(name, *data)
}

// known finds a dataset in the lock, for commands about those.
func known(w *workspace, name string) (*lock.Lock, *lock.Dataset, error) {
	l, err := lock.Read(w.datasets())
	if err != nil {
		return nil, nil, usage(err)
	}
	if d := l.Find(name); d != nil {
		return l, d, nil
	}
	there := []string{"none"}
	for i, d := range l.Datasets {
		there = append(there[:i], d.Name)
	}
	return nil, nil, usagef("no dataset %q was pulled or added in %s; there is %s. `bench dataset pull` and `bench dataset add` make one",
		name, w.dir, strings.Join(there, ", "))
}
