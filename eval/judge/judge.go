// Package judge is what the judges of Paper2Code share (arXiv 2504.17192, section 4.1 and codes/eval.py of the
// published program): a model reads paper and code, lists critiques and gives a score from 1 to 5; several
// independent samples are asked for, and the score is the mean of those that can be used.
package judge

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"papereval/eval"
	"papereval/eval/appeal"
	"papereval/llm"
	"papereval/prompt"
)

//go:embed prompts
var files embed.FS

// Prompts are the prompts that the judges share.
func Prompts() prompt.Folder { return prompt.Read("eval/judge", files) }

// The ends of the scale.
const (
	Worst = 1
	Best  = 5
)

// DefaultSamples is how many samples the published evaluation asks for.
const DefaultSamples = 8

// Judge is an evaluator that asks a model for a score from 1 to 5.
type Judge struct {
	Evaluator string // the evaluator's name, which is also that of its metric
	// Prompt has the placeholders {{Paper}}, {{Code}} and, for a judge that compares, {{GoldCode}}.
	Prompt  string
	Schema  []byte        // the JSON schema of the answer; nil where it is asked for in words only
	Shared  prompt.Folder // see [Prompts]
	Client  llm.Client
	Model   llm.Model
	Samples int
	// Compares is true for a judge that needs the reference repository.
	Compares bool
}

var _ eval.Evaluator = (*Judge)(nil)

// Detail is what a judge's score rests on.
type Detail struct {
	Samples   []Sample   `json:"samples"`
	Target    *Selection `json:"target,omitempty"`    // the judged repository
	Reference *Selection `json:"reference,omitempty"` // the authors'
}

// Name is the evaluator's name.
func (j *Judge) Name() string { return j.Evaluator }

// Evaluate asks for the samples and averages them.
func (j *Judge) Evaluate(ctx context.Context, s *eval.Subject) (*eval.Result, error) {
	detail := &Detail{}
	score := eval.Score{Metric: j.Evaluator, Asked: j.Samples, Low: Worst, High: Best, Samples: []float64{}}
	without := func(status eval.Status, reason string) (*eval.Result, error) {
		score.Status, score.Reason = status, reason
		return &eval.Result{Scores: []eval.Score{score}, Detail: detail}, nil
	}
	if j.Compares && s.Reference == nil {
		score.Asked = 0
		return without(eval.Skipped, "the authors' repository is not at hand")
	}
	minimum := func(reason string) (*eval.Result, error) {
		score.Value, score.High, score.Asked = Worst, Worst, 0
		return without(eval.SystemFailed, reason)
	}
	if s.Repository == nil {
		return minimum("the system wrote no repository")
	}
	if detail.Target = newSelection(s.Repository); len(detail.Target.files) == 0 {
		return minimum("the repository has no file that a judge is shown")
	}
	if j.Compares {
		if detail.Reference = newSelection(s.Reference); len(detail.Reference.files) == 0 {
			score.Asked = 0
			return without(eval.Skipped, "the authors' repository has no file that a judge is shown")
		}
	}

	content, err := j.fill(ctx, s, detail)
	if err != nil {
		if !eval.JudgesFault(err) {
			return nil, err
		}
		return without(eval.JudgeFailed, err.Error())
	}
	score.Shown, score.Files = detail.counts()
	label := s.Label
	label.Evaluator, label.Stage = j.Evaluator, "judge"
	resp, err := j.Client.Complete(ctx, &llm.Request{
		Model:    j.Model,
		Messages: []llm.Message{{Role: llm.System, Content: content}},
		Schema:   form("judgement", j.Schema),
		Samples:  j.Samples,
		Label:    label,
	})
	if err != nil {
		if !eval.JudgesFault(err) {
			return nil, err
		}
		return without(eval.JudgeFailed, err.Error())
	}
	if err := ctx.Err(); err != nil {
		return nil, err // the samples that are missing were not refused
	}
	detail.Samples = readSamples(resp.Samples)
	status, reason := j.average(&score, detail.Samples)
	return without(status, appeal.With(reason, detail.Target.Appeals))
}

func form(name string, schema []byte) *llm.Schema {
	if schema == nil {
		return nil
	}
	return &llm.Schema{Name: name, JSON: schema}
}

// average fills in what follows from the samples.
func (j *Judge) average(score *eval.Score, samples []Sample) (eval.Status, string) {
	sum := 0
	var reasons []string
	refused := make(map[string]int)
	for _, s := range samples {
		if !s.Valid {
			if refused[s.Reason]++; refused[s.Reason] == 1 {
				reasons = append(reasons, s.Reason)
			}
			continue
		}
		score.Valid++
		sum += s.Score
		score.Samples = append(score.Samples, float64(s.Score))
		score.Source = eval.Weakest(score.Source, s.source)
	}
	invalid := score.Asked - score.Valid
	score.Low = float64(sum+invalid*Worst) / float64(score.Asked)
	score.High = float64(sum+invalid*Best) / float64(score.Asked)
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d of %d samples: %s", refused[reason], score.Asked, reason)
	}
	if score.Valid == 0 {
		return eval.JudgeFailed, strings.Join(reasons, "; ")
	}
	score.Value = float64(sum) / float64(score.Valid)
	return eval.OK, strings.Join(reasons, "; ")
}

// fill writes the prompt: everything where it fits into the model's context, a selection where it does not.
func (j *Judge) fill(ctx context.Context, s *eval.Subject, d *Detail) (string, error) {
	paper := strings.TrimSpace(s.Paper.Text())
	if err := j.fit(ctx, s, d, paper); err != nil {
		return "", err
	}
	gold := ""
	if d.Reference != nil {
		gold = d.Reference.render()
	}
	// One pass, so that nothing in the paper or the code is taken for a placeholder.
	return strings.NewReplacer("{{Paper}}", paper, "{{Code}}", d.Target.render(), "{{GoldCode}}", gold).Replace(j.Prompt), nil
}
