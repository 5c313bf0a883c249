package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/datasets/paper2code"
	"papereval/eval/judge"
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
	samples                         int
	seeds                           []int
	run                             string
}

func (f *runFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.dataset, "dataset", "paper2code", "the set of papers: paper2code")
	flags.StringVar(&f.data, "data", "", "the dataset's `folder`; without it the bundled papers, split demo")
	flags.StringVar(&f.split, "split", "", "a named part of the dataset: all, iclr, icml, neurips, oral, poster, demo (default: all that is there)")
	flags.StringSliceVar(&f.papers, "papers", nil, "only these papers, by `id`, separated by commas")
	flags.StringVar(&f.paperForm, "paper-form", "", "how papers are read: latex, markdown, raw, pdf, cleaned (default: for each paper the first of these that is there)")
	flags.StringSliceVar(&f.systems, "system", nil, "the systems: papercoder, paper, or papercoder without stages, as in papercoder-analysis (default: papercoder; with the bundled recording all that it holds)")
	flags.StringSliceVar(&f.without, "without", nil, "`stages` to switch off in every system: overall-plan, architecture, logic, config, analysis")
	flags.StringVar(&f.model, "model", "", "who generates: the `name` of a model at OPENAI_BASE_URL, with options as in o3-mini?reasoning_effort=high (also temperature, max_tokens, context), replay:FILE-OR-FOLDER, or sim, the simulated model, with options as `bench sim --help` has them (default: the bundled recording)")
	flags.StringVar(&f.judgeModel, "judge-model", "", "who judges (default: the same as --model)")
	flags.StringSliceVar(&f.evals, "eval", evaluatorNames, "the evaluators: refbased, reffree, or none")
	flags.IntVar(&f.samples, "samples", judge.DefaultSamples, "independent answers of each judge; with the bundled recording 3")
	flags.IntSliceVar(&f.seeds, "seeds", []int{0}, "a repository is generated for each of these `numbers`")
	flags.StringVar(&f.prompts, "prompts", "", "a `folder` of prompts that replace those of the same relative path")
	flags.StringVar(&f.run, "run", "", "an existing run by its `id` or the beginning of it, instead of the flags above")
}

// frozenFlags are those that --run takes the place of.
var frozenFlags = []string{"dataset", "data", "split", "papers", "paper-form", "system", "without", "model", "judge-model", "eval", "samples", "seeds", "prompts"}

// demoSystems and demoSamples are what the bundled recording answers.
var demoSystems = []string{"papercoder", "papercoder-analysis", "paper"}

const demoSamples = 3

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
		return run.Load(filepath.Join(w.dir, "runs", found.ID))
	}
	if f.model == "" {
		if f.data != "" {
			return nil, usagef("--data needs --model: the bundled recording answers only for the bundled papers. Name a model (--model o3-mini, with OPENAI_API_KEY set) or a recording (--model replay:FILE)")
		}
		if !c.Flags().Changed("samples") {
			f.samples = demoSamples
		}
	}
	if f.systems == nil {
		if f.systems = []string{"papercoder"}; f.model == "" && f.without == nil {
			f.systems = demoSystems
		}
	}
	if f.judgeModel == "" {
		f.judgeModel = f.model
	}
	if slices.Equal(f.evals, []string{"none"}) {
		f.evals = nil
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
		Seeds: slices.Compact(f.seeds), Evaluators: slices.Compact(f.evals), Places: places}, nil
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
		split, ids = "all", nil
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
	if config.Revision, err = ds.Revision(); err != nil {
		return nil, usage(err)
	}
	config.Papers = nil
	for _, e := range r.Papers {
		config.Papers = append(config.Papers, run.Paper{ID: e.ID, Title: e.Title, Venue: e.Venue, Presentation: e.Presentation})
	}

	var names []string
	for _, name := range config.Systems {
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
		if !slices.Contains(evaluatorNames, name) {
			return nil, usagef("unknown evaluator %q; there are %s, and none", name, strings.Join(evaluatorNames, ", "))
		}
	}
	for _, m := range []struct {
		spec   string
		to     *run.Model
		judges bool
	}{{config.Places.Model, &config.Model, false}, {config.Places.JudgeModel, &config.JudgeModel, true}} {
		model, client, err := openModel(m.spec, m.judges)
		if err != nil {
			return nil, err
		}
		if _, ok := client.(*recording.Transcript); ok && len(r.Papers) > 1 {
			return nil, usagef("--model %s holds the answers for one paper, and %d are selected: name it with --papers", m.spec, len(r.Papers))
		}
		*m.to = run.Model(model)
		r.Endpoints[model.Endpoint] = beside(r.Endpoints[model.Endpoint], client)
	}

	r.Evaluators = newEvaluators(config.Evaluators, config.JudgeModel.LLM(), config.Samples, folders)

	if frozen && config.ID() != before {
		return nil, usagef("run %s cannot go on: what its run.yaml names (papers, prompts, models) is no longer what it was; undo the change, or start another run without --run", before)
	}
	r.Config = *config
	return r, nil
}

func openDataset(name, dir string) (datasets.Dataset, error) {
	if name != "paper2code" {
		return nil, usagef("unknown dataset %q; there is paper2code", name)
	}
	if dir == "" {
		return paper2code.Demo()
	}
	ds, err := paper2code.Open(dir)
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
