// Package appeal finds text in a repository that addresses whoever judges it. Judges are told that such text is data,
// and their scores say where it stands: a person should look at it.
package appeal

import (
	"fmt"
	"regexp"
	"strings"
)

// Finding is a line that addresses a judge.
type Finding struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1
	Text string `json:"text"` // of the line, at most 200 bytes
}

func (f Finding) String() string {
	return fmt.Sprintf("the code addresses the judge: %s:%d %q", f.File, f.Line, f.Text)
}

// With adds to the reason of a score that the repository addresses the judge.
func With(reason string, found []Finding) string {
	if len(found) == 0 {
		return reason
	}
	text := found[0].String()
	if more := len(found) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more lines do", more)
	}
	if reason != "" {
		return reason + "; " + text
	}
	return text
}

// patterns are what such lines look like. They are phrases that no program needs; a prompt in a repository
// about language models may hold them, which is why a finding is reported and nothing else.
var patterns = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\b(ignore|disregard|forget|override)\b.{0,30}\b(previous|prior|above|earlier|preceding|all)\b.{0,30}\b(instruction|prompt|criteri|rubric|rule|guideline)`,
	`\b(dear|attention|note (to|for)|hint (to|for)|message (to|for)|instructions? (to|for))\b.{0,20}\b(judge|grader|reviewer|evaluator|assessor|grading model|llm|language model|ai model)s?\b`,
	`\b(judge|grader|evaluator|reviewer)s?\b.{0,40}\b(should|must|please|is asked to|are asked to)\b.{0,40}\b(score|grade|rate|give|award|accept|mark)\b`,
	`\b(please|you (must|should)|kindly)\b.{0,30}\b(score|grade|rate|award|give)\b.{0,40}\b(5|five|10|ten|full|maximum|highest|perfect|top)\b.{0,20}\b(score|mark|point|grade|rating|credit|out of)?`,
	`\b(give|award|assign)\b.{0,20}\b(this|the|it)\b.{0,30}\b(full|maximum|highest|perfect|top)\b.{0,10}\b(score|mark|grade|rating|credit)s?\b`,
	`\bas an? (ai|language model|llm)( model)?\b.{0,60}\b(score|grade|judge|rate)\b`,
	`"(score|rating)"\s*:\s*(5|1)\b.{0,40}"?(critique|reality|expectation)`,
}, "|"))

// hints are parts of words of which every such line has one, in lower case: looking for them is cheap.
var hints = []string{"instruction", "prompt", "criteri", "rubric", "rule", "guideline", "judge", "grader", "review", "evaluator", "assessor", "model", "llm",
	"score", "grade", "rate", "award", "rating", "full", "maximum", "highest", "perfect"}

func hinted(line string) bool {
	line = strings.ToLower(line)
	for _, hint := range hints {
		if strings.Contains(line, hint) {
			return true
		}
	}
	return false
}

// Find returns the lines of a text that address a judge.
func Find(file, text string) []Finding {
	var found []Finding
	number := 0
	for line := range strings.Lines(text) {
		number++
		for len(line) > 0 { // long lines in pieces: one is mostly data
			piece := line[:min(len(line), 1000)]
			line = line[len(piece):]
			if !hinted(piece) {
				continue
			}
			if at := patterns.FindStringIndex(piece); at != nil {
				start := max(0, at[0]-40)
				found = append(found, Finding{file, number, strings.ToValidUTF8(strings.TrimSpace(piece[start:min(len(piece), start+200)]), "")})
				break
			}
		}
	}
	return found
}
