package run

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"papereval/datasets"
	"papereval/eval"
	"papereval/generate"
	"papereval/ledger"
	"papereval/llm"
	"papereval/repo"
)

// cell writes and scores one repository and records both.
func (r *Run) cell(ctx context.Context, c Cell, e datasets.Entry, g generate.Generator) error {
	r.Events(Event{Cell: c, What: CellStarted})
	record := ledger.Cell{Run: r.id, Paper: c.Paper, System: c.System, Model: r.Config.Model.LLM().String(), Seed: c.Seed,
		State: ledger.Running, Started: time.Now()}
	if err := r.Ledger.PutCell(ctx, record); err != nil {
		return &LedgerError{err}
	}
	finish := func(state string, failure error) error {
		record.State, record.Finished = state, time.Now()
		record.Elapsed = record.Finished.Sub(record.Started)
		r.mu.Lock()
		r.totals.Cells++
		if failure != nil {
			record.Error = failure.Error()
			r.totals.Failed++
			if r.totals.FirstFailure == "" {
				r.totals.FirstFailure = fmt.Sprintf("%s %s: %v", c.Paper, c.System, failure)
			}
		}
		r.mu.Unlock()
		if err := r.Ledger.PutCell(ctx, record); err != nil {
			return &LedgerError{err}
		}
		r.Events(Event{Cell: c, What: CellDone, Err: failure})
		return nil
	}

	var history []repo.Commit
	tree, failure := r.generate(ctx, c, e, g, &history)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if stop := stops(failure); stop != nil {
		return stop
	}
	if tree != nil {
		kept, err := export(filepath.Join(r.Dir(), c.folder(r.Config.Model.LLM())), history, failure)
		if err != nil {
			return &WorkspaceError{err}
		}
		if kept != "" {
			failure = fmt.Errorf("%w; the answer is kept in %s", failure, kept)
		}
		digest, err := r.Ledger.PutBlob(ctx, tree.Encode())
		if err != nil {
			return &LedgerError{err}
		}
		record.Tree = digest
	}
	state := ledger.Done
	if failure != nil {
		if !systemsFault(failure) {
			return finish(ledger.Broken, failure)
		}
		state, tree = ledger.Failed, nil
	}
	scores, err := r.evaluate(ctx, c, e, tree)
	if stop := stops(err); stop != nil {
		return stop
	}
	if err != nil {
		return finish(ledger.Broken, err)
	}
	if err := r.Ledger.PutScores(ctx, r.id, scores); err != nil {
		return &LedgerError{err}
	}
	return finish(state, failure)
}

// generate runs the system; history, where it is not nil, gets a commit per step.
func (r *Run) generate(ctx context.Context, c Cell, e datasets.Entry, g generate.Generator, history *[]repo.Commit) (*repo.Tree, error) {
	p, err := r.withAddendum(e)
	if err != nil {
		return nil, err
	}
	label := llm.Label{Run: r.id, Paper: c.Paper, System: c.System, Seed: c.Seed}
	return g.Generate(ctx, &generate.Task{Paper: p, Client: r.calls, Model: r.Config.Model.LLM(), Label: label, Prompts: r.Prompts,
		Step: func(s generate.Step) {
			if history == nil {
				return
			}
			*history = append(*history, commit(s))
			label := label
			label.Stage, label.File = s.Stage, s.File
			r.Events(Event{Cell: c, What: StepDone, Label: label})
		}})
}

func commit(s generate.Step) repo.Commit {
	message := s.Stage
	if s.File != "" {
		message += ": " + s.File
	}
	if s.Note != "" {
		message += "\n\n" + s.Note
	}
	return repo.Commit{Message: message, Tree: s.Tree}
}

// export writes the repository, and beside it the answer that a failed stage could not use, whose file it
// returns.
func export(dir string, history []repo.Commit, failure error) (kept string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	target := filepath.Join(dir, "repo")
	if len(history) > 0 {
		err = repo.WriteHistory(target, history)
	} else { // a system that failed at its first step has none; one of an earlier execution is not this one's
		err = os.RemoveAll(target)
	}
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "unusable-answer.txt")
	var stage *generate.StageError
	if errors.As(failure, &stage) && stage.Answer != "" {
		return file, os.WriteFile(file, []byte(stage.Answer), 0o644)
	}
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return "", nil
}

// systemsFault tells a system that failed from a call that did: a system is judged by what the model wrote,
// not by the weather.
func systemsFault(err error) bool {
	var stage *generate.StageError
	if !errors.As(err, &stage) {
		return false
	}
	switch llm.KindOf(err) {
	case llm.Length, llm.Empty, llm.Filtered, llm.PromptTooLong:
		return true
	}
	return stage.Unusable
}

// evaluate asks all evaluators at the same time; a nil tree is a system that wrote no repository.
func (r *Run) evaluate(ctx context.Context, c Cell, e datasets.Entry, tree *repo.Tree) ([]ledger.Score, error) {
	if len(r.Config.Evaluators) == 0 {
		return nil, nil
	}
	subject, err := r.subject(e)
	if err != nil {
		return nil, err
	}
	subject.Repository = tree
	if r.Reproduction != nil && tree != nil {
		if subject.Reproduction, err = r.Reproduction(ctx, c); err != nil {
			return nil, err
		}
	}
	subject.Slots = r.slots
	subject.Label = llm.Label{Run: r.id, Paper: c.Paper, System: c.System, Seed: c.Seed}
	evaluators := r.Evaluators(r.calls)
	results := make([][]ledger.Score, len(evaluators))
	// Not cancelled by each other: what one evaluator gets answered is kept for the next try.
	var group errgroup.Group
	for i, evaluator := range evaluators {
		group.Go(func() error {
			result, err := evaluator.Evaluate(ctx, subject)
			if over := r.overBudget(c); over != nil {
				return over // what the judge makes of that is no judgement
			}
			if err != nil {
				return fmt.Errorf("evaluator %s: %w", evaluator.Name(), err)
			}
			r.Events(Event{Cell: c, What: Scored, Label: llm.Label{Evaluator: evaluator.Name()}, Scores: result.Scores})
			results[i], err = r.records(ctx, c, evaluator.Name(), result, r.provenance(subject))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []ledger.Score
	for _, scores := range results {
		all = append(all, scores...)
	}
	return all, nil
}

// provenance is what a score rests on besides the calls, which its detail names.
func (r *Run) provenance(s *eval.Subject) map[string]any {
	p := map[string]any{
		"bench":    r.Version,
		"dataset":  r.Config.Dataset,
		"revision": r.Config.Revision,
		"paper": map[string]any{
			"form": s.Paper.Form, "text": fmt.Sprintf("%x", sha256.Sum256([]byte(s.Paper.Text()))), "warnings": s.Paper.Warnings,
		},
		"judge":   r.Config.JudgeModel,
		"prompts": r.Config.Prompts,
	}
	if s.Repository != nil {
		p["repository"] = s.Repository.Digest()
	}
	if s.Reference != nil {
		p["reference"] = s.Reference.Digest()
	}
	if s.Rubric != nil {
		p["addenda"] = fmt.Sprintf("%x", sha256.Sum256([]byte(s.Addendum+"\x00"+s.JudgeAddendum)))
	}
	return p
}

// records makes ledger records of an evaluator's result.
func (r *Run) records(ctx context.Context, c Cell, evaluator string, result *eval.Result, provenance map[string]any) ([]ledger.Score, error) {
	from, err := json.Marshal(provenance)
	if err != nil {
		return nil, err
	}
	detail, err := json.Marshal(result.Detail)
	if err != nil {
		return nil, err
	}
	blob, err := r.Ledger.PutBlob(ctx, detail)
	if err != nil {
		return nil, &LedgerError{err}
	}
	var records []ledger.Score
	for _, s := range result.Scores {
		values, err := json.Marshal(s.Samples)
		if err != nil {
			return nil, err
		}
		records = append(records, ledger.Score{Paper: c.Paper, System: c.System, Model: r.Config.Model.LLM().String(), Seed: c.Seed,
			Evaluator: evaluator, Metric: s.Metric, JudgeModel: r.Config.JudgeModel.LLM().String(),
			Status: string(s.Status), Source: string(s.Source), Value: s.Value, Asked: s.Asked, Valid: s.Valid,
			Low: s.Low, High: s.High, Shown: s.Shown, Files: s.Files, Reason: s.Reason,
			Samples: string(values), Detail: blob, Provenance: string(from)})
		if s.Status == eval.JudgeFailed {
			r.mu.Lock()
			r.totals.JudgesFailed++
			if r.totals.FirstFailure == "" {
				r.totals.FirstFailure = fmt.Sprintf("%s %s %s: %s", c.Paper, c.System, evaluator, s.Reason)
			}
			r.mu.Unlock()
		}
	}
	return records, nil
}
