package replication

import (
	"strings"

	"papereval/eval"
	"papereval/rubric"
	"papereval/tokens"
)

// What an answer is assumed to take, in tokens and reasoning included. These are guesses: PaperBench gives what its judge
// costs for a paper, and no tokens by call.
const (
	assumedRanking = 500
	assumedGrade   = 1_500
	assumedTask    = 700 // the prompt about one criterion
)

// Foresee says what grading a repository will take, whose files have so many tokens each. The leaves are
// the rubric's; a repository of which the results are not there leaves out some of them.
func (j *Judge) Foresee(s *eval.Subject, files, size int) ([]eval.Need, error) {
	if s.Rubric == nil {
		return nil, nil
	}
	leaves := 0
	for _, leaf := range j.Variant.Reduce(s.Rubric).Leaves() {
		if leaf.Category != rubric.ResultAnalysis || s.Reproduction != nil {
			leaves++
		}
	}
	shared := tokens.Count(strings.Join([]string{s.Paper.Text(), s.Addendum, s.JudgeAddendum}, "\n")) + assumedTask
	window := j.Model.Context - min(answerTokens, j.Model.Context/4)
	needs := []eval.Need{{Stage: "grade", Calls: leaves, Prompt: leaves * min(window, shared+min(files, mostFiles)*size), Completion: leaves * assumedGrade}}
	if !j.Variant.AllFiles {
		rank := eval.Need{Stage: "rank", Calls: leaves, Prompt: leaves * min(window, shared), Completion: leaves * assumedRanking}
		needs = append([]eval.Need{rank}, needs...)
	}
	return needs, nil
}
