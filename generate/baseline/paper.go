// Package baseline holds the systems that PaperCoder is compared with.
package baseline

import (
	"context"
	"embed"
	"strings"

	"papereval/generate"
	"papereval/llm"
	"papereval/prompt"
	"papereval/repo"
)

//go:embed prompts/*.tmpl
var files embed.FS

// Prompts are the baselines' prompts.
func Prompts() prompt.Folder { return prompt.Read("generate/baseline", files) }

// Paper is the baseline of that name in the Paper2Code paper: the whole paper in one call, the repository out.
type Paper struct{ prompts prompt.Folder }

// NewPaper makes the baseline. It has no stage that could be switched off.
func NewPaper(prompts prompt.Folder, without ...string) (*Paper, error) {
	_, err := generate.Without("paper", (&Paper{}).Stages(), without)
	return &Paper{prompts}, err
}

// Name is "paper".
func (*Paper) Name() string { return "paper" }

// Stages is the one stage, coding.
func (*Paper) Stages() []generate.Stage { return []generate.Stage{{Name: "coding", Required: true}} }

// Generate writes the repository.
func (p *Paper) Generate(ctx context.Context, task *generate.Task) (*repo.Tree, error) {
	question, err := p.prompts.Fill("paper", strings.TrimSpace(task.Paper.Text()))
	if err != nil {
		return nil, err
	}
	var tree *repo.Tree
	if _, err := generate.Ask(ctx, task, []llm.Message{
		{Role: llm.System, Content: p.prompts.Text("system")},
		{Role: llm.User, Content: question},
	}, "coding", "", func(text string) (err error) {
		tree, err = generate.ReadRepository(text)
		return err
	}); err != nil {
		return &repo.Tree{}, err
	}
	task.Step(generate.Step{Stage: "coding", Tree: tree})
	return tree, nil
}
