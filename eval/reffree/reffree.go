// Package reffree judges a repository by the paper alone, without the authors' code. The protocol is that of
// Paper2Code (arXiv 2504.17192), see package judge.
package reffree

import (
	"embed"

	"papereval/eval/judge"
	"papereval/prompt"
)

//go:embed prompts
var files embed.FS

// Prompts are the judge's prompts.
func Prompts() prompt.Folder { return prompt.Read("eval/reffree", files) }

// New makes the evaluator "reffree" of a judge's settings: its client, model, samples and shared prompts.
func New(prompts prompt.Folder, settings judge.Judge) *judge.Judge {
	settings.Evaluator = "reffree"
	settings.Prompt, settings.Schema = prompts.Text("judge"), prompts.Schema("judge")
	settings.Compares = false
	return &settings
}
