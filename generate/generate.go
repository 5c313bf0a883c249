// Package generate is what turns a paper into a repository looks like: systems with stages.
package generate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"papereval/llm"
	"papereval/paper"
	"papereval/prompt"
	"papereval/repo"
)

// A Generator writes a repository for a paper. It is a plain function of its inputs: what it calls is
// remembered by the client, so running it again recomputes it for nothing.
type Generator interface {
	Name() string
	Stages() []Stage // in order; each can be switched off unless Required
	Generate(ctx context.Context, task *Task) (*repo.Tree, error)
}

// Stage is one step inside a system.
type Stage struct {
	Name     string
	Required bool
}

// Name is the name of a system with stages switched off: "papercoder-analysis-config".
func Name(base string, without []string) string {
	return strings.Join(append([]string{base}, without...), "-")
}

// Without checks the stages that are to be switched off and puts them into the order of the stages. A stage
// that does not exist or is required is an error.
func Without(system string, stages []Stage, without []string) ([]string, error) {
	var off []string
	for _, stage := range stages {
		if !slices.Contains(without, stage.Name) {
			continue
		}
		if stage.Required {
			return nil, fmt.Errorf("system %s: stage %q cannot be switched off", system, stage.Name)
		}
		off = append(off, stage.Name)
	}
	for _, name := range without {
		if !slices.Contains(off, name) {
			var names []string
			for _, stage := range stages {
				if !stage.Required {
					names = append(names, stage.Name)
				}
			}
			if names == nil {
				return nil, fmt.Errorf("system %s has no stage that can be switched off, so not %q either", system, name)
			}
			return nil, fmt.Errorf("system %s has no stage %q; those that can be switched off are %s", system, name, strings.Join(names, ", "))
		}
	}
	return off, nil
}

// Task is what a generator works on.
type Task struct {
	Paper  *paper.Paper
	Client llm.Client
	Model  llm.Model
	Label  llm.Label // names the cell; the generator adds stage and file
	// Prompts are those of this package, see [Prompts].
	Prompts prompt.Folder
	// Step is told of every finished step, in order; never nil.
	Step func(Step)
}

// Step is one finished step of a generator: a commit of the repository's history.
type Step struct {
	Stage string
	File  string // empty where the step is not about one file
	Note  string // what the step found out, for people: a plan, a design
	// Tree is the repository after the step.
	Tree *repo.Tree
}
