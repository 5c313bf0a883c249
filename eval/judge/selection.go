package judge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"papereval/answer"
	"papereval/eval"
	"papereval/eval/appeal"
	"papereval/llm"
	"papereval/prompt"
	"papereval/repo"
	"papereval/tokens"
)

// Selection is what a judge was shown of a repository.
type Selection struct {
	Files []string `json:"files"` // every file that passes the filter of [repo.Judged]
	// Left are the files of these that did not fit the judge's context. Where there are any, Ranking says
	// how the others were chosen.
	Left    []string `json:"left,omitempty"`
	Ranking string   `json:"ranking,omitempty"`
	// Warnings are about files that are not shown, or not shown as they are.
	Warnings []string `json:"warnings,omitempty"`
	// Appeals are lines that address the judge.
	Appeals []appeal.Finding `json:"appeals,omitempty"`

	files []shown
}

// shown is a file as the judge sees it.
type shown struct {
	path, text string
	tokens     int
}

func newSelection(tree *repo.Tree) *Selection {
	sources, skipped := repo.Judged(tree)
	s := &Selection{Files: []string{}}
	for _, source := range sources {
		s.Files = append(s.Files, source.Path)
		text := "## File name: " + source.Path + "\n\n" + prompt.Fence("", source.Text) + "\n"
		s.files = append(s.files, shown{source.Path, text, tokens.Count(text)})
		s.Appeals = append(s.Appeals, appeal.Find(source.Path, source.Text)...)
		if source.Warning != "" {
			s.Warnings = append(s.Warnings, source.Path+": "+source.Warning)
		}
	}
	for _, file := range skipped {
		s.Warnings = append(s.Warnings, file.Path+": not shown: "+file.Reason)
	}
	return s
}

func (s *Selection) tokens() int {
	sum := 0
	for _, f := range s.files {
		sum += f.tokens
	}
	return sum
}

func (s *Selection) render() string {
	var b strings.Builder
	for i, f := range s.files {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.text)
	}
	return b.String()
}

// counts are the files shown and the files there are, of both repositories.
func (d *Detail) counts() (shown, all int) {
	for _, s := range []*Selection{d.Target, d.Reference} {
		if s != nil {
			shown += len(s.files)
			all += len(s.Files)
		}
	}
	return shown, all
}

// answerTokens is the room that is left for the judge's answer, reasoning included: what OpenAI advises for
// its reasoning models, and at most a quarter of the context.
const answerTokens = 25_000

// fit reduces the repositories to what the model's context holds beside the paper. Each may take half of the
// room and what the other leaves.
func (j *Judge) fit(ctx context.Context, s *eval.Subject, d *Detail, paper string) error {
	room := j.Model.Context - min(answerTokens, j.Model.Context/4) - tokens.Count(j.Prompt) - tokens.Count(paper)
	target, gold := d.Target.tokens(), 0
	if d.Reference != nil {
		gold = d.Reference.tokens()
	}
	if target+gold <= room {
		return nil
	}
	if room <= 0 {
		return fmt.Errorf("%w of %d tokens: the paper takes all of it", eval.ErrNoRoom, j.Model.Context)
	}
	targetRoom := max(room/2, room-gold)
	if gold == 0 {
		targetRoom = room
	}
	if err := j.choose(ctx, s, d.Target, paper, "rank", targetRoom); err != nil {
		return err
	}
	if d.Reference != nil {
		return j.choose(ctx, s, d.Reference, paper, "rank-reference", room-d.Target.tokens())
	}
	return nil
}

// choose keeps the files of a repository that fit, the most relevant first.
func (j *Judge) choose(ctx context.Context, s *eval.Subject, sel *Selection, paper, stage string, room int) error {
	if sel.tokens() <= room {
		return nil
	}
	ranks, err := j.rank(ctx, s, sel, paper, stage)
	if err != nil && !errors.As(err, new(unranked)) {
		return err // no answer came: what is judged must not depend on that
	}
	sel.Ranking = "by the judge's model, by relevance"
	if err != nil {
		sel.Ranking = fmt.Sprintf("by path, since the model did not rank them: %v", err)
	}
	byRank := slices.Clone(sel.files)
	slices.SortStableFunc(byRank, func(a, b shown) int { return cmp.Compare(rankOf(ranks, a.path), rankOf(ranks, b.path)) })
	keep := make(map[string]bool)
	for _, f := range byRank {
		if f.tokens <= room {
			room -= f.tokens
			keep[f.path] = true
		}
	}
	if len(keep) == 0 {
		return fmt.Errorf("%w: no file of the repository fits the %d tokens that are left for it", eval.ErrNoRoom, room)
	}
	sel.files = slices.DeleteFunc(sel.files, func(f shown) bool {
		if !keep[f.path] {
			sel.Left = append(sel.Left, f.path)
		}
		return !keep[f.path]
	})
	return nil
}

// rank asks the model for the order of relevance of the files.
func (j *Judge) rank(ctx context.Context, s *eval.Subject, sel *Selection, paper, stage string) (map[string]int, error) {
	var list strings.Builder
	for _, f := range sel.files {
		fmt.Fprintf(&list, "- %s (%d)\n", f.path, f.tokens)
	}
	label := s.Label
	label.Evaluator, label.Stage = j.Evaluator, stage
	sample, err := llm.One(ctx, j.Client, &llm.Request{
		Model:    j.Model,
		Messages: []llm.Message{{Role: llm.User, Content: strings.NewReplacer("{{Paper}}", paper, "{{Files}}", list.String()).Replace(j.Shared.Text("rank"))}},
		Schema:   form("ranking", j.Shared.Schema("rank")),
		Label:    label,
	})
	if err != nil {
		return nil, err
	}
	obj, _, err := answer.Object(sample.Text)
	if err != nil {
		return nil, unranked{err}
	}
	raw, ok := answer.Lookup(obj, "files", "file list", "ranking")
	if !ok {
		raw = json.RawMessage("null")
	}
	ranks := make(map[string]int)
	for i, name := range answer.Strings(raw) {
		if name = repo.Clean(name); ranks[name] == 0 {
			ranks[name] = i + 1
		}
	}
	if len(ranks) == 0 {
		return nil, unranked{errors.New("its answer names no file")}
	}
	return ranks, nil
}

// unranked is a ranking that cannot be read.
type unranked struct{ error }

// rankOf puts files that the model did not name behind those that it did.
func rankOf(ranks map[string]int, path string) int {
	if r, ok := ranks[path]; ok {
		return r
	}
	return len(ranks) + 1
}
