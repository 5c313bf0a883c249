package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/eval/replication"
	"papereval/ledger"
	"papereval/llm"
	"papereval/rubric"
	"papereval/run"
)

// gradedTree is a tree that a score of the ledger rests on.
type gradedTree struct {
	score ledger.Score
	tree  *rubric.Graded
}

// gradedTrees are those of a run.
func gradedTrees(ctx context.Context, l *ledger.Ledger, id string) ([]gradedTree, error) {
	scores, err := l.Scores(ctx, id)
	if err != nil {
		return nil, err
	}
	var trees []gradedTree
	for _, s := range scores {
		if _, err := replication.ParseVariant(s.Evaluator); err != nil || s.Detail == "" {
			continue
		}
		blob, err := l.Blob(ctx, s.Detail)
		if err != nil {
			return nil, err
		}
		var detail struct {
			Tree json.RawMessage `json:"tree"`
		}
		if err := json.Unmarshal(blob, &detail); err != nil {
			return nil, fmt.Errorf("what the score of %s by %s rests on: %w", s.Paper, s.System, err)
		}
		if len(detail.Tree) == 0 || string(detail.Tree) == "null" {
			continue // nothing was graded
		}
		tree, err := rubric.DecodeGraded(s.Paper+" by "+s.System, detail.Tree, rubric.Continuous)
		if err != nil {
			return nil, err
		}
		trees = append(trees, gradedTree{s, tree})
	}
	return trees, nil
}

func newJudgeExport(a *app) *cobra.Command {
	var where workspace
	var id, out string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a run's grades in PaperBench's format",
		Long: `Export writes a file EVALUATOR/PAPER/SYSTEM--SEED/grade.json for each repository that was graded by a
rubric, in the format of the published program. A leaf without a valid grade stands there with
valid_score false; the score of a node leaves such leaves out, where the published program
counts them as 0.`,
		Example: `  bench judge export -o grades               # of the latest run
  bench judge export --run 3fa2 -o grades`,
	}
	where.register(c)
	c.Flags().StringVar(&id, "run", "", "the run's `id` or the beginning of it (default: the latest)")
	c.Flags().StringVarP(&out, "output", "o", "", "the `folder` to write to")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if out == "" {
			return usagef("-o names the folder to write to")
		}
		ctx := c.Context()
		l, err := where.open(ctx, false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		found, err := l.Run(ctx, id)
		if err != nil {
			return usage(err)
		}
		trees, err := gradedTrees(ctx, l, found.ID)
		if err != nil {
			return err
		}
		if len(trees) == 0 {
			return usagef("run %s has no grades by a rubric", found.ID)
		}
		rows, err := l.Usage(ctx, found.ID)
		if err != nil {
			return err
		}
		for _, t := range trees {
			j := &rubric.Judgement{Judge: "simple", GradedAt: found.Created.UTC().Format("2006-01-02T15-04-05-GMT"), Tree: t.tree, Usage: map[string]rubric.Usage{}}
			for _, r := range rows {
				s := t.score
				if r.Paper == s.Paper && r.System == s.System && r.Model == s.Model && r.Seed == s.Seed && r.Evaluator == s.Evaluator {
					u := j.Usage[r.CallModel]
					j.Usage[r.CallModel] = rubric.Usage{In: u.In + r.Prompt, Out: u.Out + r.Completion}
				}
			}
			data, err := json.MarshalIndent(j, "", "    ")
			if err != nil {
				return err
			}
			system := t.score.System + "--" + strconv.Itoa(t.score.Seed)
			file := filepath.Join(out, t.score.Evaluator, run.FolderName(t.score.Paper), run.FolderName(system), "grade.json")
			if err := cmp.Or(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, append(data, '\n'), 0o644)); err != nil {
				return err
			}
		}
		fmt.Fprintf(a.stderr, "%d grades are in %s.\n", len(trees), out)
		return nil
	}
	return c
}

func newJudgeImport(a *app) *cobra.Command {
	var where workspace
	var data, system, judgeModel string
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take grades in PaperBench's format into the tables",
		Long: `Import reads grades from elsewhere (grade.json, or graded trees) as a run of its own, whose
tables ` + "`bench report`" + ` prints. Which paper a file is of is told by the rubrics of the dataset;
several files of one paper are its seeds, in the order in which they are named. Scores are
summed up anew: a leaf without a valid grade is not 0 but widens the bounds.`,
		Example: `  bench judge import --data paperbench --system their-agent --judge-model o3-mini grades/*/grade.json`,
		Args:    cobra.MinimumNArgs(1),
	}
	where.register(c)
	c.Flags().StringVar(&data, "data", "", "the dataset's `folder` (default: what was pulled or added under its name, or else the bundled papers)")
	c.Flags().StringVar(&system, "system", "", "the `name` of the system that was graded")
	c.Flags().StringVar(&judgeModel, "judge-model", "unknown", "the `name` of the model that graded")
	c.RunE = func(c *cobra.Command, files []string) (err error) {
		if system == "" {
			return usagef("--system names the system that was graded")
		}
		ds, err := openFetched(&where, "paperbench", &data)
		if err != nil {
			return err
		}
		imports, err := readImports(ds, files)
		if err != nil {
			return usage(err)
		}
		config, err := imports.config(ds, data, system, judgeModel)
		if err != nil {
			return err
		}
		l, err := where.open(c.Context(), true)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		if err := imports.store(c.Context(), l, config); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "Run %s: %d grades taken in. Next: bench report --run %s\n", config.ID(), len(imports), config.ID())
		return nil
	}
	return c
}

// imports are grades from elsewhere.
type imports []imported

type imported struct {
	paper datasets.Entry
	seed  int
	tree  *rubric.Graded
	code  bool // only leaves about code
	file  string
}

func readImports(ds datasets.Dataset, files []string) (imports, error) {
	type known struct {
		entry datasets.Entry
		root  *rubric.Node
	}
	papers := make(map[string][]known) // by the id of the root, which several rubrics may share
	for _, e := range ds.Papers() {
		if e.Rubric == "" {
			continue
		}
		root, err := rubric.Read(e.FS, e.Rubric)
		if err != nil {
			return nil, fmt.Errorf("paper %s: %w", e.ID, err)
		}
		papers[root.ID] = append(papers[root.ID], known{e, root})
	}
	seeds := make(map[string]int)
	var all imports
	for _, file := range files {
		tree, err := readGrades(file)
		if err != nil {
			return nil, err
		}
		if papers[tree.Node.ID] == nil {
			return nil, fmt.Errorf("%s is of no paper of the dataset %s: its root is %.80q; name the dataset's folder with --data", file, ds.Name(), tree.Node.Requirements)
		}
		var in imported
		var unlike error
		for _, p := range papers[tree.Node.ID] {
			matched, code, err := replication.Match(tree, p.root)
			if err != nil {
				unlike = err
				continue
			}
			in = imported{paper: p.entry, seed: seeds[p.entry.ID], file: file, code: code, tree: rubric.Aggregate(matched.Node, matched.Grades())}
		}
		if in.tree == nil {
			return nil, fmt.Errorf("%s: %w", file, unlike)
		}
		if len(all) > 0 && all[0].code != in.code {
			return nil, fmt.Errorf("%s and %s are graded by different leaves, all of the rubric and those about code alone: they are different metrics; import them one after the other", all[0].file, file)
		}
		seeds[in.paper.ID]++
		all = append(all, in)
	}
	return all, nil
}

func (all imports) evaluator() string { return replication.Variant{CodeDev: all[0].code}.String() }

// config is that of a run that would have brought these grades.
func (all imports) config(ds datasets.Dataset, data, system, judge string) (*run.Config, error) {
	revision, err := ds.Revision()
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	for _, in := range all {
		if err := json.NewEncoder(digest).Encode(in.tree); err != nil {
			return nil, err
		}
	}
	config := &run.Config{Dataset: ds.Name(), Revision: revision, Grades: fmt.Sprintf("%x", digest.Sum(nil)), Systems: []string{system}, Samples: 1, Evaluators: []string{all.evaluator()},
		Model: run.Model{Endpoint: "imported", Name: system}, JudgeModel: run.Model{Endpoint: "imported", Name: judge}}
	if data != "" {
		if config.Places.Data, err = filepath.Abs(data); err != nil {
			return nil, err
		}
	}
	for _, in := range all {
		p := run.Paper{ID: in.paper.ID, Title: in.paper.Title, Venue: in.paper.Venue}
		if !slices.Contains(config.Papers, p) {
			config.Papers = append(config.Papers, p)
		}
		if !slices.Contains(config.Seeds, in.seed) {
			config.Seeds = append(config.Seeds, in.seed)
		}
	}
	return config, nil
}

func (all imports) store(ctx context.Context, l *ledger.Ledger, config *run.Config) error {
	content, err := config.YAML()
	if err != nil {
		return err
	}
	id, now := config.ID(), time.Now()
	if err := l.PutRun(ctx, ledger.Run{ID: id, Config: content, Created: now}); err != nil {
		return err
	}
	var scores []ledger.Score
	for _, in := range all {
		system, model := config.Systems[0], config.Model.LLM().String()
		if err := l.PutCell(ctx, ledger.Cell{Run: id, Paper: in.paper.ID, System: system, Model: model, Seed: in.seed, State: ledger.Done, Started: now, Finished: now}); err != nil {
			return err
		}
		detail, err := json.Marshal(&replication.Detail{Tree: in.tree})
		if err != nil {
			return err
		}
		blob, err := l.PutBlob(ctx, detail)
		if err != nil {
			return err
		}
		s := ledger.Score{Paper: in.paper.ID, System: system, Model: model, Seed: in.seed, Evaluator: all.evaluator(), Metric: all.evaluator(),
			JudgeModel: config.JudgeModel.LLM().String(), Status: "ok", Source: string(llm.Imported), Value: in.tree.Score, Low: in.tree.Low, High: in.tree.High,
			Samples: "[]", Detail: blob, Provenance: `{"imported":true}`}
		if !in.tree.Valid {
			s.Status = "judge-failed"
		}
		leaves, invalid := in.tree.CountLeaves()
		s.Asked, s.Valid = leaves, leaves-invalid
		scores = append(scores, s)
	}
	return l.PutScores(ctx, id, scores)
}
