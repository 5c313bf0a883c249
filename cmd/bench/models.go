package main

import (
	"cmp"
	"os"
	"strings"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/recording"
	"papereval/run"
)

const defaultBaseURL = "https://api.openai.com/v1"

// openModel turns a model's name as the user gives it into the model and who answers for it:
// "replay:FILE-OR-DIR", "sim" with or without options, or the name of a model at an OpenAI-compatible endpoint.
// The empty name is the recording that is bundled for a dataset. A recording may hold a model that generates and another one that judges.
func openModel(spec, dataset string, judges bool) (llm.Model, llm.Client, error) {
	var player recording.Answers
	var err error
	path, isReplay := strings.CutPrefix(spec, "replay:")
	switch {
	case isSimulated(spec):
		return openSimulated(spec)
	case spec == "":
		player, err = recording.Bundled(dataset)
	case isReplay:
		if path == "" {
			return llm.Model{}, nil, usagef("--model replay: needs a file or folder, as in replay:answers.jsonl")
		}
		path, options, _ := strings.Cut(path, "?")
		if options != "" {
			return llm.Model{}, nil, usagef("--model %s: a recording has no options", spec)
		}
		player, err = recording.OpenAny(path)
	default:
		model, err := llm.ParseModel(spec)
		if err != nil {
			return llm.Model{}, nil, usage(err)
		}
		base := os.Getenv("OPENAI_BASE_URL")
		if base == "" {
			base = defaultBaseURL
		}
		client := openai.New(base, os.Getenv("OPENAI_API_KEY"), nil)
		model.Endpoint = client.Endpoint()
		return model, client, nil
	}
	if err != nil {
		return llm.Model{}, nil, usage(err)
	}
	about := player.About()
	if judges {
		about.Model, about.Context = cmp.Or(about.Judge, about.Model), cmp.Or(about.JudgeContext, about.Context)
	}
	return llm.Model{Endpoint: player.Endpoint(), Name: about.Model, Context: cmp.Or(about.Context, llm.DefaultContext)}, player, nil
}

// needsKey refuses a run that asks a model over the network with a key that is not set.
func needsKey(r *run.Run) error {
	if os.Getenv("OPENAI_API_KEY") != "" || os.Getenv("OPENAI_BASE_URL") != "" {
		return nil
	}
	if _, err := os.Stat(r.Dir()); err == nil {
		return nil // it was begun, and its answers may be in the ledger: an export's are
	}
	for _, spec := range []string{r.Config.Places.Model, r.Config.Places.JudgeModel} {
		if spec != "" && !strings.HasPrefix(spec, "replay:") && !isSimulated(spec) {
			return usagef("--model %s is asked at %s and needs a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own; without --model the bundled recording answers", spec, defaultBaseURL)
		}
	}
	return nil
}
