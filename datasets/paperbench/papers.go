package paperbench

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"papereval/datasets"
	"papereval/paper"
)

// readPapers finds the papers and gives them the order that [Dataset.Papers] promises.
func (d *Dataset) readPapers() error {
	found := d.folders("papers")
	if len(found) == 0 {
		return errors.New("there is no paper in the folder papers; `bench dataset pull paperbench` fetches them")
	}
	order, splits, err := d.readSplits(found)
	if err != nil {
		return err
	}
	for _, id := range found {
		if splits[id] == nil {
			order = append(order, id)
		}
	}
	for _, id := range order {
		d.papers = append(d.papers, d.entry(id, splits[id]))
	}
	return nil
}

// readSplits reads all splits: the papers in the order in which they are first named, and the splits of each. A
// split is a file with an id a line, and one that names what is not there would change what is scored, so that is
// an error.
func (d *Dataset) readSplits(found []string) (order []string, splits map[string][]string, err error) {
	const folder, first = "splits", datasets.All + ".txt"
	listing, err := fs.ReadDir(d.folder, folder)
	if err != nil && !isAbsent(err) {
		return nil, nil, err
	}
	var files []string
	for _, file := range listing {
		if base := file.Name(); path.Ext(base) == ".txt" && base[0] != '.' {
			files = append(files, base)
		}
	}
	i := slices.Index(files, first)
	if i < 0 {
		return nil, nil, fmt.Errorf("%s/%s is not there, which names the papers that count; the published repository has it in "+
			"experiments/splits: put that folder here", folder, first)
	}
	files = slices.Insert(slices.Delete(files, i, i+1), 0, first)
	splits = make(map[string][]string)
	for _, base := range files {
		file, split := path.Join(folder, base), strings.TrimSuffix(base, ".txt")
		ids, err := d.readSplit(file, found)
		if err != nil {
			return nil, nil, err
		}
		d.files = append(d.files, file)
		for _, id := range ids {
			if splits[id] == nil {
				order = append(order, id)
			}
			splits[id] = append(splits[id], split)
		}
	}
	return order, splits, nil
}

func (d *Dataset) readSplit(file string, found []string) ([]string, error) {
	text, err := paper.ReadText(d.fetched, file)
	if err != nil {
		return nil, err
	}
	var ids []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		id := strings.TrimSpace(line)
		switch {
		case id == "":
			continue
		case !slices.Contains(found, id):
			err = fmt.Errorf("there is no paper %q in the folder papers; fetch it with `bench dataset pull paperbench`, or delete the line", id)
		case slices.Contains(ids, id):
			err = fmt.Errorf("paper %q is named a second time; delete the line", id)
		}
		if err != nil {
			return nil, &paper.SyntaxError{File: file, Line: number, Column: 1, Err: err}
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s names no paper; put ids into it, one a line, or delete it", file)
	}
	return ids, nil
}

func (d *Dataset) entry(id string, splits []string) datasets.Entry {
	e := datasets.Entry{ID: id, Title: id, Splits: splits, Listed: splits != nil, FS: d.fetched, Files: make(map[paper.Form]string)}
	for _, text := range []struct {
		base string
		form paper.Form
	}{{"paper.md", paper.Markdown}, {"paper.pdf", paper.PDF}} {
		if file := d.find(&e, text.base); file != "" {
			e.Files[text.form] = file
		}
	}
	e.Rubric = d.find(&e, "rubric.json")
	e.Addendum = d.find(&e, "addendum.md")
	e.JudgeAddendum = d.find(&e, "judge.addendum.md")
	e.Blacklist = d.find(&e, "blacklist.txt")
	d.configure(&e, d.find(&e, "config.yaml"))
	return e
}

// configure takes the paper's title from its configuration. A paper can be worked on without one, so what is wrong
// with it is a warning.
func (d *Dataset) configure(e *datasets.Entry, file string) {
	if file == "" {
		e.Warnings = append(e.Warnings, "it has no config.yaml, so its title is unknown")
		return
	}
	var config struct {
		ID    string `yaml:"id"`
		Title string `yaml:"title"`
	}
	text, err := paper.ReadText(d.fetched, file)
	if err == nil {
		err = yaml.Unmarshal(text, &config)
	}
	switch {
	case err != nil:
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s cannot be read, so its title is unknown: %v", file, err))
		return
	case config.ID != e.ID:
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s calls it %q; the name of its folder counts", file, config.ID))
	}
	if config.Title != "" {
		e.Title = config.Title
	}
}

// find is the path of one of a paper's files, or "" where it is not there; why it cannot be used, if it is there,
// becomes a warning.
func (d *Dataset) find(e *datasets.Entry, base string) string {
	file := path.Join("papers", e.ID, base)
	info, err := fs.Stat(d.folder, file)
	switch {
	case isAbsent(err):
		return ""
	case err != nil:
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s cannot be read: %v", file, err))
		return ""
	case !info.Mode().IsRegular():
		e.Warnings = append(e.Warnings, file+" is not a file")
		return ""
	}
	d.files = append(d.files, file)
	return file
}

// folders are the names of the folders in one that may be absent, sorted; hidden ones do not count.
func (d *Dataset) folders(in string) []string {
	listing, err := fs.ReadDir(d.folder, in)
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range listing {
		if info, err := fs.Stat(d.folder, path.Join(in, f.Name())); err == nil && info.IsDir() && f.Name()[0] != '.' {
			names = append(names, f.Name())
		}
	}
	return names
}
