package datasets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"papereval/paper"
)

// ReadRubric reads the paper's rubric, as it is stored. The error is [ErrAbsent] where there is none.
func (e Entry) ReadRubric() ([]byte, error) {
	if e.Rubric == "" {
		return nil, fmt.Errorf("the rubric of paper %s is %w", e.ID, ErrAbsent)
	}
	return e.read(e.Rubric)
}

// ReadAddendum reads what was added to the paper for those who reproduce it; it is "" where there is none. The
// error is [ErrNotFetched] where there is one that is not at hand.
func (e Entry) ReadAddendum() (string, error) {
	text, err := e.read(e.Addendum)
	return string(text), err
}

// ReadJudgeAddendum reads what was added for the judge alone, in the manner of [Entry.ReadAddendum].
func (e Entry) ReadJudgeAddendum() (string, error) {
	text, err := e.read(e.JudgeAddendum)
	return string(text), err
}

func (e Entry) read(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	text, err := paper.ReadText(e.FS, name)
	if err != nil {
		return nil, fmt.Errorf("paper %s: %w", e.ID, err)
	}
	return text, nil
}

// Fetched is a dataset's folder in which no Git-LFS pointer is taken for the file that it stands for: opening one
// is [ErrNotFetched], and the error says how the dataset of that name is fetched.
func Fetched(folder fs.FS, dataset string) fs.FS { return fetched{folder, dataset} }

type fetched struct {
	folder  fs.FS
	dataset string
}

func (f fetched) Open(name string) (fs.File, error) {
	pointer, err := f.pointer(name)
	if err != nil {
		return nil, err
	}
	if pointer {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w; run `bench dataset pull %s`", ErrNotFetched, f.dataset)}
	}
	return f.folder.Open(name)
}

func (f fetched) pointer(name string) (bool, error) {
	file, err := f.folder.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.IsDir() {
		return false, err
	}
	start := make([]byte, 64)
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return paper.IsPointer(start[:n]), nil
}
