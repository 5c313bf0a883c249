package replication

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"papereval/answer"
)

// verdict is what an answer says.
type verdict struct {
	score                 float64
	expectations, reality string
}

// errUnread is an answer that says no score in the form that was asked for.
var errUnread = errors.New("no score can be read from the judge's answer")

// readVerdict reads the answer of the grading prompt; whole is true where any score from 0 to 1 will do.
func readVerdict(text string, whole bool) (verdict, error) {
	obj, _, err := answer.Object(text)
	if err != nil {
		return verdict{}, fmt.Errorf("%w: %w", errUnread, err)
	}
	var v verdict
	if v.score, err = readScore(obj, whole); err != nil {
		return verdict{}, err
	}
	v.expectations, v.reality = member(obj, "expectations"), member(obj, "reality", "explanation")
	return v, nil
}

// readSecond reads the answer of the prompt that reads answers.
func readSecond(text string, whole bool) (verdict, error) {
	obj, _, err := answer.Object(text)
	if err != nil {
		return verdict{}, fmt.Errorf("%w: %w", errUnread, err)
	}
	valid, _ := answer.Lookup(obj, "valid", "valid_score")
	if string(valid) != "true" {
		return verdict{}, fmt.Errorf("%w: it gives none", errUnread)
	}
	score, err := readScore(obj, whole)
	return verdict{score: score, reality: member(obj, "explanation")}, err
}

func readScore(obj *answer.Obj, whole bool) (float64, error) {
	raw, ok := answer.Lookup(obj, "score")
	if !ok {
		return 0, fmt.Errorf(`%w: the key "score" is missing`, errUnread)
	}
	text := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	score, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(score):
		return 0, fmt.Errorf("%w: %s is no number", errUnread, text)
	case score < 0 || score > 1:
		return 0, fmt.Errorf("%w: %s does not lie between 0 and 1", errUnread, text)
	case !whole && score != 0 && score != 1:
		return 0, fmt.Errorf("%w: %s is neither 0 nor 1", errUnread, text)
	}
	return score, nil
}

func member(obj *answer.Obj, names ...string) string {
	raw, _ := answer.Lookup(obj, names...)
	var s string
	if json.Unmarshal(raw, &s) != nil && raw != nil {
		return string(raw) // an object or a list says something, too
	}
	return s
}
