package run

import (
	"errors"
	"fmt"
	"slices"

	"papereval/datasets"
	"papereval/eval"
	"papereval/eval/monitor"
	"papereval/paper"
	"papereval/repo"
	"papereval/rubric"
)

// subject is what is known of a paper for those who judge repositories of it.
func (r *Run) subject(e datasets.Entry) (*eval.Subject, error) {
	p, err := r.papers[e.ID]()
	if err != nil {
		return nil, err
	}
	s := &eval.Subject{Paper: p}
	if s.Reference, err = reference(e); err != nil {
		return nil, fmt.Errorf("the authors' repository of %s: %w", e.ID, err)
	}
	if e.Rubric != "" {
		if s.Rubric, err = rubric.Read(e.FS, e.Rubric); err != nil {
			return nil, fmt.Errorf("paper %s: %w", e.ID, err)
		}
	}
	if e.Blacklist != "" {
		if s.Blacklist, err = monitor.Read(e.FS, e.Blacklist); err != nil {
			return nil, fmt.Errorf("paper %s: %w", e.ID, err)
		}
	}
	for _, addendum := range []struct {
		to   *string
		read func() (string, error)
	}{{&s.Addendum, e.ReadAddendum}, {&s.JudgeAddendum, e.ReadJudgeAddendum}} {
		text, missing, err := r.addendum(addendum.read)
		if err != nil {
			return nil, err
		}
		*addendum.to = text
		s.AddendaMissing = s.AddendaMissing || missing
	}
	return s, nil
}

// addendum reads one of a paper's addenda. One that was not fetched is an error unless the run may do without.
func (r *Run) addendum(read func() (string, error)) (text string, missing bool, err error) {
	text, err = read()
	if !errors.Is(err, datasets.ErrNotFetched) {
		return text, false, err
	}
	if r.Config.AllowMissingAddenda {
		return "", true, nil
	}
	return "", false, fmt.Errorf("%w, or go on without it with --allow-missing-addenda, which marks the scores", err)
}

// withAddendum is the paper as systems are given it: what was added for those who replicate it is its last section.
func (r *Run) withAddendum(e datasets.Entry) (*paper.Paper, error) {
	p, err := r.papers[e.ID]()
	if err != nil {
		return nil, err
	}
	text, _, err := r.addendum(e.ReadAddendum)
	if err != nil || text == "" {
		return p, err
	}
	whole := *p
	whole.Sections = append(slices.Clone(p.Sections), paper.Section{Title: "Addendum", Text: text, Level: 1})
	return &whole, nil
}

// reference reads the authors' repository of a paper; nil where it is not there.
func reference(e datasets.Entry) (*repo.Tree, error) {
	tree, _, err := e.ReferenceTree() // what is not read there is of no use to a judge either
	if errors.Is(err, datasets.ErrAbsent) {
		return nil, nil
	}
	return tree, err
}
