package paper2code

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"papereval/datasets"
	"papereval/paper"
)

// listed is one paper in dataset_info.json.
type listed struct {
	Source   string `json:"source"` // how it was presented
	Paper    string `json:"paper"`  // its title
	RepoName string `json:"repo_name"`
	RepoURL  string `json:"repo_url"`
}

// venues are the conferences behind the list's keys; any other key is a venue by its own name.
var venues = map[string]string{"iclr2024": "ICLR", "icml2024": "ICML", "nips2024": "NeurIPS"}

func open(fsys fs.FS) (*dataset, error) {
	content, err := paper.ReadText(fsys, listName)
	if err != nil {
		return nil, err
	}
	var list map[string][]listed
	if err := paper.DecodeJSON(listName, content, &list); err != nil {
		return nil, err
	}
	d := &dataset{fsys: fsys}
	seen := make(map[string]int) // index in papers by ID
	keys := slices.Sorted(maps.Keys(list))
	for _, key := range keys {
		venue := venues[key]
		if venue == "" {
			venue = key
		}
		for i, l := range list[key] {
			if l.RepoName == "" {
				return nil, fmt.Errorf("%s: paper %d of %s has no \"repo_name\", which names its files; add it", listName, i+1, key)
			}
			if first, ok := seen[l.RepoName]; ok {
				e := &d.papers[first]
				e.Warnings = append(e.Warnings, fmt.Sprintf("%s lists it again under %s as %q; only the first one counts", listName, key, l.Paper))
				continue
			}
			seen[l.RepoName] = len(d.papers)
			d.papers = append(d.papers, d.entry(key, venue, l))
		}
	}
	for _, folder := range append(keys, examples) {
		for _, id := range d.found(folder) {
			if _, ok := seen[id]; !ok {
				seen[id] = len(d.papers)
				e := datasets.Entry{ID: id, Title: id, RepoName: id, Splits: []string{datasets.All}, FS: fsys}
				d.locate(&e, folder)
				d.papers = append(d.papers, e)
			}
		}
	}
	if len(d.papers) == 0 {
		return nil, fmt.Errorf("%s lists no paper, and there is none in %s either", listName, examples)
	}
	d.revision = sync.OnceValues(d.digest)
	return d, nil
}

func (d *dataset) entry(key, venue string, l listed) datasets.Entry {
	e := datasets.Entry{
		ID: l.RepoName, Title: l.Paper, Venue: venue, Presentation: l.Source,
		RepoName: l.RepoName, RepoURL: l.RepoURL, FS: d.fsys, Listed: true,
		Splits: []string{datasets.All, strings.ToLower(venue)},
	}
	switch l.Source {
	case "oral", "poster":
		e.Splits = append(e.Splits, l.Source)
	case "":
	default:
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s gives its source as %q, which is neither oral nor poster", listName, l.Source))
		e.Presentation = ""
	}
	if !fs.ValidPath(l.RepoName) || strings.ContainsAny(l.RepoName, `/\`) || l.RepoName == "." {
		e.Warnings = append(e.Warnings, fmt.Sprintf("%q cannot be the name of a file, so none is looked for", l.RepoName))
		return e
	}
	d.locate(&e, key, examples)
	return e
}

type ending struct {
	suffix string
	form   paper.Form
}

// endings are what a paper's files may be called after its name, the one to prefer first. PDFs may also
// stand in a folder of their own.
var endings = []ending{
	{"_cleaned.json", paper.Cleaned}, {".json", paper.Raw},
	{".tex", paper.LaTeX}, {"_cleaned.tex", paper.LaTeX},
	{".md", paper.Markdown}, {".pdf", paper.PDF},
}

// locate looks for the paper's files in the folders, and for its authors' code. A form that is in several
// folders is taken from the first.
func (d *dataset) locate(e *datasets.Entry, folders ...string) {
	e.Files = make(map[paper.Form]string)
	try := func(form paper.Form, name string) {
		if _, ok := e.Files[form]; !ok && d.exists(e, name, false) {
			e.Files[form] = name
		}
	}
	for _, folder := range folders {
		if !fs.ValidPath(folder) {
			continue
		}
		for _, f := range endings {
			try(f.form, path.Join(folder, e.RepoName+f.suffix))
		}
		try(paper.PDF, path.Join(folder, "pdfs", e.RepoName+".pdf"))
	}
	if name := path.Join(references, e.RepoName); d.exists(e, name, true) {
		e.Reference = name
	}
}

// exists reports whether a file or folder can be read; why it cannot, if it is there, becomes a warning.
func (d *dataset) exists(e *datasets.Entry, name string, folder bool) bool {
	info, err := fs.Stat(d.fsys, name)
	switch {
	case isAbsent(err):
		return false
	case err != nil:
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s cannot be read: %v", name, err))
		return false
	case info.IsDir() != folder:
		kind := "a folder where a file"
		if folder {
			kind = "a file where a folder"
		}
		e.Warnings = append(e.Warnings, fmt.Sprintf("%s is %s is expected", name, kind))
		return false
	}
	return true
}

// found names the papers that a folder has files of, sorted.
func (d *dataset) found(folder string) []string {
	if !fs.ValidPath(folder) {
		return nil
	}
	var names []string
	for _, dir := range []string{folder, path.Join(folder, "pdfs")} {
		entries, err := fs.ReadDir(d.fsys, dir)
		if err != nil {
			continue // absent, as most folders of the list are
		}
		for _, entry := range entries {
			if name, ok := paperOf(entry.Name()); ok && !entry.IsDir() {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// paperOf is the paper that a file is of, judged by the file's name.
func paperOf(file string) (id string, ok bool) {
	known := slices.ContainsFunc(endings, func(e ending) bool { return strings.HasSuffix(file, e.suffix) })
	id = paper.ID(file)
	hidden := id == "" || id[0] == '.'
	return id, known && !hidden && !strings.EqualFold(id, "readme")
}
