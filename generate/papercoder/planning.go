package papercoder

import (
	"context"
	"strings"

	"papereval/answer"
	"papereval/generate"
	"papereval/llm"
)

// plan holds the conversation of the planning stages: each turn sees the paper and the turns before it.
func (w *work) plan(ctx context.Context) error {
	w.known.Paper = strings.TrimSpace(w.task.Paper.Text())
	talk := []llm.Message{{Role: llm.System, Content: w.prompts.Text("planning-system")}}
	paper, err := w.prompts.Fill("paper", w.known.Paper)
	if err != nil {
		return err
	}

	step := 0
	turn := func(stage string, use func(string) error) (string, error) {
		step++
		question, err := w.prompts.Fill(stage, struct {
			Step int
			known
		}{step, w.known})
		if err != nil {
			return "", err
		}
		if len(talk) == 1 {
			question = paper + "\n\n" + question
		}
		talk = append(talk, llm.Message{Role: llm.User, Content: question})
		text, err := generate.Ask(ctx, w.task, talk, stage, "", use)
		talk = append(talk, llm.Message{Role: llm.Assistant, Content: text})
		return text, err
	}

	if w.on(OverallPlan) {
		if w.known.Plan, err = turn(OverallPlan, func(string) error { return nil }); err != nil {
			return err
		}
		w.step(OverallPlan, "", w.known.Plan)
	}
	if w.on(Architecture) {
		var design *design
		if w.known.Architecture, err = turn(Architecture, func(text string) (err error) {
			design, err = readArchitecture(text)
			return err
		}); err != nil {
			return err
		}
		w.toWrite = design.files
		w.step(Architecture, "", w.known.Architecture)
	}
	if w.on(Logic) {
		var design *design
		if w.known.Logic, err = turn(Logic, func(text string) (err error) {
			design, err = readLogic(text)
			return err
		}); err != nil {
			return err
		}
		w.toWrite, w.purpose = design.files, design.purpose
		if err := w.tree.Put(requirementsFile, []byte(strings.Join(design.packages, "\n")+"\n")); err != nil {
			return err
		}
		w.step(Logic, "", w.known.Logic)
	}
	if w.on(Config) {
		if _, err = turn(Config, func(text string) (err error) {
			w.known.Config, err = answer.YAML(text)
			return err
		}); err != nil {
			return err
		}
		if err := w.tree.Put(configFile, []byte(w.known.Config)); err != nil {
			return err
		}
		w.step(Config, configFile, "")
	}
	return nil
}
