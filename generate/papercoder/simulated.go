package papercoder

import (
	"encoding/json"
	"fmt"
	"strings"

	"papereval/generate"
	"papereval/llm"
	"papereval/llm/sim"
	"papereval/repo"
)

// Simulated answers PaperCoder's bundled prompts for the simulated model: with designs of a few files that are
// named after the paper's key terms, and with code that has functions for them. The more a prompt has been
// prepared (plan, designs, analysis), the more of the terms are there.
func Simulated(seed uint64) sim.Answerer {
	common := &generate.Simulated{Seed: seed}
	return sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		t, ok := common.Task(req)
		if !ok {
			return "", false
		}
		w := &simulated{t, req}
		// The stages by what their prompts ask for; a prompt of the user's that lacks it is not known.
		for _, stage := range []struct {
			mark   string
			answer func(rest string) string
		}{
			{": the overall plan\n", w.plan},
			{": the architecture\n", w.architecture},
			{": the logic of each file\n", w.logic},
			{": the configuration\n", w.config},
			{"# Your task: analyse ", w.analysis},
			{"# Your task: write the repository\n", func(string) string { return t.Repository(w.prepared()) }},
			{"# Your task: write ", w.code},
		} {
			if i := strings.LastIndex(t.Question, stage.mark); i >= 0 {
				return stage.answer(t.Question[i+len(stage.mark):]), true
			}
		}
		return "", false
	})
}

type simulated struct {
	*generate.SimulatedTask
	req *llm.Request
}

// prepared is how likely the code has any of the paper's terms.
func (w *simulated) prepared() float64 {
	p := 0.4
	for mark, more := range map[string]float64{"<overall-plan>\n": 0.1, "<architecture>\n": 0.05, "<logic>\n": 0.1, "<analysis file=": 0.2} {
		if strings.Contains(w.Question, mark) {
			p += more
		}
	}
	return p
}

// designed are the files that the designs so far name: in the conversation, or in the prompt.
func (w *simulated) designed() []string {
	texts := []string{}
	for _, block := range []string{"logic", "architecture"} {
		if text, ok := sim.Between(w.Question, "<"+block+">\n", "\n</"+block+">"); ok {
			texts = append(texts, text)
		}
	}
	for _, m := range w.req.Messages {
		if m.Role == llm.Assistant {
			texts = append(texts, m.Content)
		}
	}
	for _, text := range texts {
		for _, read := range []func(string) (*design, error){readLogic, readArchitecture} {
			if d, err := read(text); err == nil {
				return d.files
			}
		}
	}
	return w.Files()
}

func (w *simulated) plan(string) string {
	var b strings.Builder
	b.WriteString("# The overall plan (by a simulated model)\n\n## The method\n\n")
	for i, term := range w.Terms[:min(12, len(w.Terms))] {
		fmt.Fprintf(&b, "%d. %s: compute it as the paper says, before what depends on it.\n", i+1, term)
	}
	b.WriteString("\n## The experiments\n\nEvery experiment is run with three seeds; the measurements are means.\n\n## What is open\n\nNothing that matters.\n")
	return b.String()
}

func form(v any) string {
	data, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		panic(err) // strings always can be encoded
	}
	return "[CONTENT]\n" + string(data) + "\n[/CONTENT]\n"
}

func (w *simulated) architecture(string) string {
	files := w.Files()
	classes, flow := "classDiagram", "sequenceDiagram\n    participant main"
	for _, f := range files[:len(files)-1] {
		name := strings.TrimSuffix(f, ".py")
		classes += "\n    class " + name + " {\n        +run(values: list) list\n    }\n    main --> " + name
		flow += "\n    main->>" + name + ": run(values)\n    " + name + "-->>main: values"
	}
	return form(map[string]any{
		"Implementation approach": "Plain Python about " + strings.Join(w.Terms[:3], ", ") + "; every step is a function (by a simulated model).",
		"File list":               files, "Data structures and interfaces": classes, "Program call flow": flow, "Anything UNCLEAR": "Nothing.",
	})
}

func (w *simulated) logic(string) string {
	files := w.designed()
	var analysis [][2]string
	for _, f := range files {
		text := "Calls run of every other file, in order."
		if f != "main.py" {
			text = "Functions compute_TERM for " + strings.Join(w.Covered(f, files, 1), ", ") + "; run calls them in order."
		}
		analysis = append(analysis, [2]string{f, text})
	}
	return form(map[string]any{
		"Required packages": []string{}, "Required Other language third-party packages": []string{"No third-party dependencies required"},
		"Logic Analysis": analysis, "Task list": files, "Full API spec": "",
		"Shared Knowledge": "Values are lists of float.", "Anything UNCLEAR": "Nothing.",
	})
}

func (w *simulated) config(string) string {
	random := w.Random("config")
	text := fmt.Sprintf("## config.yaml, by a simulated model\nexperiment:\n  seed: %d\n  points: %d\nmodel:\n", random.IntN(100), 16+random.IntN(64))
	for _, term := range w.Terms[:3] {
		text += fmt.Sprintf("  %s_size: %d\n", term, 1<<(3+random.IntN(6)))
	}
	return generate.Code(configFile, "yaml", text)
}

func (w *simulated) analysis(rest string) string {
	file, _, _ := strings.Cut(rest, "\n")
	files := w.designed()
	text := "# Analysis of " + file + " (by a simulated model)\n\n"
	if file == "main.py" {
		return text + "It calls run of " + strings.Join(files, ", ") + " in this order, and prints sums.\n"
	}
	for _, term := range w.Covered(file, files, 1) {
		text += "- compute_" + term + "(values: list[float], scale: float) -> list[float]: as long as its input; no imports of other files.\n"
	}
	return text + "\nPitfalls: an empty list, and a sum of 0.\n"
}

func (w *simulated) code(rest string) string {
	file, _, _ := strings.Cut(rest, "\n")
	files := w.designed()
	kind := language(file)
	switch {
	case file == "main.py":
		// What is imported has to be there: the files that are written already.
		var written []string
		for _, name := range strings.Split(w.Question, "\n<file path=\"")[1:] {
			name, _, _ = strings.Cut(name, "\"")
			written = append(written, repo.Clean(name))
		}
		return generate.Code(file, kind, w.Main(written))
	case kind == "python":
		return generate.Code(file, kind, w.Module(file, w.Covered(file, files, w.prepared())))
	case kind == "json":
		return generate.Code(file, kind, "{}")
	}
	return generate.Code(file, kind, "# "+file+", by a simulated model\n")
}
