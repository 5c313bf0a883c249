// Package datasets holds named sets of papers.
package datasets

import (
	"errors"
	"fmt"
	"io/fs"

	"papereval/paper"
	"papereval/repo"
)

// Dataset is a named set of papers.
type Dataset interface {
	Name() string
	// Revision identifies the content, "sha256:" and hexadecimal digits: it changes with the list of papers
	// and with every file of a paper. It is read when first asked for.
	Revision() (string, error)
	// Papers are all papers in the order of the dataset's list; those that only its folder has come last.
	Papers() []Entry
}

// Entry is one paper of a dataset with what is there of it.
type Entry struct {
	ID           string // names the paper in the dataset, and in --papers
	Title        string // that of the list; the ID where the paper is not listed
	Venue        string // "ICLR"; "" where it is unknown
	Presentation string // "oral", "poster" or "" where it is unknown
	RepoName     string
	RepoURL      string
	Splits       []string // those that the paper belongs to; [All] is one of them unless it stands apart from the rest
	Listed       bool     // in the dataset's list, and not only in its folder

	FS        fs.FS                 // what Files and the fields below are paths in; what is not there is ""
	Files     map[paper.Form]string // the forms that are there
	Reference string                // the folder with the authors' code

	// These are files. The judge's addendum is for nobody else's eyes.
	Rubric, Addendum, JudgeAddendum, Blacklist string

	// Warnings say what is odd about the entry: it is listed twice, a file cannot be looked at.
	Warnings []string
}

// All is the split that a dataset is scored on as a whole: all of its papers but those that it sets apart, such as
// papers for development.
const All = "all"

// ErrAbsent is in the errors about a file or folder that a paper may have, but does not have here.
var ErrAbsent = errors.New("not there")

// ErrNotFetched is in the errors about a file in whose place there is a Git-LFS pointer.
var ErrNotFetched = errors.New("only a Git-LFS pointer is there, and the file was not fetched")

// Forms are the forms in which the paper can be read, from the one that keeps most. A raw file serves as the
// cleaned one too.
func (e Entry) Forms() []paper.Form {
	var forms []paper.Form
	for _, f := range paper.Forms() {
		if e.file(f) != "" {
			forms = append(forms, f)
		}
	}
	return forms
}

func (e Entry) file(form paper.Form) string {
	if name := e.Files[form]; name != "" || form != paper.Cleaned {
		return name
	}
	return e.Files[paper.Raw]
}

// Paper reads the paper; form "" is the one that keeps most of those that are there. The error is
// [ErrAbsent] where the paper, or this form of it, is not there.
func (e Entry) Paper(form paper.Form) (*paper.Paper, error) {
	forms := e.Forms()
	if len(forms) == 0 {
		return nil, fmt.Errorf("paper %s is in the list, but its text is %w; put a file of it into the dataset's folder", e.ID, ErrAbsent)
	}
	if form == "" {
		form = forms[0]
	}
	name := e.file(form)
	if name == "" {
		return nil, fmt.Errorf("paper %s is %w in the form %q; there are %s", e.ID, ErrAbsent, form, paper.List(forms))
	}
	p, err := paper.Read(e.FS, name, form)
	if err != nil {
		return nil, fmt.Errorf("paper %s: %w", e.ID, err)
	}
	p.ID = e.ID
	return p, nil
}

// ReferenceTree reads the authors' code, with what had to be left out of it. The error is [ErrAbsent] where
// it is not there.
func (e Entry) ReferenceTree() (*repo.Tree, []repo.Skipped, error) {
	if e.Reference == "" {
		return nil, nil, fmt.Errorf("the reference code of paper %s is %w", e.ID, ErrAbsent)
	}
	folder, err := fs.Sub(e.FS, e.Reference)
	if err != nil {
		return nil, nil, fmt.Errorf("the reference code of paper %s: %w", e.ID, err)
	}
	tree, skipped, err := repo.ReadDir(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("the reference code of paper %s in %s: %w", e.ID, e.Reference, err)
	}
	return tree, skipped, nil
}
