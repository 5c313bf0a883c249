package baseline

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"papereval/generate"
	"papereval/llm"
	"papereval/llm/sim/simtest"
	"papereval/paper"
)

func generated(t *testing.T, answers ...string) (*generate.Step, []*llm.Request, error) {
	t.Helper()
	n := 0
	s := simtest.New(t, func(*llm.Request) string { n++; return answers[n-1] })
	g, err := NewPaper(Prompts())
	if err != nil {
		t.Fatal(err)
	}
	var steps []generate.Step
	tree, err := g.Generate(t.Context(), &generate.Task{Paper: &paper.Paper{Title: "A paper"}, Client: s, Model: s.Model,
		Prompts: generate.Prompts(), Step: func(step generate.Step) { steps = append(steps, step) }})
	if err != nil {
		return nil, s.Requests(), err
	}
	if len(steps) != 1 || steps[0].Tree.Digest() != tree.Digest() {
		t.Fatalf("%d steps", len(steps))
	}
	return &steps[0], s.Requests(), nil
}

const repository = "Here it is.\n\n## Code: main.py\n```python\nimport model\n```\n\n## Code: src/model.py\n```python\nx = 1\n```\n"

func TestPaper(t *testing.T) {
	step, requests, err := generated(t, repository)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"main.py", "src/model.py"}, step.Tree.Paths()); diff != "" {
		t.Error(diff)
	}
	if len(requests) != 1 || !strings.Contains(requests[0].Messages[1].Content, "# A paper") {
		t.Errorf("%d requests", len(requests))
	}
}

func TestPaperAskedAgain(t *testing.T) {
	hostile := strings.ReplaceAll(repository, "src/model.py", "../../.ssh/config")
	_, requests, err := generated(t, hostile, repository)
	if err != nil || len(requests) != 2 || !strings.Contains(requests[1].Messages[3].Content, "../../.ssh/config") {
		t.Errorf("%v after %d requests", err, len(requests))
	}
	_, _, err = generated(t, hostile, "I would rather not.")
	var failed *generate.StageError
	if !errors.As(err, &failed) || failed.Answer != "I would rather not." {
		t.Error(err)
	}
}

func TestPaperHasNothingToSwitchOff(t *testing.T) {
	if _, err := NewPaper(Prompts(), "analysis"); err == nil {
		t.Error("there is nothing to switch off")
	}
}
