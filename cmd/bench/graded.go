package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"papereval/datasets"
	"papereval/datasets/paperbench"
	"papereval/eval"
	"papereval/eval/replication"
	"papereval/generate/given"
	"papereval/repo"
	"papereval/rubric"
	"papereval/run"
)

// gradedSystem is the system whose repositories are submissions that people graded, to judge judges by.
const gradedSystem = "graded-submission"

// graded is a submission with the grades that people gave it.
type graded struct {
	entry datasets.Entry // the paper, with the rubric that the submission was graded by
	gold  *rubric.Graded
	read  func() (submitted, error) // once
}

// gradedSubmissions are those of a dataset to the papers of these ids, or to all of its papers, those that are for
// development too. The first submission to a paper has the paper's id.
func gradedSubmissions(ds datasets.Dataset, ids []string) ([]*graded, error) {
	all, ok := ds.(*paperbench.Dataset)
	if !ok {
		return nil, usagef("the dataset %s has no submissions that people graded; paperbench has", ds.Name())
	}
	entries := ds.Papers()
	if len(ids) > 0 {
		var err error
		if entries, err = datasets.Select(ds, "", ids); err != nil {
			return nil, usage(err)
		}
	}
	var found []*graded
	for _, s := range all.JudgeEval() {
		i := slices.IndexFunc(entries, func(e datasets.Entry) bool { return e.ID == s.Paper })
		if i < 0 {
			continue
		}
		g := &graded{entry: entries[i]}
		if s.ID != "0" {
			g.entry.ID += "-" + s.ID
		}
		content, err := s.ReadExpected()
		if err != nil {
			return nil, usage(err)
		}
		if g.gold, err = rubric.DecodeGraded(s.Expected, content, rubric.Binary); err != nil {
			return nil, usage(err)
		}
		// The published grades are by older rubrics than the papers have now. A graded one is a rubric, too.
		g.entry.Rubric = s.Expected
		read := sync.OnceValues(func() (submitted, error) { return readSubmission(s) })
		g.read = read
		found = append(found, g)
	}
	if len(found) == 0 {
		return nil, usagef("none of these papers has a submission that people graded; `bench dataset list %s` tells how many there are", ds.Name())
	}
	return found, nil
}

// submitted is what is in the archive of a submission.
type submitted struct {
	tree         *repo.Tree
	reproduction *eval.Reproduction
}

func readSubmission(s paperbench.Submission) (submitted, error) {
	f, err := s.OpenTar()
	if err != nil {
		return submitted{}, err
	}
	defer f.Close()
	tree, reproduction, _, err := replication.ReadSubmission(f)
	if err != nil {
		return submitted{}, fmt.Errorf("%s: %w", s.Tar, err)
	}
	return submitted{tree, reproduction}, nil
}

// useGraded makes a run of graded submissions.
func useGraded(r *run.Run, ds datasets.Dataset, ids []string) error {
	all, err := gradedSubmissions(ds, ids)
	if err != nil {
		return err
	}
	byID := make(map[string]*graded)
	r.Papers = nil
	for _, g := range all {
		byID[g.entry.ID] = g
		r.Papers = append(r.Papers, g.entry)
	}
	of := func(paper string) (submitted, error) {
		if g := byID[paper]; g != nil {
			return g.read()
		}
		return submitted{}, fmt.Errorf("there is no graded submission to the paper %s", paper)
	}
	r.Generators = append(r.Generators, given.New(gradedSystem, func(_ context.Context, paper string) (*repo.Tree, error) {
		s, err := of(paper)
		return s.tree, err
	}))
	r.Reproduction = func(_ context.Context, c run.Cell) (*eval.Reproduction, error) {
		s, err := of(c.Paper)
		return s.reproduction, err
	}
	return nil
}
