package replication

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"papereval/eval"
	"papereval/eval/appeal"
	"papereval/llm"
	"papereval/rubric"
	"papereval/tokens"
)

// grading is one repository being graded.
type grading struct {
	*Judge
	label      llm.Label
	slots      chan struct{}               // see [eval.Subject]
	root, full *rubric.Node                // what is graded, and the same before subtrees were made leaves
	most       int                         // preceding criteria; 0 for all
	context    int                         // tokens for a prompt
	start      *prefix                     // of all prompts: what to do, and the paper
	before     map[rubric.Category]*prefix // of those that grade
	views      map[rubric.Category]*view
	touched    bool // the reproduction left something to analyse

	mu       sync.Mutex
	warnings []string
	cuts     []string // what of the paper and the log is not shown
}

// prefix is what prompts begin with.
type prefix struct {
	messages []llm.Message
	bytes    int
	tokens   func() int // counted when it is first asked for: mostly the bytes tell enough
}

// with is the prefix with one more message.
func (p *prefix) with(role llm.Role, text string) *prefix {
	count := func() int { return p.tokens() + tokens.Count(text) }
	return &prefix{append(slices.Clone(p.messages), llm.Message{Role: role, Content: text}), p.bytes + len(text), sync.OnceValue(count)}
}

// How a prompt's tokens are shared out.
const (
	// answerTokens is the room that is left for the answer, reasoning included: what OpenAI advises for its reasoning
	// models, and at most a quarter of the context. The published program leaves 10,000.
	answerTokens = 25_000
	// leastTokens is what paper and log leave for everything else, as published.
	leastTokens = 5_000
)

// mostPreceding bounds the preceding criteria of papers with very large rubrics, as published.
func mostPreceding(paper string) int {
	if paper == "pinn" {
		return 5
	}
	return 0
}

func (g *grading) warn(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.warnings, text) {
		g.warnings = append(g.warnings, text)
	}
}

// prepare reads everything that leaves share.
func (j *Judge) prepare(s *eval.Subject) (*grading, error) {
	whole := j.Variant
	whole.Depth = 0
	g := &grading{Judge: j, label: s.Label, slots: s.Slots, full: whole.Reduce(s.Rubric), root: j.Variant.Reduce(s.Rubric),
		most: mostPreceding(s.Paper.ID), context: j.Model.Context - min(answerTokens, j.Model.Context/4),
		before: make(map[rubric.Category]*prefix), views: make(map[rubric.Category]*view)}
	g.label.Evaluator = j.Name()

	paper := strings.TrimSpace(s.Paper.Text())
	addenda := strings.TrimSpace(strings.TrimSpace(s.Addendum) + "\n\n" + strings.TrimSpace(s.JudgeAddendum))
	if room := g.context - tokens.Count(addenda) - leastTokens; len(paper) > room && tokens.Count(paper) > room { // a token has at least a byte
		if room <= 0 {
			return nil, fmt.Errorf("%w of %d tokens for paper %s with its addenda; use a judge with a larger one", eval.ErrNoRoom, j.Model.Context, s.Paper.ID)
		}
		paper = tokens.First(paper, room) + unshown
		g.cuts = append(g.cuts, "the paper was cut to fit the judge's context")
	}
	shared, err := j.Prompts.Fill("paper", map[string]string{"Paper": paper, "Addenda": addenda})
	if err != nil {
		return nil, err
	}
	g.start = (&prefix{tokens: func() int { return 0 }}).with(llm.System, j.Prompts.Text("system")).with(llm.User, shared)

	script, log := "", ""
	if content, ok := s.Repository.Get("reproduce.sh"); ok && !j.Variant.CodeDev {
		script = readable(content, g.warn)
	}
	if s.Reproduction != nil && !j.Variant.CodeDev {
		room := min(j.Model.Context/2, g.context-g.start.tokens()-tokens.Count(script)-leastTokens)
		log = g.shorten(fold(s.Reproduction.Log), room)
		for name := range s.Reproduction.Touched {
			ext := path.Ext(name)
			g.touched = g.touched || (documents[ext] || tables[ext]) && shown(name, rubric.ResultAnalysis, s.Reproduction)
		}
	}
	read := reader(g.warn)
	for _, category := range append(rubric.Categories(), rubric.Subtree) {
		g.before[category] = g.start
		if !j.Variant.CodeDev {
			text, err := j.Prompts.Fill("reproduction", map[string]any{"Script": script, "Log": log, "WithLog": category != rubric.CodeDevelopment})
			if err != nil {
				return nil, err
			}
			g.before[category] = g.start.with(llm.User, text)
		}
		g.views[category] = newView(s.Repository, category, s.Reproduction, read)
	}
	return g, nil
}

// appeals are the lines that address the judge in files that may be shown, and in the log.
func (g *grading) appeals(r *eval.Reproduction) (found []appeal.Finding) {
	if r != nil {
		found = appeal.Find("reproduce.log", r.Log)
	}
	for _, f := range g.views[rubric.Subtree].files {
		found = append(found, appeal.Find(f.path, f.content)...)
	}
	return found
}

// shorten leaves out the middle of a log that has more tokens than there is room for.
func (g *grading) shorten(log string, room int) string {
	if tokens.Count(log) <= room {
		return log
	}
	g.cuts = append(g.cuts, "the log of the reproduction was cut to fit the judge's context")
	lines := strings.SplitAfter(log, "\n")
	var head, tail []string
	for left := room / 2; len(lines) > 0; lines = lines[1:] {
		if left -= tokens.Count(lines[0]); left < 0 {
			break
		}
		head = append(head, lines[0])
	}
	for left := room / 2; len(lines) > 0; lines = lines[:len(lines)-1] {
		if left -= tokens.Count(lines[len(lines)-1]); left < 0 {
			break
		}
		tail = append(tail, lines[len(lines)-1])
	}
	if head == nil && tail == nil {
		return tokens.First(log, room) + unshown
	}
	slices.Reverse(tail)
	return strings.Join(head, "") + fmt.Sprintf("[%d lines are not shown]\n", len(lines)) + strings.Join(tail, "")
}
