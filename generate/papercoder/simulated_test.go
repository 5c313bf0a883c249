package papercoder_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"papereval/generate"
	"papereval/generate/papercoder"
	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
	"papereval/paper"
	"papereval/repo"
)

// simulate lets PaperCoder without some stages be answered by the simulated model.
func simulate(t *testing.T, query string, seed int, without ...string) (*repo.Tree, error) {
	t.Helper()
	options, err := sim.ParseOptions(query)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.New(options, papercoder.Simulated(options.Seed)))
	defer server.Close()
	g, err := papercoder.New(papercoder.Prompts(), without...)
	if err != nil {
		t.Fatal(err)
	}
	return g.Generate(t.Context(), &generate.Task{
		Paper:  &paper.Paper{Title: "Damped propagation", Abstract: strings.Repeat("Damped propagation spreads labels over graphs by weighted neighbours. ", 3)},
		Client: openai.New(server.URL+"/v1", "", nil), Model: llm.Model{Endpoint: sim.Endpoint, Name: sim.Model},
		Label: llm.Label{Seed: seed}, Prompts: generate.Prompts(), Step: func(generate.Step) {},
	})
}

// TestTheSimulatedModelAnswersEveryStage would fail where a prompt is not known: nobody answers it then.
func TestTheSimulatedModelAnswersEveryStage(t *testing.T) {
	for _, without := range [][]string{nil, {"analysis"}, {"overall-plan", "config"}, {"architecture"}, {"logic"}, {"architecture", "logic"}} {
		tree, err := simulate(t, "", 0, without...)
		if err != nil {
			t.Errorf("without %s: %v", without, err)
			continue
		}
		main, _ := tree.Get("main.py")
		if n := len(tree.Paths()); n < 4 || !strings.Contains(string(main), "import run as run_") {
			t.Errorf("without %s: %d files; main.py is %s", without, n, main)
		}
	}
	same, _ := simulate(t, "", 0)
	again, _ := simulate(t, "", 0)
	other, _ := simulate(t, "", 1)
	if fmt.Sprint(contents(same)) != fmt.Sprint(contents(again)) || fmt.Sprint(contents(same)) == fmt.Sprint(contents(other)) {
		t.Error("a repository does not depend on the cell's seed, or on more than that")
	}
}

func contents(tree *repo.Tree) (all []string) {
	for name, content := range tree.All() {
		all = append(all, name, string(content))
	}
	return all
}

// TestTheSimulatedModelIsAskedAgain cuts every JSON: the answer to the question asked again is cut, too, and the
// stage fails by its name.
func TestTheSimulatedModelIsAskedAgain(t *testing.T) {
	if _, err := simulate(t, "truncated=1", 0); err == nil || !strings.Contains(err.Error(), "stage architecture: two answers cannot be used") {
		t.Errorf("%v", err)
	}
	mended := false
	for seed := range 20 {
		_, err := simulate(t, fmt.Sprintf("truncated=0.5&seed=%d", seed), 0)
		mended = mended || err == nil
	}
	if !mended {
		t.Error("an answer that was asked for again never helped")
	}
}
