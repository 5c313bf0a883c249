package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"papereval/datasets"
	"papereval/eval"
	"papereval/ledger"
	"papereval/llm"
	"papereval/repo"
	"papereval/tokens"
)

// What an estimate assumes, in tokens. The answers are the means of the published run of PaperCoder by o3-mini on one
// paper (its cost_info.log and planning_response.json; of the coding stage the same with its 7 files), reasoning
// included; visible is what of them later prompts hold. Two figures come from elsewhere: the whole repository in one
// answer is the median of the recording that bench bundles, and a judge's answer is an eighth of the one judgement of
// 8 samples that the log has.
const (
	assumedFiles     = 7
	assumedPrompt    = 400 // a prompt of a system, without paper and earlier answers
	assumedWhole     = 7_590
	assumedJudge     = 3_546
	assumedCode      = 2_900 // a file of the repository
	judgePrompt      = 800
	judgeAnswerSpace = 25_000 // of its context that a judge leaves for its answer: see package judge
)

type assumedAnswer struct{ completion, visible int }

var assumedAnswers = map[string]assumedAnswer{
	"overall-plan": {5_366, 2_998},
	"architecture": {2_051, 835},
	"logic":        {1_973, 757},
	"config":       {3_295, 671},
	"analysis":     {4_080, 1_776},
	"coding":       {7_772, assumedCode},
}

// Estimate is what a run will take, by what its papers hold and what earlier runs took.
type Estimate struct {
	Rows []EstimateRow // in the order of the systems and their stages, then the evaluators
	// Assumptions are what the numbers rest on, for people.
	Assumptions []string
}

// EstimateRow is a stage of a system or an evaluation of it, over all papers and seeds.
type EstimateRow struct {
	System, Evaluator, Stage string // Evaluator is empty for generating, Stage for evaluating
	Model                    llm.Model
	Calls                    int // answers that are still to be asked for
	Known                    int // answers that are in the ledger
	Usage                    llm.Usage
	Price                    llm.Price
	Batched                  bool // asked for in batches, at half the price
}

// CostUSD is what the answers cost that are still to be asked for; ok is false where the price is not known.
func (r *EstimateRow) CostUSD() (usd float64, ok bool) {
	return r.Price.Cost(r.Usage, r.Batched)
}

// Total sums rows; ok is false where a price is not known: then usd is what the others cost.
func (e *Estimate) Total() (calls int, u llm.Usage, usd float64, ok bool) {
	ok = true
	for _, r := range e.Rows {
		calls += r.Calls
		u = u.Add(r.Usage)
		cost, known := r.CostUSD()
		usd += cost
		ok = ok && (known || r.Calls == 0)
	}
	return calls, u, usd, ok
}

// need is what one stage of one cell takes.
type need struct {
	evaluator, stage   string
	calls              int
	prompt, completion int // of all calls together
}

// foresees is an evaluator that knows what it will ask about a repository whose files have so many tokens.
type foresees interface {
	Foresee(s *eval.Subject, files, tokens int) ([]eval.Need, error)
}

// Estimate says what the run will take. What this run has in the ledger already is subtracted; what it will find
// there of other runs is not. The ledger may be nil.
func (r *Run) Estimate(ctx context.Context) (*Estimate, error) {
	r.readPapers()
	known, err := r.answered(ctx)
	if err != nil {
		return nil, err
	}
	e := &Estimate{}
	rows := map[[3]string]*EstimateRow{}
	var order [][3]string
	for _, entry := range r.Papers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := r.papers[entry.ID]()
		if err != nil {
			return nil, err
		}
		paper := tokens.Count(strings.TrimSpace(p.Text()))
		gold := r.goldTokens(entry)
		foreseen, err := r.foreseen(entry)
		if err != nil {
			return nil, err
		}
		for _, g := range r.Generators {
			var stages []string
			for _, s := range g.Stages() {
				stages = append(stages, s.Name)
			}
			needs := slices.Concat(generating(stages, paper), r.judging(paper, gold), foreseen)
			for _, seed := range r.Config.Seeds {
				for _, n := range needs {
					key := [3]string{g.Name(), n.evaluator, n.stage}
					row := rows[key]
					if row == nil {
						model := r.Config.Model.LLM()
						if n.evaluator != "" {
							model = r.Config.JudgeModel.LLM()
						}
						row = &EstimateRow{System: g.Name(), Evaluator: n.evaluator, Stage: n.stage, Model: model, Price: r.prices().PriceOf(model),
							Batched: r.Batch != nil && r.Batch.Endpoints[model.Endpoint] != nil}
						rows[key] = row
						order = append(order, key)
					}
					n.addTo(row, known(Cell{entry.ID, g.Name(), seed}, n))
				}
			}
		}
	}
	for _, key := range order {
		e.Rows = append(e.Rows, *rows[key])
	}
	e.Assumptions = []string{
		fmt.Sprintf("Papers%s have their real token counts. Assumed: %d files a repository; answers as long as those of o3-mini in the published run of PaperCoder, reasoning included; no part of a prompt cached; no failed tries.",
			map[bool]string{true: " and the authors' repositories"}[slices.Contains(r.Config.Evaluators, "refbased")], assumedFiles),
		"A judge's prompt counts once for each sample, as reasoning models are asked; models that give several answers to one prompt cost less. What the replication judge answers is guessed.",
		fmt.Sprintf("Prices: %s (%s).", r.prices().Date, r.prices().Source),
	}
	if slices.ContainsFunc(e.Rows, func(row EstimateRow) bool { return row.Batched }) {
		e.Assumptions = append(e.Assumptions, "With --batch: half the price. What a batch does not answer is asked for singly, at the full price.")
	}
	return e, nil
}

// addTo adds what is left of a need where some of its answers are known.
func (n need) addTo(row *EstimateRow, known int) {
	left := n.calls - known
	row.Calls += left
	row.Known += known
	row.Usage.Prompt += n.prompt * left / n.calls
	row.Usage.Completion += n.completion * left / n.calls
}

// generating is what a system takes for a paper of that many tokens. Its stages are told by their names: each sees
// the paper and the answers of the stages before it, and where an earlier stage names the files, analysis and coding
// take a call for each.
func generating(stages []string, paper int) []need {
	var needs []need
	seen := paper + assumedPrompt // what a prompt holds
	files := 0
	for _, stage := range stages {
		a, ok := assumedAnswers[stage]
		if !ok {
			a = assumedAnswers["overall-plan"]
		}
		n := need{stage: stage, calls: 1, prompt: seen, completion: a.completion}
		switch {
		case stage == "coding" && files == 0:
			n.completion = assumedWhole
		case stage == "coding": // each file sees those before it
			n.calls, n.prompt, n.completion = files, files*seen+files*(files-1)/2*assumedCode, files*a.completion
		case stage == "analysis" && files == 0:
			continue
		case stage == "analysis":
			n.calls, n.prompt, n.completion = files, files*seen, files*a.completion
			seen += a.visible // that of the file alone
		default:
			seen += a.visible + assumedPrompt
		}
		if stage == "architecture" || stage == "logic" {
			files = assumedFiles
		}
		needs = append(needs, n)
	}
	return needs
}

// judging is what the evaluators take for a paper of that many tokens.
func (r *Run) judging(paper, gold int) []need {
	var needs []need
	for _, name := range r.Config.Evaluators {
		if name != "refbased" && name != "reffree" {
			continue // it foresees itself
		}
		prompt := paper + judgePrompt + assumedFiles*assumedCode
		if name == "refbased" {
			if gold == 0 {
				continue // it is skipped
			}
			prompt += gold
		}
		if window := r.Config.JudgeModel.Context; window > 0 {
			prompt = min(prompt, window-min(judgeAnswerSpace, window/4))
		}
		needs = append(needs, need{evaluator: name, stage: "judge", calls: r.Config.Samples,
			prompt: r.Config.Samples * prompt, completion: r.Config.Samples * assumedJudge})
	}
	return needs
}

// foreseen is what those evaluators take that know it themselves.
func (r *Run) foreseen(e datasets.Entry) ([]need, error) {
	var needs []need
	for _, evaluator := range r.Evaluators(nil) {
		f, ok := evaluator.(foresees)
		if !ok {
			continue
		}
		s, err := r.subject(e)
		if err != nil {
			return nil, err
		}
		stages, err := f.Foresee(s, assumedFiles, assumedCode)
		if err != nil {
			return nil, err
		}
		for _, n := range stages {
			needs = append(needs, need{evaluator.Name(), n.Stage, n.Calls, n.Prompt, n.Completion})
		}
	}
	return needs, nil
}

// goldTokens counts the authors' repository as a judge is shown it; 0 where it is not at hand.
func (r *Run) goldTokens(e datasets.Entry) int {
	if !slices.Contains(r.Config.Evaluators, "refbased") {
		return 0
	}
	tree, err := reference(e)
	if err != nil || tree == nil {
		return 0 // the run will say why
	}
	shown, _ := repo.Judged(tree)
	n := 0
	for _, f := range shown {
		n += tokens.Count(f.Text)
	}
	return n
}

// answered returns how many answers of a need are in the ledger.
func (r *Run) answered(ctx context.Context) (func(Cell, need) int, error) {
	type use struct {
		Cell
		evaluator, stage string
	}
	uses := map[use]int{}
	done := map[Cell]bool{}
	if r.Ledger != nil {
		rows, err := r.Ledger.Usage(ctx, r.Config.ID())
		if err != nil {
			return nil, err
		}
		for _, u := range rows {
			uses[use{Cell{u.Paper, u.System, u.Seed}, u.Evaluator, u.Stage}] += u.Calls
		}
		cells, err := r.Ledger.Cells(ctx, r.Config.ID())
		if err != nil {
			return nil, err
		}
		for _, c := range cells {
			done[Cell{c.Paper, c.System, c.Seed}] = c.State == ledger.Done || c.State == ledger.Failed
		}
	}
	return func(c Cell, n need) int {
		if done[c] {
			return n.calls
		}
		return min(n.calls, uses[use{c, n.evaluator, n.stage}])
	}, nil
}
