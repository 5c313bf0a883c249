package paperbench

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"papereval/datasets"
	"papereval/paper"
)

// Submission is an attempt to reproduce a paper whose grade by a rubric is known, to judge judges by. That rubric may
// differ from the one that the paper has now.
type Submission struct {
	Paper    string // the paper's ID
	ID       string // names the submission among those to the paper: "0"
	Expected string // path of the graded rubric, whether it is there or not
	Tar      string // path of the archive with the folder submission/, as its reproduction left it; there or not
	FS       fs.FS  // what both are paths in
}

// JudgeEval are the graded submissions by paper and ID.
func (d *Dataset) JudgeEval() []Submission {
	const folder = "judge_eval"
	var submissions []Submission
	for _, id := range d.folders(folder) {
		for _, n := range d.folders(path.Join(folder, id)) {
			submissions = append(submissions, Submission{
				Paper: id, ID: n, FS: d.fetched,
				Expected: path.Join(folder, id, n, "grading", "expected_result.json"),
				Tar:      path.Join(folder, id, n, "submission.tar"),
			})
		}
	}
	return submissions
}

// ReadExpected reads the graded rubric, as it is stored. The error is [datasets.ErrAbsent] or
// [datasets.ErrNotFetched] where it is not at hand.
func (s Submission) ReadExpected() ([]byte, error) {
	text, err := paper.ReadText(s.FS, s.Expected)
	return text, s.explain(s.Expected, err)
}

// OpenTar opens the archive. The error is [datasets.ErrAbsent] or [datasets.ErrNotFetched] where it is not at hand.
func (s Submission) OpenTar() (io.ReadCloser, error) {
	f, err := s.FS.Open(s.Tar)
	if err != nil {
		return nil, s.explain(s.Tar, err)
	}
	return f, nil
}

func (s Submission) explain(file string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s is %w; run `bench dataset pull paperbench`, or put it there", file, datasets.ErrAbsent)
	}
	return fmt.Errorf("graded submission %s of paper %s: %w", s.ID, s.Paper, err)
}
