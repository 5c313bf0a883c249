package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/datasets/paper2code"
	"papereval/datasets/paperbench"
	"papereval/eval/judge"
	"papereval/eval/replication"
	"papereval/generate"
	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/recording"
	"papereval/paper"
	"papereval/prompt"
	"papereval/run"
)

// runFlags say what a run is made of.
type runFlags struct {
	dataset, split, data, paperForm string
	papers, systems, without, evals []string
	model, judgeModel, prompts      string
	samples, maxDepth               int
	codeDev, provided, unaddended   bool
	disqualify                      bool
	seeds                           []int
	run                             string
}

func (f *runFlags) register(c *cobra.Command) {
	flags := c.Flags()
	f.registerJudging(c)
	flags.StringVar(&f.dataset, "dataset", "paper2code", "the set of papers: "+strings.Join(datasetNames, ", "))
	flags.StringVar(&f.split, "split", "", "a named part of the dataset: all, demo; of paper2code iclr, icml, neurips, oral, poster; of paperbench dev, debug, human, lite, testing (default: all)")
	flags.StringVar(&f.paperForm, "paper-form", "", "how papers are read: latex, markdown, raw, pdf, cleaned (default: for each paper the first of these that is there)")
	flags.StringSliceVar(&f.systems, "system", nil, "the systems: papercoder, paper, or papercoder without stages, as in papercoder-analysis (default: papercoder; with the bundled recording all that it holds)")
	flags.StringSliceVar(&f.without, "without", nil, "`stages` to switch off in every system: overall-plan, architecture, logic, config, analysis")
	flags.StringVar(&f.model, "model", "", "who generates: the `name` of a model at OPENAI_BASE_URL, with options as in o3-mini?reasoning_effort=high (also temperature, max_tokens, context), replay:FILE-OR-FOLDER, or sim, the simulated model, with options as `bench sim --help` has them (default: the bundled recording)")
	flags.IntVar(&f.samples, "samples", judge.DefaultSamples, "independent answers of the judges refbased and reffree; with the bundled recording 3")
	flags.IntSliceVar(&f.seeds, "seeds", []int{0}, "a repository is generated for each of these `numbers`")
	flags.StringVar(&f.run, "run", "", "an existing run by its `id` or the beginning of it, instead of the flags above")
}

// registerJudging has the flags that say who judges what, and how.
func (f *runFlags) registerJudging(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.data, "data", "", "the dataset's `folder` (default, with a model: what was pulled or added under its name; or else the bundled papers, split demo)")
	flags.StringSliceVar(&f.papers, "papers", nil, "only these papers, by `id`, separated by commas")
	flags.StringVar(&f.judgeModel, "judge-model", "", "who judges (default: the same as --model)")
	flags.BoolVar(&f.codeDev, "code-dev", false, "replication by the rubric's leaves about code alone, PaperBench Code-Dev; with the bundled recording it is always so")
	flags.IntVar(&f.maxDepth, "max-depth", 0, "replication that grades a rubric's subtrees as wholes at this `depth`, the root's being 1 (default: leaf by leaf)")
	flags.BoolVar(&f.provided, "resources-provided", false, "replication without the leaves about acquiring data sets and models")
	flags.BoolVar(&f.disqualify, "disqualify", false, "a replication that fetches what is blacklisted for its paper scores 0, ungraded; without it the scores say so")
	flags.BoolVar(&f.unaddended, "allow-missing-addenda", false, "work on papers whose addenda were not fetched, and mark their scores")
	flags.StringVar(&f.prompts, "prompts", "", "a `folder` of prompts that replace those of the same relative path")
	flags.StringSliceVar(&f.evals, "eval", nil, "the evaluators: refbased, reffree, replication, replication-all-files (it shows all files that fit, unranked), or none (default: refbased,reffree for paper2code, replication for paperbench)")
}

// frozenFlags are those that --run takes the place of.
var frozenFlags = []string{"dataset", "data", "split", "papers", "paper-form", "system", "without", "model", "judge-model", "eval", "code-dev", "max-depth", "resources-provided", "allow-missing-addenda", "disqualify", "samples", "seeds", "prompts"}

// demoSystems and demoSamples are what the bundled recordings answer.
var demoSystems = map[string][]string{"paper2code": {"papercoder", "papercoder-analysis", "paper"}, "paperbench": {"papercoder", "paper"}}

const demoSamples = 3

// usualEvaluators are those of a dataset.
var usualEvaluators = map[string][]string{"paper2code": {"refbased", "reffree"}, "paperbench": {"replication"}}

// config reads a run's configuration from the flags, or, with --run, from the workspace.
func (f *runFlags) config(ctx context.Context, c *cobra.Command, w *workspace, l *ledger.Ledger) (*run.Config, error) {
	if f.run != "" {
		for _, name := range frozenFlags {
			if c.Flags().Changed(name) {
				return nil, usagef("--run names a run whose configuration is frozen: leave out --%s, or leave out --run to start another", name)
			}
		}
		found, err := l.Run(ctx, f.run)
		if err != nil {
			return nil, usage(err)
		}
		config, err := run.Load(filepath.Join(w.dir, "runs", found.ID))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("run %s has no folder in %s: it was imported, and can only be reported", found.ID, w.dir)
		}
		return config, err
	}
	if f.model != "" && f.split != demoSplit {
		if err := fetched(w, &f.dataset, &f.data); err != nil {
			return nil, err
		}
	}
	if f.model == "" {
		if f.data != "" {
			return nil, usagef("--data needs --model: the bundled recording answers only for the bundled papers. Name a model (--model o3-mini, with OPENAI_API_KEY set) or a recording (--model replay:FILE)")
		}
		if !c.Flags().Changed("samples") {
			f.samples = demoSamples
		}
		f.codeDev = f.codeDev || !c.Flags().Changed("code-dev") && !slices.Contains(f.systems, gradedSystem)
	}
	if f.systems == nil {
		if f.systems = []string{"papercoder"}; f.model == "" && f.without == nil {
			f.systems = demoSystems[f.dataset]
		}
	}
	if f.judgeModel == "" {
		f.judgeModel = f.model
	}
	if slices.Equal(f.systems, []string{gradedSystem}) {
		f.model = f.judgeModel // nobody generates
	}
	if f.evals == nil {
		f.evals = slices.Clone(usualEvaluators[f.dataset])
	}
	if slices.Equal(f.evals, []string{"none"}) {
		f.evals = nil
	}
	if err := f.variants(c); err != nil {
		return nil, err
	}
	if f.samples < 1 {
		return nil, usagef("--samples %d: a judge is asked at least once", f.samples)
	}
	for _, seed := range f.seeds {
		if seed < 0 {
			return nil, usagef("--seeds %d: a seed is a number from 0", seed)
		}
	}
	if f.paperForm != "" && !slices.Contains(paper.Forms(), paper.Form(f.paperForm)) {
		return nil, usagef("--paper-form %s: there are %s", f.paperForm, list(paper.Forms()))
	}
	places := run.Places{Model: f.model, JudgeModel: f.judgeModel}
	var err error
	for _, path := range []struct{ to, from *string }{{&places.Data, &f.data}, {&places.Prompts, &f.prompts}} {
		if *path.from != "" {
			if *path.to, err = filepath.Abs(*path.from); err != nil {
				return nil, err
			}
		}
	}
	for _, spec := range []*string{&places.Model, &places.JudgeModel} {
		if path, ok := strings.CutPrefix(*spec, "replay:"); ok && path != "" {
			if path, err = filepath.Abs(path); err != nil {
				return nil, err
			}
			*spec = "replay:" + path
		}
	}
	slices.Sort(f.seeds)
	slices.Sort(f.evals)
	return &run.Config{Dataset: f.dataset, PaperForm: f.paperForm, Systems: f.systems, Samples: f.samples,
		Seeds: slices.Compact(f.seeds), Evaluators: slices.Compact(f.evals), AllowMissingAddenda: f.unaddended, Disqualify: f.disqualify, Places: places}, nil
}

// variants puts what the flags say of the replication judge into the evaluators' names. Where nobody else judges,
// there are no samples.
func (f *runFlags) variants(c *cobra.Command) error {
	if f.maxDepth < 0 || f.maxDepth > 99 {
		return usagef("--max-depth %d: a depth lies between 1, the root's, and 99; 0 is none", f.maxDepth)
	}
	found := 0
	for i, name := range f.evals {
		v, err := replication.ParseVariant(name)
		if err != nil {
			continue
		}
		found++
		v.CodeDev, v.Resources = v.CodeDev || f.codeDev, v.Resources || f.provided
		if f.maxDepth > 0 {
			v.Depth = f.maxDepth
		}
		f.evals[i] = v.String()
	}
	if found == len(f.evals) && found > 0 && !c.Flags().Changed("samples") {
		f.samples = 1
	}
	if found == 0 {
		for _, name := range []string{"code-dev", "max-depth", "resources-provided"} {
			if c.Flags().Changed(name) {
				return usagef("--%s is about the evaluator replication, which is not asked for: add --eval replication", name)
			}
		}
	}
	return nil
}

// prepare makes a run of a configuration: it finds what the configuration names, and fills in what identifies
// it or checks that it still is what it was.
func prepare(config *run.Config, split string, ids, without []string) (*run.Run, error) {
	frozen := config.Revision != ""
	before := config.ID()
	r := &run.Run{Version: version(), Endpoints: make(map[string]llm.Client)}

	folders := prompts()
	if config.Places.Prompts != "" {
		var err error
		if folders, err = prompt.Replace(os.DirFS(config.Places.Prompts), folders); err != nil {
			return nil, usagef("--prompts %s: %w", config.Places.Prompts, err)
		}
	}
	config.Prompts = make(map[string]string)
	for _, f := range folders {
		config.Prompts[f.Path] = f.Digest()
	}
	r.Prompts = find(folders, generate.Prompts())

	ds, err := openDataset(config.Dataset, config.Places.Data)
	if err != nil {
		return nil, err
	}
	if frozen {
		split, ids = "", nil
		for _, p := range config.Papers {
			ids = append(ids, p.ID)
		}
	}
	if r.Papers, err = datasets.Select(ds, split, ids); err != nil {
		return nil, usage(err)
	}
	if len(r.Papers) == 0 {
		return nil, usagef("there is no paper to work on in the split %q", split)
	}
	given := slices.Contains(config.Systems, gradedSystem)
	if given && len(config.Systems) > 1 {
		return nil, usagef("the system %s stands alone: its papers have rubrics of their own", gradedSystem)
	}
	if given {
		if err := useGraded(r, ds, ids); err != nil {
			return nil, err
		}
	}
	if config.Revision, err = ds.Revision(); err != nil {
		return nil, usage(err)
	}
	config.Papers = nil
	for _, e := range r.Papers {
		config.Papers = append(config.Papers, run.Paper{ID: e.ID, Title: e.Title, Venue: e.Venue, Presentation: e.Presentation})
	}

	var names []string
	for _, name := range config.Systems {
		if name == gradedSystem {
			names = append(names, name)
			continue
		}
		g, err := newSystem(name, without, folders)
		if err != nil {
			return nil, usage(err)
		}
		if !slices.Contains(names, g.Name()) {
			names = append(names, g.Name())
			r.Generators = append(r.Generators, g)
		}
	}
	config.Systems = names

	for _, name := range config.Evaluators {
		if err := checkEvaluator(name); err != nil {
			return nil, err
		}
	}
	for _, m := range []struct {
		spec   string
		to     *run.Model
		judges bool
	}{{config.Places.Model, &config.Model, false}, {config.Places.JudgeModel, &config.JudgeModel, true}} {
		model, client, err := openModel(m.spec, config.Dataset, m.judges)
		if err != nil {
			return nil, err
		}
		if _, ok := client.(*recording.Transcript); ok && len(r.Papers) > 1 {
			return nil, usagef("--model %s holds the answers for one paper, and %d are selected: name it with --papers", m.spec, len(r.Papers))
		}
		*m.to = run.Model(model)
		r.Endpoints[model.Endpoint] = beside(r.Endpoints[model.Endpoint], client)
	}

	r.Evaluators = newEvaluators(config, folders)

	if frozen && config.ID() != before {
		return nil, usagef("run %s cannot go on: what its run.yaml names (papers, prompts, models) is no longer what it was; undo the change, or start another run without --run", before)
	}
	r.Config = *config
	return r, nil
}

// datasetNames are the datasets that openDataset knows.
var datasetNames = []string{"paper2code", "paperbench"}

func openDataset(name, dir string) (datasets.Dataset, error) {
	switch {
	case name == "paper2code" && dir == "":
		return paper2code.Demo()
	case name == "paperbench" && dir == "":
		return paperbench.Demo()
	}
	var ds datasets.Dataset
	var err error
	switch name {
	case "paper2code":
		ds, err = paper2code.Open(dir)
	case "paperbench":
		ds, err = paperbench.Open(dir)
	default:
		return nil, usagef("unknown dataset %q; there are %s", name, strings.Join(datasetNames, ", "))
	}
	if err != nil {
		return nil, usage(err)
	}
	return ds, nil
}

func list[T ~string](names []T) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	return strings.Join(parts, ", ")
}

// workspace is the folder of the ledger and the runs.
type workspace struct{ dir string }

func (w *workspace) register(c *cobra.Command) {
	dir := os.Getenv("BENCH_WORKSPACE")
	if dir == "" {
		dir = ".bench"
	}
	c.Flags().StringVar(&w.dir, "workspace", dir, "the `folder` that keeps answers and results (BENCH_WORKSPACE)")
}

// open opens the workspace's ledger; one that does not exist is made only where make is true.
func (w *workspace) open(ctx context.Context, create bool) (*ledger.Ledger, error) {
	if _, err := os.Stat(filepath.Join(w.dir, "ledger.db")); err != nil && !create {
		return nil, usagef("there is no workspace in %s yet: `bench run` makes one, --workspace names another", w.dir)
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, fmt.Errorf("the workspace: %w; choose another with --workspace", err)
	}
	return ledger.Open(ctx, w.dir)
}
