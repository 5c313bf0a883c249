package papercoder

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"papereval/generate"
	"papereval/llm"
	"papereval/llm/sim/simtest"
	"papereval/paper"
	"papereval/repo"
)

// answers are what a model says at each stage; each holds a mark by which later prompts show it.
var answers = map[string]string{
	OverallPlan:  "PLAN-MARK: build it",
	Architecture: "[CONTENT]\n{\"Implementation approach\": \"ARCHITECTURE-MARK\", \"File list\": [\"main.py\", \"model.py\"]}\n[/CONTENT]",
	Logic: `[CONTENT]
{"Required packages": ["numpy>=1.24", "No other packages are needed"],
 "Logic Analysis": [["model.py", "LOGIC-MARK of the model"], ["main.py", "runs"]],
 "Task list": ["config.yaml", "./model.py", "main.py", "requirements.txt"]}
[/CONTENT]`,
	Config:   "## Code: config.yaml\n```yaml\nrate: 0.1 # CONFIG-MARK\n```",
	Analysis: "ANALYSIS-MARK",
	Coding:   "```python\nprint(1)\n```",
	"whole":  "## Code: main.py\n```python\nprint(2)\n```\n\n## Code: requirements.txt\n```text\nscipy\n```\n",
}

// stageOf tells a prompt's stage by the heading of its task.
func stageOf(req *llm.Request) string {
	prompt := req.Messages[len(req.Messages)-1].Content
	if strings.HasPrefix(prompt, "Your last answer cannot be used") {
		prompt = req.Messages[len(req.Messages)-3].Content
	}
	for stage, heading := range map[string]string{
		OverallPlan: ": the overall plan\n", Architecture: ": the architecture\n", Logic: ": the logic of each file\n", Config: ": the configuration\n",
		Analysis: "# Your task: analyse ", Coding: "# Your task: write ", "whole": "# Your task: write the repository\n",
	} {
		if strings.Contains(prompt, heading) && (stage != Coding || !strings.Contains(prompt, "# Your task: write the repository\n")) {
			return stage
		}
	}
	return "?"
}

func text(req *llm.Request) string {
	var b strings.Builder
	for _, m := range req.Messages {
		b.WriteString(m.Content)
	}
	return b.String()
}

func task(s *simtest.Server, steps *[]generate.Step) *generate.Task {
	return &generate.Task{
		Paper:  &paper.Paper{ID: "p", Title: "A paper", Abstract: "PAPER-MARK"},
		Client: s, Model: s.Model, Prompts: generate.Prompts(),
		Step: func(step generate.Step) { *steps = append(*steps, step) },
	}
}

func run(t *testing.T, answer func(*llm.Request) string, without ...string) (*repo.Tree, []generate.Step, []*llm.Request, error) {
	t.Helper()
	s := simtest.New(t, answer)
	p, err := New(Prompts(), without...)
	if err != nil {
		t.Fatal(err)
	}
	var steps []generate.Step
	tree, err := p.Generate(t.Context(), task(s, &steps))
	return tree, steps, s.Requests(), err
}

func usual(req *llm.Request) string { return answers[stageOf(req)] }

func TestEveryStageCanBeSwitchedOff(t *testing.T) {
	optional := []string{OverallPlan, Architecture, Logic, Config, Analysis}
	for mask := range 1 << len(optional) {
		var without []string
		for i, stage := range optional {
			if mask&(1<<i) != 0 {
				without = append(without, stage)
			}
		}
		t.Run("without "+strings.Join(without, " "), func(t *testing.T) {
			on := func(stage string) bool { return !slices.Contains(without, stage) }
			tree, _, requests, err := run(t, usual, without...)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if on(Config) {
				want = append(want, "config.yaml")
			}
			whole := !on(Architecture) && !on(Logic)
			want = append(want, "main.py")
			if !whole {
				want = append(want, "model.py")
			}
			if on(Logic) || whole {
				want = append(want, "requirements.txt")
			}
			if diff := cmp.Diff(want, tree.Paths()); diff != "" {
				t.Error(diff)
			}
			last := text(requests[len(requests)-1])
			marks := map[string]string{OverallPlan: "PLAN-MARK", Architecture: "ARCHITECTURE-MARK", Logic: "LOGIC-MARK", Config: "CONFIG-MARK"}
			if !whole {
				marks[Analysis] = "ANALYSIS-MARK"
			}
			for stage, mark := range marks {
				if strings.Contains(last, mark) != on(stage) {
					t.Errorf("the coding prompt shows %s: %t, the stage is on: %t", mark, !on(stage), on(stage))
				}
			}
			for _, req := range requests {
				if n := strings.Count(text(req), "PAPER-MARK"); n != 1 {
					t.Errorf("the prompt of %s shows the paper %d times", stageOf(req), n)
				}
				if strings.Contains(text(req), "<no value>") {
					t.Errorf("the prompt of %s has a hole", stageOf(req))
				}
			}
		})
	}
}

func TestTheOrderOfWork(t *testing.T) {
	tree, steps, requests, err := run(t, usual)
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, s := range steps {
		did = append(did, strings.TrimSpace(s.Stage+" "+s.File))
	}
	want := []string{"overall-plan", "architecture", "logic", "config config.yaml", "analysis model.py", "analysis main.py", "coding model.py", "coding main.py"}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Error(diff)
	}
	if got := steps[len(steps)-1].Tree.Digest(); got != tree.Digest() {
		t.Error("the last step is not the repository")
	}
	if got, _ := tree.Get("requirements.txt"); string(got) != "numpy>=1.24\n" {
		t.Errorf("requirements.txt is %q", got)
	}
	if got, _ := tree.Get("config.yaml"); string(got) != "rate: 0.1 # CONFIG-MARK" {
		t.Errorf("config.yaml is %q", got)
	}
	// Turn 4 of the conversation has the three turns before it.
	i := slices.IndexFunc(requests, func(r *llm.Request) bool { return stageOf(r) == Config })
	if n := len(requests[i].Messages); n != 8 {
		t.Errorf("the fourth turn has %d messages", n)
	}
	if !strings.Contains(text(requests[len(requests)-1]), "<file path=\"model.py\">\nprint(1)\n</file>") {
		t.Error("the second file does not see the first")
	}
}

// TestAskedAgain spoils the first answer of a stage, and then all of them.
func TestAskedAgain(t *testing.T) {
	for _, c := range []struct{ name, stage, bad, reason string }{
		{"no JSON", Architecture, "I cannot design this.", ""},
		{"no file", Architecture, `{"File list": []}`, "names no file"},
		{"key missing", Logic, `{"Required packages": []}`, `the key "Task list" is missing`},
		{"leaves the folder", Logic, `{"Task list": ["../main.py"]}`, "../main.py"},
		{"absolute", Logic, `{"Task list": ["/tmp/main.py"]}`, "/tmp/main.py"},
		{"twice", Logic, `{"Task list": ["main.py", "a.py", "./main.py"]}`, "main.py twice"},
		{"file and folder", Logic, `{"Task list": ["src", "src/main.py"]}`, "src"},
		{"empty plan", OverallPlan, "<think>hm</think>", "nothing but thinking"},
		{"web page", OverallPlan, "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "web page"},
		{"no YAML", Config, "```yaml\na: [1\n```", ""},
		{"no code", Coding, "<think>nothing</think>", "nothing but thinking"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spoilt := 0
			_, _, requests, err := run(t, func(req *llm.Request) string {
				if stageOf(req) == c.stage && spoilt == 0 {
					spoilt++
					return c.bad
				}
				return usual(req)
			})
			if err != nil {
				t.Fatal(err)
			}
			again := slices.IndexFunc(requests, func(r *llm.Request) bool {
				return strings.HasPrefix(r.Messages[len(r.Messages)-1].Content, "Your last answer cannot be used")
			})
			if again < 0 || !strings.Contains(text(requests[again]), c.reason) {
				t.Errorf("it was not asked for again with the reason %q", c.reason)
			}

			_, _, requests, err = run(t, func(req *llm.Request) string {
				if stageOf(req) == c.stage {
					return c.bad
				}
				return usual(req)
			})
			var failed *generate.StageError
			if !errors.As(err, &failed) || failed.Stage != c.stage || failed.Answer != c.bad {
				t.Fatalf("got %v", err)
			}
			n := 0
			for _, r := range requests {
				if stageOf(r) == c.stage && text(r) == text(requests[len(requests)-1]) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("it was asked %d times after the reason was given", n)
			}
		})
	}
}

func TestWithoutWhatCannotBeSwitchedOff(t *testing.T) {
	for stage, want := range map[string]string{Coding: "cannot be switched off", "analyse": "those that can be switched off are overall-plan, architecture, logic, config, analysis"} {
		if _, err := New(Prompts(), stage); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", stage, err)
		}
	}
}

func TestPackages(t *testing.T) {
	got := packages([]string{"numpy==1.21.0", "torch >= 2.0, < 3", "# a comment", "scipy  # for stats", "", "No packages", "a; python_version < '3.9'"})
	want := []string{"numpy==1.21.0", "torch >= 2.0, < 3", "scipy", "a; python_version < '3.9'"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPurposesInOtherForms(t *testing.T) {
	for _, logic := range []string{
		`[["a.py", "does it"]]`, `{"a.py": "does it"}`, `[["./a.py", "does it"], "and a remark"]`,
	} {
		d, err := readLogic(fmt.Sprintf(`{"Task list": ["a.py"], "Logic Analysis": %s}`, logic))
		if err != nil || d.purpose["a.py"] != "does it" {
			t.Errorf("%s: %v, %v", logic, d, err)
		}
	}
}
