package replication

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"papereval/answer"
	"papereval/eval"
	"papereval/llm"
	"papereval/repo"
	"papereval/rubric"
	"papereval/tokens"
)

const (
	mostFiles = 10 // that a leaf is graded by, as published
	maxTries  = 2  // a leaf whose answer cannot be read is asked about again
)

// questions are what a leaf of each category asks for.
var questions = map[rubric.Category]string{
	rubric.CodeDevelopment: "It is about code: is there code in the attempt that implements this, and does so correctly? Instructions, plans and descriptions are no code.",
	rubric.CodeExecution:   "It is about execution: does running `reproduce.sh` carry this out with success?",
	rubric.ResultAnalysis:  "It is about results: has running `reproduce.sh` brought evidence that agrees with this?",
	rubric.Subtree:         "It stands for a whole subtree of the rubric, shown with weights, which count among the criteria of the same indentation below the same criterion: what is the weighted score of all of it?",
}

// leafGrading is one leaf being graded.
type leafGrading struct {
	*grading
	node   *rubric.Node
	leaf   Leaf
	source llm.Source
}

func (l *leafGrading) grade(ctx context.Context) (rubric.Grade, error) {
	if l.node.Category == rubric.ResultAnalysis && !l.touched {
		return rubric.Grade{Valid: true, Explanation: "Running reproduce.sh made and changed no document and no table, so there are no results to analyse."}, nil
	}
	whole := l.node.Category == rubric.Subtree
	task, err := l.task(whole)
	if err != nil {
		return rubric.Grade{}, err
	}
	messages, err := l.read(ctx, task)
	if err != nil {
		return rubric.Grade{}, err
	}
	var unread error
	for try := range maxTries {
		said, err := l.ask(ctx, "grade", messages, l.form("grade", whole), try)
		if err != nil {
			return rubric.Grade{}, err
		}
		v, err := readVerdict(said, whole)
		if err != nil {
			v, err = l.second(ctx, said, whole, try)
		}
		if err == nil {
			l.leaf.Expectations = v.expectations
			return rubric.Grade{Score: v.score, Valid: true, Explanation: v.reality}, nil
		}
		if !errors.Is(err, errUnread) {
			return rubric.Grade{}, err
		}
		unread = err
	}
	return rubric.Grade{Explanation: fmt.Sprintf("%v, %d times", unread, maxTries)}, nil
}

// task is the last message: the criterion and how to grade it.
func (l *leafGrading) task(whole bool) (string, error) {
	var preceding []string
	for _, n := range l.full.Preceding(l.node.Path, l.most) {
		preceding = append(preceding, n.Requirements)
	}
	return l.Prompts.Fill("grade", map[string]any{
		"Preceding": preceding, "Criterion": strings.TrimSpace(l.node.Requirements), "Question": questions[l.node.Category],
		"Whole": whole, "WithLog": !l.Variant.CodeDev && l.node.Category != rubric.CodeDevelopment,
	})
}

// read returns the prompt that grades the leaf. What is shared by most leaves comes first, and files come by their
// paths, so that providers' prompt caches hit.
func (l *leafGrading) read(ctx context.Context, task string) ([]llm.Message, error) {
	before := l.before[l.node.Category]
	intro, err := l.Prompts.Fill("files", map[string]any{"Results": l.node.Category == rubric.ResultAnalysis})
	if err != nil {
		return nil, err
	}
	v := l.views[l.node.Category]
	chosen, err := l.choose(ctx, v, l.room(before, v.tokens, intro, task))
	if err != nil {
		return nil, err
	}
	messages := append(slices.Clone(before.messages), llm.Message{Role: llm.User, Content: intro})
	if len(chosen) == 0 {
		messages = append(messages, llm.Message{Role: llm.User, Content: "(there are none)"})
	}
	for _, f := range chosen {
		messages = append(messages, llm.Message{Role: llm.User, Content: f.text})
	}
	return append(messages, llm.Message{Role: llm.User, Content: task}), nil
}

// room is how many tokens a prompt has left after what it begins with and other texts. Where it is plain that
// so many as are needed fit, the texts are not counted: a token has at least a byte.
func (l *leafGrading) room(begin *prefix, need int, texts ...string) int {
	bytes := begin.bytes
	for _, text := range texts {
		bytes += len(text)
	}
	if need <= l.context-bytes {
		return l.context - bytes
	}
	room := l.context - begin.tokens()
	for _, text := range texts {
		room -= tokens.Count(text)
	}
	return room
}

// choose picks the files that the leaf is graded by: the first ten of the model's ranking, as far as they fit; the
// last one that does not is cut.
func (l *leafGrading) choose(ctx context.Context, v *view, room int) ([]file, error) {
	if len(v.files) == 0 {
		return nil, nil
	}
	ranked, most := v.files, len(v.files)
	if !l.Variant.AllFiles {
		var err error
		if ranked, err = l.rank(ctx, v); err != nil {
			return nil, err
		}
		most = mostFiles
	}
	var chosen []file
	for _, f := range ranked[:min(len(ranked), most)] {
		if f.tokens <= room {
			chosen = append(chosen, f)
			room -= f.tokens
			continue
		}
		if l.Variant.AllFiles {
			continue
		}
		if f, ok := f.cut(room); ok {
			chosen = append(chosen, f)
			l.leaf.Cut = f.path
		}
		break
	}
	slices.SortFunc(chosen, func(a, b file) int { return v.index[a.path] - v.index[b.path] })
	for _, f := range chosen {
		l.leaf.Files = append(l.leaf.Files, f.path)
	}
	return chosen, nil
}

// rank asks the model for the files that matter; those that it does not name are left out. A ranking that names no
// file leaves the order of the paths.
func (l *leafGrading) rank(ctx context.Context, v *view) ([]file, error) {
	task, err := l.Prompts.Fill("rank", map[string]any{"Criterion": strings.TrimSpace(l.node.Requirements), "Most": mostFiles})
	if err != nil {
		return nil, err
	}
	tree, err := l.Prompts.Fill("tree", map[string]any{"Tree": v.list(l.room(l.start, v.listed, task))})
	if err != nil {
		return nil, err
	}
	said, err := l.ask(ctx, "rank", append(slices.Clone(l.start.messages), llm.Message{Role: llm.User, Content: tree}, llm.Message{Role: llm.User, Content: task}), nil, 0)
	if err != nil {
		return nil, err
	}
	var ranked []file
	seen := make(map[string]bool)
	for _, name := range named(said) {
		if i, ok := v.index[name]; ok && !seen[name] {
			seen[name] = true
			ranked = append(ranked, v.files[i])
		}
	}
	if len(ranked) == 0 {
		l.leaf.Ranking = "by path, since the model's ranking names no file"
		return v.files, nil
	}
	return ranked, nil
}

// named are the paths of a ranking, which stand on lines of their own, perhaps as items of a list.
func named(text string) (paths []string) {
	for line := range strings.SplitSeq(answer.Visible(text), "\n") {
		line = strings.Trim(item.ReplaceAllString(strings.TrimSpace(line), ""), "`\"', ")
		if line != "" {
			paths = append(paths, repo.Clean(line))
		}
	}
	return paths
}

var item = regexp.MustCompile(`^(?:[-*+•]|\d{1,3}[.)])\s+`)

// second has the model read an answer that has not the form that was asked for.
func (l *leafGrading) second(ctx context.Context, said string, whole bool, try int) (verdict, error) {
	visible := answer.Visible(said)
	if strings.TrimSpace(visible) == "" {
		return verdict{}, fmt.Errorf("%w: it is empty but for its thoughts", errUnread)
	}
	text, err := l.Prompts.Fill("verdict", map[string]any{"Answer": visible, "Whole": whole})
	if err != nil {
		return verdict{}, err
	}
	parsed, err := l.ask(ctx, "verdict", []llm.Message{{Role: llm.User, Content: text}}, l.form("verdict", false), try)
	if err != nil {
		return verdict{}, err
	}
	return readSecond(parsed, whole)
}

// form is the schema of a prompt's answer, unless the prompt was replaced.
func (l *leafGrading) form(name string, whole bool) *llm.Schema {
	schema := l.Prompts.Schema(name)
	if schema == nil {
		return nil
	}
	if whole {
		name, schema = "subtree", l.Prompts.Schema("subtree")
	}
	return &llm.Schema{Name: name, JSON: schema}
}

// ask asks one question about the leaf.
func (l *leafGrading) ask(ctx context.Context, stage string, messages []llm.Message, form *llm.Schema, try int) (string, error) {
	label := l.label
	label.Stage, label.File, label.Again = stage, string(l.node.Path), try > 0
	sample, err := llm.One(ctx, l.Client, &llm.Request{Model: l.Model, Messages: messages, Schema: form, First: try, Label: label})
	if err != nil {
		return "", err
	}
	l.leaf.Keys = append(l.leaf.Keys, sample.Key)
	l.source = eval.Weakest(l.source, sample.Source)
	return sample.Text, nil
}
