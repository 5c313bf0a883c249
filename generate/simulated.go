package generate

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"

	"papereval/llm"
	"papereval/llm/sim"
)

// Simulated is what the simulated model's answers to generators have in common. It knows the papers of bundled
// prompts, and writes Python that runs and is about the key terms of a paper.
type Simulated struct {
	Seed  uint64
	terms sim.Terms
}

// SimulatedTask is a question to the simulated model.
type SimulatedTask struct {
	// Question is the last question. Where an answer could not be used and was asked for again, it is the
	// question that was answered so.
	Question string
	Paper    string
	Terms    []string // the key terms of the paper; at least three
	about    []string
	seed     uint64
}

// Task reads a request; ok is false where it holds no paper.
func (s *Simulated) Task(req *llm.Request) (t *SimulatedTask, ok bool) {
	again, _, _ := strings.Cut(Prompts().Text("again"), "{{")
	messages := req.Messages
	if n := len(messages); n > 2 && strings.HasPrefix(messages[n-1].Content, again) {
		messages = messages[:n-2]
	}
	t = &SimulatedTask{Question: messages[len(messages)-1].Content, seed: s.Seed}
	for _, m := range messages {
		if m.Role != llm.User {
			continue
		}
		if t.Paper, ok = sim.Between(m.Content, "<paper>\n", "\n</paper>"); ok {
			break
		}
	}
	if !ok {
		return nil, false
	}
	t.Terms = s.terms.Of(t.Paper)
	if len(t.Terms) < 3 {
		t.Terms = append([]string{"method", "model", "measure"}, t.Terms...)
	}
	t.about = []string{req.Model.Name, strconv.Itoa(req.First), t.Paper}
	return t, true
}

// Random depends on the paper, the model and the sample, and on what is decided.
func (t *SimulatedTask) Random(what ...string) *rand.Rand {
	return sim.Random(t.seed, append(what, t.about...)...)
}

// Files are those of a repository, main.py the last of them.
func (t *SimulatedTask) Files() []string {
	suffixes := []string{"model", "data", "training", "evaluation"}
	n := 2 + t.Random("files").IntN(3)
	var files []string
	for i := range n {
		files = append(files, t.Terms[i%len(t.Terms)]+"_"+suffixes[i]+".py")
	}
	return append(files, "main.py")
}

// Covered are the terms that a file is about, one of the given files: each of the paper's terms belongs to one of
// them, and is there with the given probability.
func (t *SimulatedTask) Covered(file string, files []string, probability float64) []string {
	var modules []string
	at := -1
	for _, f := range files {
		if f == "main.py" {
			continue
		}
		if f == file {
			at = len(modules)
		}
		modules = append(modules, f)
	}
	var covered []string
	for i, term := range t.Terms {
		if (at < 0 || i%len(modules) == at) && t.Random("covered", term).Float64() < probability {
			covered = append(covered, term)
		}
	}
	return covered
}

// bodies are functions of numbers that never fail.
var bodies = []string{
	"    total = math.fsum(abs(v) for v in values) or 1.0\n    return [scale * v / total for v in values]\n",
	"    highest = max(values, default=0.0)\n    weights = [math.exp(scale * (v - highest)) for v in values]\n    return [w / math.fsum(weights) for w in weights]\n",
	"    return [math.tanh(scale * v) for v in values]\n",
	"    mean = math.fsum(values) / max(len(values), 1)\n    return [v + scale * (mean - v) for v in values]\n",
	"    state = 0.0\n    smoothed = []\n    for v in values:\n        state = scale * state + (1.0 - scale) * v\n        smoothed.append(state)\n    return smoothed\n",
}

// Module is a Python file with a function for each of the terms.
func (t *SimulatedTask) Module(file string, terms []string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	var b strings.Builder
	fmt.Fprintf(&b, "\"\"\"%s.\n\nWritten by a simulated model: it has the right form and computes nothing of use.\n\"\"\"\nfrom __future__ import annotations\n\nimport math\n", name)
	for _, term := range terms {
		random := t.Random("body", term)
		fmt.Fprintf(&b, "\n\ndef compute_%[1]s(values: list[float], scale: float = %.2[2]f) -> list[float]:\n    \"\"\"Return the %[1]s of the values.\"\"\"\n%[3]s",
			term, 0.1+0.8*random.Float64(), bodies[random.IntN(len(bodies))])
	}
	b.WriteString("\n\ndef run(values: list[float]) -> list[float]:\n    \"\"\"Carry out every step of this file.\"\"\"\n")
	for _, term := range terms {
		fmt.Fprintf(&b, "    values = compute_%s(values)\n", term)
	}
	b.WriteString("    return values\n")
	return b.String()
}

// Main is the entry point of a repository with the given other files.
func (t *SimulatedTask) Main(files []string) string {
	var imports, steps strings.Builder
	for _, f := range files {
		if path.Ext(f) != ".py" || f == "main.py" {
			continue
		}
		module := strings.ReplaceAll(strings.TrimSuffix(f, ".py"), "/", ".")
		name := strings.ReplaceAll(module, ".", "_")
		fmt.Fprintf(&imports, "from %s import run as run_%s\n", module, name)
		fmt.Fprintf(&steps, "    values = run_%s(values)\n    print(\"%s\", round(sum(values), 6))\n", name, name)
	}
	return `"""The entry point.

Written by a simulated model: it has the right form and computes nothing of use.
"""
from __future__ import annotations

import random
from pathlib import Path

` + imports.String() + `

def read_config(path: str = "config.yaml") -> dict[str, str]:
    """Return the settings, without their sections."""
    settings: dict[str, str] = {}
    if Path(path).exists():
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if value.strip() and not line.startswith("#"):
                settings[key.strip()] = value.strip()
    return settings


def main() -> None:
    """Run everything once."""
    config = read_config()
    generator = random.Random(int(config.get("seed", "0")))
    values = [generator.gauss(0.0, 1.0) for _ in range(int(config.get("points", "32")))]
` + steps.String() + `    print("done", len(values))


if __name__ == "__main__":
    main()
`
}

// Code is one file in the form that prompts ask for.
func Code(file, language, text string) string {
	return "## Code: " + file + "\n```" + language + "\n" + strings.TrimRight(text, "\n") + "\n```\n"
}

// Repository is a whole repository in one answer, with the given probability for each term.
func (t *SimulatedTask) Repository(probability float64) string {
	files := t.Files()
	var parts []string
	for _, file := range files {
		text := t.Main(files)
		if file != "main.py" {
			text = t.Module(file, t.Covered(file, files, probability))
		}
		parts = append(parts, Code(file, "python", text))
	}
	return strings.Join(append(parts, Code("requirements.txt", "text", "# nothing beyond Python\n")), "\n")
}
