package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"papereval/answer"
	"papereval/llm"
)

// Sample is one answer of the judge, as far as it could be read.
type Sample struct {
	Index     int        `json:"index"`
	Key       string     `json:"key,omitempty"` // the call in the ledger
	Valid     bool       `json:"valid"`
	Score     int        `json:"score,omitempty"`
	Critiques []Critique `json:"critiques,omitempty"`
	Reason    string     `json:"reason,omitempty"` // why it is not valid

	source llm.Source
}

// Critique is one deviation that a judge found.
type Critique struct {
	File          string `json:"file"`
	Func          string `json:"func"`
	ReferenceFile string `json:"reference_file,omitempty"`
	ReferenceFunc string `json:"reference_func,omitempty"`
	Severity      string `json:"severity"` // high, medium or low; empty where the answer has none of these
	Text          string `json:"text"`
}

func readSamples(samples []llm.Sample) []Sample {
	read := make([]Sample, len(samples))
	for i, s := range samples {
		read[i] = Sample{Index: s.Index, Key: s.Key, source: s.Source}
		err := s.Err
		if err == nil {
			read[i].Score, read[i].Critiques, err = readAnswer(s.Text)
		}
		if err != nil {
			read[i].Reason = err.Error()
			continue
		}
		read[i].Valid = true
	}
	return read
}

// readAnswer reads score and critiques under the keys of the published evaluation.
func readAnswer(text string) (score int, critiques []Critique, err error) {
	obj, _, err := answer.Object(text)
	if err != nil {
		return 0, nil, err
	}
	raw, ok := answer.Lookup(obj, "score", "correctness", "rating")
	if !ok {
		return 0, nil, errors.New(`the key "score" is missing`)
	}
	if score, err = readScore(raw); err != nil {
		return 0, nil, err
	}
	list, ok := answer.Lookup(obj, "critique_list", "critiques")
	if !ok {
		return 0, nil, errors.New(`the key "critique_list" is missing`)
	}
	return score, readCritiques(list), nil
}

func readScore(raw json.RawMessage) (int, error) {
	text := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("the score %s is no number", text)
	}
	if value != math.Trunc(value) || value < Worst || value > Best {
		return 0, fmt.Errorf("the score %s is none of 1, 2, 3, 4, 5", text)
	}
	return int(value), nil
}

// readCritiques takes what can be read of the list: a score is not lost for a critique in another form.
func readCritiques(raw json.RawMessage) []Critique {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		items = []json.RawMessage{raw}
	}
	var critiques []Critique
	for _, item := range items {
		var text string
		if json.Unmarshal(item, &text) == nil {
			critiques = append(critiques, Critique{Text: text})
			continue
		}
		obj, _, err := answer.Object(string(item))
		if err != nil {
			continue
		}
		get := func(names ...string) string {
			raw, _ := answer.Lookup(obj, names...)
			var s string
			_ = json.Unmarshal(raw, &s) // absent or of another type: empty
			return s
		}
		c := Critique{
			File:          get("target_file_name", "file_name", "file"),
			Func:          get("target_func_name", "func_name", "function"),
			ReferenceFile: get("gold_file_name"),
			ReferenceFunc: get("gold_func_name"),
			Severity:      strings.ToLower(get("severity_level", "severity")),
			Text:          get("critique", "text"),
		}
		if c.Severity != "high" && c.Severity != "medium" && c.Severity != "low" {
			c.Severity = ""
		}
		critiques = append(critiques, c)
	}
	return critiques
}
