package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"papereval/eval"
	"papereval/eval/judge"
	"papereval/eval/refbased"
	"papereval/eval/reffree"
	"papereval/eval/replication"
	"papereval/generate"
	"papereval/generate/baseline"
	"papereval/generate/papercoder"
	"papereval/llm"
	"papereval/llm/sim"
	"papereval/prompt"
	"papereval/run"
)

// prompts are the prompt folders of all packages that ask a model.
func prompts() []prompt.Folder {
	return []prompt.Folder{generate.Prompts(), papercoder.Prompts(), baseline.Prompts(), judge.Prompts(), refbased.Prompts(), reffree.Prompts(), replication.Prompts()}
}

// answerers are the simulated model's answers to the prompts of all these packages, and to anything else.
func answerers(seed uint64) []sim.Answerer {
	return []sim.Answerer{papercoder.Simulated(seed), baseline.Simulated(seed), judge.Simulated(seed), replication.Simulated(seed), sim.Anything(seed)}
}

// find returns the folder that replaces one of the bundled ones.
func find(folders []prompt.Folder, bundled prompt.Folder) prompt.Folder {
	i := slices.IndexFunc(folders, func(f prompt.Folder) bool { return f.Path == bundled.Path })
	return folders[i]
}

var errUnknownSystem = errors.New("there are papercoder, paper, and papercoder with stages switched off, such as papercoder-analysis")

// newSystem makes the generator of that name, which may name stages that are switched off:
// "papercoder-analysis-config". More stages to switch off may be given.
func newSystem(name string, without []string, folders []prompt.Folder) (generate.Generator, error) {
	base, rest, _ := strings.Cut(name, "-")
	var stages []generate.Stage
	switch base {
	case "papercoder":
		stages = papercoder.Stages()
	case "paper":
	default:
		return nil, fmt.Errorf("unknown system %q: %w", name, errUnknownSystem)
	}
	off, err := stagesOf(rest, stages)
	if err != nil {
		return nil, fmt.Errorf("unknown system %q: %w", name, err)
	}
	off = append(off, without...)
	if base == "paper" {
		return baseline.NewPaper(find(folders, baseline.Prompts()), off...)
	}
	return papercoder.New(find(folders, papercoder.Prompts()), off...)
}

// stagesOf splits "overall-plan-config" into stages; their names hold hyphens, too.
func stagesOf(rest string, stages []generate.Stage) ([]string, error) {
	var off []string
	for rest != "" {
		i := slices.IndexFunc(stages, func(s generate.Stage) bool { return rest == s.Name || strings.HasPrefix(rest, s.Name+"-") })
		if i < 0 {
			if stages == nil {
				return nil, errUnknownSystem
			}
			return nil, fmt.Errorf("%q begins with no stage; %w", rest, errUnknownSystem)
		}
		off = append(off, stages[i].Name)
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, stages[i].Name), "-")
	}
	return off, nil
}

// checkEvaluator refuses the name of an evaluator that there is not.
func checkEvaluator(name string) error {
	if name == "refbased" || name == "reffree" {
		return nil
	}
	if _, err := replication.ParseVariant(name); strings.HasPrefix(name, "replication") && err != nil {
		return usage(err)
	} else if err != nil {
		return usagef("unknown evaluator %q; there are refbased, reffree, replication, and none", name)
	}
	return nil
}

// newEvaluators makes the evaluators of a run around a client.
func newEvaluators(config *run.Config, folders []prompt.Folder) func(llm.Client) []eval.Evaluator {
	names, model, disqualify := config.Evaluators, config.JudgeModel.LLM(), config.Disqualify
	return func(client llm.Client) []eval.Evaluator {
		settings := judge.Judge{Shared: find(folders, judge.Prompts()), Client: client, Model: model, Samples: config.Samples}
		var all []eval.Evaluator
		for _, name := range names {
			switch name {
			case "refbased":
				all = append(all, refbased.New(find(folders, refbased.Prompts()), settings))
			case "reffree":
				all = append(all, reffree.New(find(folders, reffree.Prompts()), settings))
			default:
				if variant, err := replication.ParseVariant(name); err == nil { // it was checked
					all = append(all, &replication.Judge{Variant: variant, Prompts: find(folders, replication.Prompts()), Client: client, Model: model, Disqualify: disqualify})
				}
			}
		}
		return all
	}
}
