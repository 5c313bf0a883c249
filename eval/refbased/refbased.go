// Package refbased judges a repository by the paper and the authors' code. The protocol is that of
// Paper2Code (arXiv 2504.17192), see package judge.
package refbased

import (
	"embed"

	"papereval/eval/judge"
	"papereval/prompt"
)

//go:embed prompts
var files embed.FS

// Prompts are the judge's prompts.
func Prompts() prompt.Folder { return prompt.Read("eval/refbased", files) }

// New makes the evaluator "refbased" of a judge's settings: its client, model, samples and shared prompts.
func New(prompts prompt.Folder, settings judge.Judge) *judge.Judge {
	settings.Evaluator = "refbased"
	settings.Prompt, settings.Schema = prompts.Text("judge"), prompts.Schema("judge")
	settings.Compares = true
	return &settings
}
