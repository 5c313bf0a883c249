package judge_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"papereval/eval"
	"papereval/eval/judge"
	"papereval/eval/refbased"
	"papereval/eval/reffree"
	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
	"papereval/paper"
)

var topics = strings.Fields("damping propagation neighbours labels weights graphs spreading disagreement entropy homophily")

// code is a repository's text about the first so many topics.
func code(about int) string {
	return "def run():\n" + strings.Repeat("    total = total + 1\n", 30) + "    " + strings.Join(topics[:about], " = ") + "\n"
}

// published is a prompt with headings instead of marks, in the manner of the published ones.
const published = "You will be given a research paper along with its code repository.\n\nAnswer in JSON:\n{\"critique_list\": [{\"file_name\": \"dataset.py\"}], \"score\": 2}\n\n" +
	"Research Paper:\n\n{{Paper}}\n\nCode Repository:\n\n{{Code}}\n\nPlease rate it."

const publishedWithReference = "You will be given a research paper along with two repositories.\n\nAnswer in JSON:\n{\"critique_list\": [{\"gold_file_name\": \"dataset.py\"}], \"score\": 2}\n\n" +
	"Research Paper:\n\n{{Paper}}\n\nGold Repository:\n\n{{GoldCode}}\n\nTarget Repository:\n\n{{Code}}\n\nPlease rate it."

func TestTheSimulatedJudgePrefersWhatHoldsMore(t *testing.T) {
	server := httptest.NewServer(sim.New(sim.Options{}, judge.Simulated(0)))
	defer server.Close()
	common := judge.Judge{Shared: judge.Prompts(), Client: openai.New(server.URL+"/v1", "", nil), Samples: 8,
		Model: llm.Model{Endpoint: sim.Endpoint, Name: sim.Model, Context: 100_000}}
	free, based := reffree.New(reffree.Prompts(), common), refbased.New(refbased.Prompts(), common)
	freePublished, basedPublished := *free, *based
	freePublished.Prompt, basedPublished.Prompt = published, publishedWithReference
	text := &paper.Paper{Title: "A paper", Abstract: strings.Repeat(strings.Join(topics, " and ")+". ", 3)}
	for name, j := range map[string]*judge.Judge{"reffree": free, "refbased": based, "published": &freePublished, "published with reference": &basedPublished} {
		before := 0.
		for _, about := range []int{0, 5, 10} {
			result, err := j.Evaluate(t.Context(), &eval.Subject{Paper: text, Repository: tree(t, "core.py", code(about)), Reference: tree(t, "gold.py", code(10))})
			if err != nil {
				t.Fatal(err)
			}
			s := result.Scores[0]
			if s.Status != eval.OK || s.Valid != 8 || s.Source != llm.Simulated {
				t.Fatalf("%s: %+v", name, s)
			}
			if s.Value <= before || about == 0 && s.Value > 2 || about == 10 && s.Value < 4 {
				t.Errorf("%s: %d of 10 topics are worth %g, fewer %g", name, about, s.Value, before)
			}
			before = s.Value
			critiques := result.Detail.(*judge.Detail).Samples[0].Critiques
			if about < 10 && (len(critiques) == 0 || critiques[0].File != "core.py" || critiques[0].Severity == "" || j.Compares && critiques[0].ReferenceFile != "gold.py") {
				t.Errorf("%s: critiques %+v", name, critiques)
			}
		}
		stub := tree(t, "main.py", "# "+strings.Join(topics, " ")+"\npass\n")
		result, err := j.Evaluate(t.Context(), &eval.Subject{Paper: text, Repository: stub, Reference: tree(t, "gold.py", code(10))})
		if err != nil || result.Scores[0].Value > 2 {
			t.Errorf("%s: a stub: %+v, %v", name, result.Scores, err)
		}
	}
}

func TestTheSimulatedModelRanks(t *testing.T) {
	server := httptest.NewServer(sim.New(sim.Options{}, judge.Simulated(0)))
	defer server.Close()
	j := reffree.New(reffree.Prompts(), judge.Judge{Shared: judge.Prompts(), Client: openai.New(server.URL+"/v1", "", nil), Samples: 1,
		Model: llm.Model{Endpoint: sim.Endpoint, Name: sim.Model, Context: 5_200}})
	long := strings.Repeat("value = compute(value) + 1\n", 150)
	result, err := j.Evaluate(t.Context(), &eval.Subject{Paper: &paper.Paper{Title: "Damping", Abstract: strings.Join(topics, " ")},
		Repository: tree(t, "aaa.md", long, "aaa.py", long, "damping.py", long, "zzz.py", long)})
	if err != nil || result.Scores[0].Status != eval.OK {
		t.Fatalf("%+v, %v", result, err)
	}
	if d := result.Detail.(*judge.Detail).Target; strings.Join(d.Left, " ") != "aaa.md zzz.py" || !strings.HasPrefix(d.Ranking, "by the judge's model") {
		t.Errorf("%+v", d)
	}
}
