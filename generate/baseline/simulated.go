package baseline

import (
	"strings"

	"papereval/generate"
	"papereval/llm"
	"papereval/llm/sim"
)

// Simulated answers the bundled prompt of the baseline for the simulated model, with a repository that misses
// more of the paper than what PaperCoder is given.
func Simulated(seed uint64) sim.Answerer {
	common := &generate.Simulated{Seed: seed}
	return sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		t, ok := common.Task(req)
		if !ok || !strings.Contains(t.Question, "\nWrite the complete Python repository ") {
			return "", false
		}
		return t.Repository(0.35), true
	})
}
