package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"papereval/eval/replication"
	"papereval/ledger"
	"papereval/llm"
	"papereval/reports"
	"papereval/reports/recorded"
	"papereval/rubric"
	"papereval/run"
)

func newJudge(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "judge",
		Short:   "Judge the judges, exchange grades, look for forbidden addresses",
		Example: `  bench judge eval --data paperbench --judge-model o3-mini`,
	}
	c.AddCommand(newJudgeEval(a), newJudgeExport(a), newJudgeImport(a), newJudgeMonitor(a))
	return c
}

func newJudgeEval(a *app) *cobra.Command {
	var (
		flags       runFlags
		where       workspace
		spend       spendFlags
		format      string
		against     []string
		concurrency int
		batched     bool
	)
	c := &cobra.Command{
		Use:   "eval",
		Short: "Compare a judge's grades of submissions with those of people",
		Long: `Eval lets a judge grade PaperBench's graded submissions and compares its grades with those
of people, leaf by leaf: accuracy, and macro averages of precision, recall and F1, overall and
by category, with what the judge could not grade, what it took, and judges that look at
nothing beside it.

Each submission is graded by the rubric that people graded it by, which may be older than
the paper's. Without --judge-model the bundled recording grades the bundled submission; with
--data as well, only the judges that look at nothing are shown. --against compares grades in
files (grade.json, or graded trees) and needs neither model nor submissions.`,
		Example: `  bench judge eval                                       # the bundled submission
  bench judge eval --data paperbench --judge-model o3-mini?reasoning_effort=high --budget 50
  bench judge eval --data paperbench --against theirs/all-in-one.json,theirs/rice.json`,
	}
	flags.registerJudging(c)
	where.register(c)
	spend.register(c)
	c.Flags().IntVar(&concurrency, "concurrency", 64, "calls to a model at the same time, at most: how many it takes is found out")
	registerBatch(c, &batched)
	c.Flags().StringSliceVar(&against, "against", nil, "compare the grades in these `files` with people's, without a model")
	c.Flags().StringVar(&format, "format", string(reports.FormatTable), "of the result: "+list(reports.Formats()))
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		output, err := reports.ParseFormat(format)
		if err != nil {
			return usage(err)
		}
		if concurrency < 1 {
			return usagef("--concurrency %d: at least one call is made at a time", concurrency)
		}
		if err := spend.read(c); err != nil {
			return err
		}
		flags.dataset, flags.systems, flags.seeds = "paperbench", []string{gradedSystem}, []int{0}
		if flags.judgeModel != "" || against != nil {
			if err := fetched(&where, &flags.dataset, &flags.data); err != nil {
				return err
			}
		}
		ds, err := openDataset(flags.dataset, flags.data)
		if err != nil {
			return err
		}
		gold, err := gradedSubmissions(ds, flags.papers)
		if err != nil {
			return err
		}
		e := &judgeEvaluation{gold: gold, codeDev: flags.codeDev}
		if flags.data == "" {
			e.note = "The bundled submission was graded by those who planted its faults."
		}
		switch {
		case against != nil && strings.Join(against, "") == "":
			return usagef("--against names no file")
		case against != nil:
			err = e.read(against)
		case flags.judgeModel == "" && flags.data != "":
			e.note = "No judge: name one with --judge-model, or grades in files with --against."
		default:
			flags.model = flags.judgeModel
			err = e.judge(a, c, &flags, &where, func(r *run.Run) error {
				r.Concurrency = concurrency
				if err := spend.set(r); err != nil {
					return err
				}
				if err := inBatches(r, batched); err != nil {
					return err
				}
				return needsKey(r)
			}, spend.prices)
		}
		if err != nil {
			return err
		}
		tables, err := e.tables()
		if err != nil {
			return err
		}
		if err := reports.Render(a.stdout, output, tables); err != nil {
			return err
		}
		return e.failed
	}
	return c
}

// judgeEvaluation compares grades with people's.
type judgeEvaluation struct {
	gold    []*graded
	codeDev bool
	name    string // of the judge
	note    string

	trees     map[string]*rubric.Graded // the judge's, by paper
	usage     map[string]reports.Usage
	simulated bool
	failed    error // what the judge could not do; the rest is compared
}

// reduced is what people graded of a submission, as far as the judge was asked for it.
func (e *judgeEvaluation) reduced(g *graded) *rubric.Graded {
	if e.codeDev {
		return rubric.Aggregate(g.gold.Node.CodeOnly(), g.gold.Grades())
	}
	return g.gold
}

// read takes the judge's grades from files. Whose paper they are of is told by their trees.
func (e *judgeEvaluation) read(files []string) error {
	e.name, e.trees = "the grades in files", make(map[string]*rubric.Graded)
	for i, file := range files {
		tree, err := readGrades(file)
		if err != nil {
			return usage(err)
		}
		var unlike error
		id, codeDev := "", false
		for _, g := range e.gold {
			if g.gold.Node.ID != tree.Node.ID {
				continue
			}
			if matched, code, err := replication.Match(tree, g.gold.Node); err != nil {
				unlike = err
			} else if e.trees[g.entry.ID] == nil {
				id, codeDev, tree = g.entry.ID, code, matched
				break
			} else {
				unlike = fmt.Errorf("another file has the grades of %s; compare one judge at a time", g.entry.ID)
			}
		}
		switch {
		case id == "" && unlike != nil:
			return usagef("%s: %w", file, unlike)
		case id == "":
			return usagef("%s is of none of the papers that people graded submissions to: its root is %.80q", file, tree.Node.Requirements)
		case i > 0 && codeDev != e.codeDev:
			return usagef("%s and %s are graded by different leaves, all of the rubric and those about code alone: they are different metrics; compare them one after the other", files[0], file)
		}
		e.trees[id], e.codeDev = tree, codeDev
	}
	return nil
}

// readGrades reads a grade.json, or a graded tree alone.
func readGrades(file string) (*rubric.Graded, error) {
	dir, name := filepath.Split(file)
	folder := os.DirFS(filepath.Clean(dir + "."))
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var whole struct {
		Tree json.RawMessage `json:"graded_task_tree"`
	}
	if json.Unmarshal(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), &whole) == nil && whole.Tree != nil {
		j, err := rubric.ReadJudgement(folder, name, rubric.Continuous)
		if err != nil {
			return nil, fmt.Errorf("in %s: %w", dir, err)
		}
		return j.Tree, nil
	}
	tree, err := rubric.ReadGraded(folder, name, rubric.Continuous)
	if err != nil {
		return nil, fmt.Errorf("in %s: %w", dir, err)
	}
	return tree, nil
}

// judge has a model grade the submissions.
func (e *judgeEvaluation) judge(a *app, c *cobra.Command, flags *runFlags, where *workspace, check func(*run.Run) error, prices *llm.Models) (err error) {
	ctx := c.Context()
	for _, name := range flags.evals {
		if _, err := replication.ParseVariant(name); err != nil || len(flags.evals) > 1 {
			return usagef("--eval: one variant of replication is compared with people at a time")
		}
	}
	if flags.disqualify {
		return usagef("--disqualify grades nothing, so there is nothing to compare: leave it out")
	}
	r, l, err := flags.open(c, where, check)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	variant, err := replication.ParseVariant(r.Config.Evaluators[0])
	if err != nil {
		return usage(err)
	}
	if variant.Depth > 0 || variant.Resources {
		return usagef("people graded leaves, all of them: leave out --max-depth and --resources-provided")
	}
	e.codeDev = variant.CodeDev
	totals, told, err := execute(ctx, a, r)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stderr, told)
	e.failed = failures(totals)
	return e.load(ctx, l, r, prices)
}

// load takes the judge's grades from the ledger.
func (e *judgeEvaluation) load(ctx context.Context, l *ledger.Ledger, r *run.Run, prices *llm.Models) error {
	e.name, e.trees, e.usage = r.Config.JudgeModel.LLM().String(), make(map[string]*rubric.Graded), make(map[string]reports.Usage)
	trees, err := gradedTrees(ctx, l, r.Config.ID())
	if err != nil {
		return err
	}
	for _, g := range e.gold {
		// What was not graded at all is not left out: none of its leaves has a valid grade.
		e.trees[g.entry.ID] = rubric.Aggregate(e.reduced(g).Node, nil)
		for _, t := range trees {
			if t.score.Paper != g.entry.ID {
				continue
			}
			matched, _, err := replication.Match(t.tree, g.gold.Node)
			if err != nil {
				return fmt.Errorf("paper %s: %w", g.entry.ID, err)
			}
			e.trees[g.entry.ID] = matched
		}
	}
	loaded, err := recorded.Load(ctx, l, r.Config.ID(), prices)
	if err != nil {
		return err
	}
	for _, cell := range loaded.Cells {
		for _, s := range cell.Scores {
			e.usage[cell.Paper] = s.Usage
			e.simulated = e.simulated || s.Source == string(llm.Simulated)
		}
	}
	return nil
}

// tables are the comparison of the judge and of those that look at nothing, and the submissions one by one.
func (e *judgeEvaluation) tables() ([]reports.Table, error) {
	var rows []reports.Agreement
	var submissions []reports.Graded
	add := func(name string, leaves *replication.Leaves) {
		for _, x := range leaves.Agreements() {
			rows = append(rows, reports.Agreement{Judge: name, Category: string(x.Category), Leaves: x.Asked, Valid: x.Valid, Wrong: x.Wrong})
		}
	}
	if e.trees != nil {
		leaves := &replication.Leaves{}
		for _, g := range e.gold {
			tree := e.trees[g.entry.ID]
			if tree == nil {
				continue
			}
			alone := &replication.Leaves{}
			if err := alone.Add(g.gold, tree); err != nil {
				return nil, fmt.Errorf("paper %s: %w", g.entry.ID, err)
			}
			leaves.Join(alone)
			x := alone.Agreements()[0]
			judged := rubric.Aggregate(tree.Node, tree.Grades())
			people := rubric.Aggregate(tree.Node, g.gold.Grades())
			submissions = append(submissions, reports.Graded{Paper: g.entry.ID, Leaves: x.Asked, Valid: x.Valid.N, People: people.Score,
				Judge: judged.Score, JudgeLow: judged.Low, JudgeHigh: judged.High, JudgeFailed: !judged.Valid, F1: x.Valid.F1, Usage: e.usage[g.entry.ID]})
		}
		add(e.name, leaves)
	}
	random := rand.New(rand.NewPCG(0, 0))
	for _, baseline := range []struct {
		name   string
		answer func() bool
	}{
		{"always met", func() bool { return true }}, {"never met", func() bool { return false }},
		{"random, seed 0", func() bool { return random.IntN(2) == 1 }},
	} {
		leaves := &replication.Leaves{}
		for _, g := range e.gold {
			if e.trees == nil || e.trees[g.entry.ID] != nil {
				leaves.AddAs(e.reduced(g), baseline.answer)
			}
		}
		add(baseline.name, leaves)
	}
	var notes []string
	if e.note != "" {
		notes = append(notes, e.note)
	}
	agreements := reports.Agreements(rows, notes...)
	tables := []reports.Table{agreements}
	if submissions != nil {
		tables = append(tables, reports.GradedSubmissions(submissions))
	}
	if e.simulated {
		for i := range tables {
			tables[i].Banner = "SIMULATED ANSWERS: not a result"
		}
	}
	return tables, nil
}
