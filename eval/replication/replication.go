// Package replication grades a repository by a rubric, as PaperBench does (arXiv 2504.01848, section 4.1 and
// paperbench/judge/simple.py of the published program, github.com/openai/frontier-evals): for each leaf a model
// ranks the repository's files, reads the first ten, and says whether the leaf's criterion is met. The replication score is
// the rubric's weighted mean.
//
// It departs from the published program where that is known to be wrong: a leaf that could not be judged is no 0,
// leaves are known by their place in the rubric and not by ids that repeat, and what a reproduction wrote is told by a
// list and not by clocks.
package replication

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"papereval/eval"
	"papereval/eval/appeal"
	"papereval/eval/monitor"
	"papereval/llm"
	"papereval/prompt"
	"papereval/rubric"
)

//go:embed prompts
var files embed.FS

// Prompts are the judge's prompts.
func Prompts() prompt.Folder { return prompt.Read("eval/replication", files) }

// Judge is the evaluator. Its name, that of its [Variant], is its metric, too: scores from 0 to 1, which are best.
type Judge struct {
	Variant Variant
	Prompts prompt.Folder
	Client  llm.Client
	Model   llm.Model
	// Disqualify scores a repository 0 that fetches what the paper's blacklist forbids, without grading it.
	Disqualify bool
}

var _ eval.Evaluator = (*Judge)(nil)

// Detail is what a score rests on.
type Detail struct {
	Tree *rubric.Graded `json:"tree"` // in the published form; nil where nothing was graded
	// Findings are blacklisted addresses in the repository and in the log of its reproduction.
	Findings []monitor.Finding `json:"findings,omitempty"`
	// Appeals are lines of the repository that address the judge.
	Appeals []appeal.Finding `json:"appeals,omitempty"`
	// Warnings are about what was not shown to the judge, or not as it is.
	Warnings []string `json:"warnings,omitempty"`
}

// Leaf is what the grade of a leaf rests on: [rubric.Grade].Metadata.
type Leaf struct {
	// Keys are the calls in the ledger: ranking, grading, and, where there were more, the others.
	Keys []string `json:"keys,omitempty"`
	// Files were shown, of which Cut was shown in part.
	Files []string `json:"files,omitempty"`
	Cut   string   `json:"cut,omitempty"`
	// Ranking says how the files were chosen where the model's ranking could not be used.
	Ranking      string `json:"ranking,omitempty"`
	Expectations string `json:"expectations,omitempty"`
}

// Name is that of the variant.
func (j *Judge) Name() string { return j.Variant.String() }

// Evaluate grades every leaf and sums up.
func (j *Judge) Evaluate(ctx context.Context, s *eval.Subject) (*eval.Result, error) {
	score := eval.Score{Metric: j.Name(), Samples: []float64{}}
	result := func(detail *Detail) (*eval.Result, error) {
		return &eval.Result{Scores: []eval.Score{score}, Detail: detail}, nil
	}
	if s.Rubric == nil {
		score.Status, score.Reason = eval.Skipped, "the paper has no rubric"
		return result(&Detail{})
	}
	if s.Repository == nil {
		score.Status, score.Reason = eval.SystemFailed, "the system wrote no repository"
		return result(&Detail{})
	}
	findings, fetched, err := findings(ctx, s)
	if err != nil {
		return nil, err
	}
	if fetched != "" && j.Disqualify {
		score.Status, score.Reason = eval.OK, "disqualified: "+fetched
		return result(&Detail{Findings: findings})
	}
	g, err := j.prepare(s)
	if err != nil {
		if eval.JudgesFault(err) {
			score.Status, score.High, score.Reason = eval.JudgeFailed, 1, err.Error()
			return result(&Detail{Findings: findings})
		}
		return nil, err
	}
	graded, source, err := g.grade(ctx)
	if err != nil {
		return nil, err
	}
	score.Source, score.Value, score.Low, score.High = source, graded.Score, graded.Low, graded.High
	score.Status = eval.OK
	invalid := ""
	for _, leaf := range graded.Leaves() {
		score.Asked++
		if leaf.Valid {
			score.Valid++
		} else if invalid == "" {
			invalid = leaf.Explanation
		}
	}
	var reasons []string
	if invalid != "" {
		reasons = append(reasons, fmt.Sprintf("%d of %d leaves are not graded, the first: %s", score.Asked-score.Valid, score.Asked, invalid))
	}
	if !j.Variant.CodeDev && s.Reproduction == nil {
		reasons = append(reasons, "reproduce.sh was not run, so nothing that depends on it is met")
	}
	if fetched != "" {
		reasons = append(reasons, fetched)
	}
	reasons = append(reasons, g.cuts...)
	appeals := g.appeals(s.Reproduction)
	if s.AddendaMissing {
		reasons = append(reasons, "graded without addenda that were not fetched")
	}
	score.Reason = appeal.With(strings.Join(reasons, "; "), appeals)
	if !graded.Valid {
		score.Status, score.Value = eval.JudgeFailed, 0
	}
	return result(&Detail{Tree: graded, Findings: findings, Appeals: appeals, Warnings: g.warnings})
}

// findings are the blacklisted addresses in a repository and in the log of its reproduction; fetched sums up those
// that were not only mentioned.
func findings(ctx context.Context, s *eval.Subject) (all []monitor.Finding, fetched string, err error) {
	if s.Blacklist == nil {
		return nil, "", nil
	}
	scan := func(name string, text io.Reader) {
		for f, scanErr := range s.Blacklist.Scan(ctx, name, text) {
			if scanErr != nil {
				err = scanErr
				return
			}
			if f.Kind == monitor.Fetched && fetched == "" {
				fetched = fmt.Sprintf("fetched what is blacklisted: %s:%d has %s", f.File, f.Line, f.Entry)
			}
			all = append(all, f)
		}
	}
	for name, content := range s.Repository.All() {
		if name != "reproduce.log" {
			scan(name, bytes.NewReader(content))
		}
	}
	if s.Reproduction != nil {
		scan("reproduce.log", strings.NewReader(s.Reproduction.Log))
	}
	return all, fetched, err
}

// enter waits until a leaf may be begun; it is false where the context ends before.
func (g *grading) enter(ctx context.Context) bool {
	if g.slots == nil {
		return ctx.Err() == nil
	}
	select {
	case g.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *grading) leave() {
	if g.slots != nil {
		<-g.slots
	}
}

// grade grades all leaves at the same time, as far as there are slots.
func (g *grading) grade(ctx context.Context) (*rubric.Graded, llm.Source, error) {
	var mu sync.Mutex
	grades := make(map[rubric.Path]rubric.Grade)
	source := llm.Source("")
	// What is under way when the evaluation has to end, at the budget for one, is answered and kept.
	var group errgroup.Group
	var ended atomic.Bool
	for path, leaf := range g.root.Leaves() {
		if !g.enter(ctx) {
			break
		}
		if ended.Load() {
			g.leave()
			break
		}
		group.Go(func() error {
			defer g.leave()
			l := &leafGrading{grading: g, node: leaf}
			grade, err := l.grade(ctx)
			if err != nil {
				if !eval.JudgesFault(err) {
					ended.Store(true)
					return err
				}
				grade = rubric.Grade{Explanation: err.Error()}
			}
			if grade.Metadata, err = json.Marshal(&l.leaf); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			grades[path] = grade
			source = eval.Weakest(source, l.source)
			return nil
		})
	}
	if err := cmp.Or(group.Wait(), ctx.Err()); err != nil {
		return nil, "", err
	}
	return rubric.Aggregate(g.root, grades), source, nil
}
