package replication

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"papereval/llm"
	"papereval/llm/sim"
)

// Simulated answers the judge's prompts for the simulated model. Whether a criterion is met follows from the share of its
// terms that the files shown hold.
func Simulated(seed uint64) sim.Answerer {
	s := &simulated{seed: seed}
	return sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		task := req.Messages[len(req.Messages)-1].Content
		criterion, ok := sim.Between(task, "<criterion>\n", "\n</criterion>")
		switch {
		case ok && strings.Contains(task, `"expectations"`):
			return s.grade(req, criterion, strings.Contains(task, `"score": 0.5`)), true
		case ok && strings.HasPrefix(task, "# Your task: rank the files\n"):
			return s.rank(req.Messages[len(req.Messages)-2].Content, criterion), true
		case len(req.Messages) == 1 && strings.Contains(task, `{"valid": true, "score": 0, `):
			return s.read(task), true
		}
		return "", false
	})
}

type simulated struct {
	seed  uint64
	terms sim.Terms
}

func (s *simulated) grade(req *llm.Request, criterion string, whole bool) string {
	terms := s.terms.Of(criterion)
	var files, found, missing []string
	for _, m := range req.Messages {
		if strings.HasPrefix(m.Content, "## File name: ") {
			files = append(files, strings.ToLower(m.Content))
		}
	}
	for _, term := range terms {
		if slices.ContainsFunc(files, func(file string) bool { return strings.Contains(file, term) }) {
			found = append(found, term)
		} else {
			missing = append(missing, term)
		}
	}
	share := float64(len(found)) / float64(max(len(terms), 1))
	const noise = 0.3
	random := sim.Random(s.seed, "replication", req.Model.Name, criterion, string(rune(req.First)))
	score := math.Max(0, math.Min(1, share+noise*(random.Float64()-0.5)))
	if score = math.Round(100*score) / 100; !whole {
		score = math.Round(score)
	}
	return sim.Indented(map[string]any{
		"expectations": "The attempt should have something about " + cmp.Or(strings.Join(terms, ", "), "this") + " (by a simulated model).",
		"reality":      "There is something about " + cmp.Or(strings.Join(found, ", "), "nothing of it") + ", and nothing about " + cmp.Or(strings.Join(missing, ", "), "anything else") + ".",
		"score":        score,
	})
}

// rank orders the files by how many of the criterion's terms their paths hold.
func (s *simulated) rank(list, criterion string) string {
	terms := s.terms.Of(criterion)
	_, list, _ = strings.Cut(list, "```\n")
	list, _, _ = strings.Cut(list, "\n```")
	paths := strings.Split(list, "\n")
	holds := func(path string) (n int) {
		for _, term := range terms {
			if strings.Contains(strings.ToLower(path), term) {
				n++
			}
		}
		return n
	}
	slices.SortStableFunc(paths, func(a, b string) int { return holds(b) - holds(a) })
	return strings.Join(paths[:min(len(paths), mostFiles)], "\n")
}

// read finds the score in an answer that is no JSON: the last digit in it.
func (s *simulated) read(task string) string {
	said, _ := sim.Between(task, "\n```\n", "\n```\n")
	at := strings.LastIndexAny(said, "01")
	score := 0
	if at >= 0 && said[at] == '1' {
		score = 1
	}
	return sim.Indented(map[string]any{"valid": at >= 0, "score": score, "explanation": "As the answer says (by a simulated model)."})
}
