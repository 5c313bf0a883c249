// Package given is systems whose repositories are at hand already.
package given

import (
	"context"

	"papereval/generate"
	"papereval/repo"
)

// System is a generator that asks no model.
type System struct {
	name string
	of   func(ctx context.Context, paper string) (*repo.Tree, error)
}

var _ generate.Generator = (*System)(nil)

// New makes a system of a name; of returns its repository for a paper.
func New(name string, of func(ctx context.Context, paper string) (*repo.Tree, error)) *System {
	return &System{name, of}
}

// Name is the system's name.
func (s *System) Name() string { return s.name }

// Stages are none.
func (s *System) Stages() []generate.Stage { return nil }

// Generate returns the repository as it is.
func (s *System) Generate(ctx context.Context, task *generate.Task) (*repo.Tree, error) {
	tree, err := s.of(ctx, task.Paper.ID)
	if err != nil {
		return nil, err
	}
	task.Step(generate.Step{Stage: "given", Tree: tree})
	return tree, nil
}
