// Package papercoder is PaperCoder (Seo et al., "Paper2Code: Automating Code Generation from Scientific Papers in
// Machine Learning", arXiv 2504.17192): a paper is planned in one conversation of four turns, every file of the
// plan is analysed, and every file is written, in the order of their dependencies.
package papercoder

import (
	"context"
	"embed"
	"slices"

	"papereval/generate"
	"papereval/prompt"
	"papereval/repo"
)

//go:embed prompts/*.tmpl
var files embed.FS

// Prompts are PaperCoder's prompts.
func Prompts() prompt.Folder { return prompt.Read("generate/papercoder", files) }

// The stages, in order. All but coding can be switched off; what a missing stage would have given is then
// absent from the prompts of the later ones.
const (
	OverallPlan  = "overall-plan"
	Architecture = "architecture"
	Logic        = "logic"
	Config       = "config"
	Analysis     = "analysis"
	Coding       = "coding"
)

// Stages are PaperCoder's stages in order.
func Stages() []generate.Stage {
	return []generate.Stage{{Name: OverallPlan}, {Name: Architecture}, {Name: Logic}, {Name: Config}, {Name: Analysis}, {Name: Coding, Required: true}}
}

// PaperCoder is the generator.
type PaperCoder struct {
	prompts prompt.Folder
	without []string // in the order of the stages
}

// New makes a PaperCoder without the given stages.
func New(prompts prompt.Folder, without ...string) (*PaperCoder, error) {
	off, err := generate.Without("papercoder", Stages(), without)
	if err != nil {
		return nil, err
	}
	return &PaperCoder{prompts, off}, nil
}

// Name is "papercoder", followed by the stages that are switched off.
func (p *PaperCoder) Name() string { return generate.Name("papercoder", p.without) }

// Stages are the stages that run.
func (p *PaperCoder) Stages() []generate.Stage {
	return slices.DeleteFunc(Stages(), func(s generate.Stage) bool { return !p.on(s.Name) })
}

func (p *PaperCoder) on(stage string) bool { return !slices.Contains(p.without, stage) }

// Generate writes the repository. Where it fails it returns what was written until then with the error.
func (p *PaperCoder) Generate(ctx context.Context, task *generate.Task) (*repo.Tree, error) {
	w := &work{PaperCoder: p, task: task, tree: &repo.Tree{}}
	if err := w.plan(ctx); err != nil {
		return w.tree, err
	}
	if w.toWrite == nil {
		err := w.wholeRepository(ctx)
		return w.tree, err
	}
	if err := w.analyse(ctx); err != nil {
		return w.tree, err
	}
	err := w.write(ctx)
	return w.tree, err
}

// work is one repository in the making.
type work struct {
	*PaperCoder
	task *generate.Task
	tree *repo.Tree

	known    known
	toWrite  []string          // files in the order of writing; nil where neither design names any
	purpose  map[string]string // what the logic design says of a file
	analyses map[string]string
}

// known is what later prompts are told; a stage that was switched off leaves its field empty.
type known struct {
	Paper        string
	Plan         string
	Architecture string
	Logic        string
	Config       string
}

// step commits the tree as it is.
func (w *work) step(stage, file, note string) {
	w.task.Step(generate.Step{Stage: stage, File: file, Note: note, Tree: w.tree.Clone()})
}
