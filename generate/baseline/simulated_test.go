package baseline_test

import (
	"net/http/httptest"
	"testing"

	"papereval/generate"
	"papereval/generate/baseline"
	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
	"papereval/paper"
)

func TestTheSimulatedModelWritesARepository(t *testing.T) {
	server := httptest.NewServer(sim.New(sim.Options{}, baseline.Simulated(0)))
	defer server.Close()
	g, err := baseline.NewPaper(baseline.Prompts())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := g.Generate(t.Context(), &generate.Task{
		Paper:  &paper.Paper{Title: "Nothing", Abstract: "a b c"}, // no key terms at all
		Client: openai.New(server.URL+"/v1", "", nil), Model: llm.Model{Endpoint: sim.Endpoint, Name: sim.Model},
		Prompts: generate.Prompts(), Step: func(generate.Step) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tree.Get("main.py"); !ok || len(tree.Paths()) < 4 {
		t.Errorf("it has %v", tree.Paths())
	}
}
