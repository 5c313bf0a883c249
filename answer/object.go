package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/kaptinlin/jsonrepair"
)

// Member is one key of an object with its value.
type Member struct {
	Key   string
	Value json.RawMessage // valid JSON
}

// Obj is a JSON object in the order in which it was written. Of a key that repeats, the last value counts,
// as elsewhere in JSON.
type Obj struct {
	Members []Member
}

var wrapper = regexp.MustCompile(`(?is)\[CONTENT\](.*?)(?:\[/CONTENT\]|$)`)

// Object reads the JSON object of an answer. It is looked for within [CONTENT] and [/CONTENT], then in fenced
// blocks, then anywhere; in each place the longest text with balanced braces that can be read is taken.
// Strict decoding is tried first, then light repairs (see repairJSON), then the jsonrepair library on what these
// left. repaired is true where the text was not taken as it stood: log it, for a repair can be wrong.
//
// An object whose closing brace is missing is an error, not a repair: its last values may be cut short.
// The error is an [*Error].
func Object(text string) (obj *Obj, repaired bool, err error) {
	visible, err := Text(strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		return nil, false, err
	}
	var first error
	for _, place := range places(visible) {
		for _, candidate := range balanced(place) {
			obj, repaired, err := decodeObject(candidate)
			if err == nil {
				return obj, repaired, nil
			}
			if first == nil {
				first = err
			}
		}
	}
	if first != nil {
		return nil, false, fail(visible, "the answer's JSON cannot be read, not even repaired: %v", first)
	}
	if strings.Contains(visible, "{") {
		return nil, false, fail(visible, "the answer holds no whole JSON object: a closing brace is missing")
	}
	return nil, false, fail(visible, "the answer holds no JSON object")
}

// places are the parts of an answer in which its object may stand, the likeliest first.
func places(visible string) []string {
	var found []string
	for _, m := range wrapper.FindAllStringSubmatch(visible, maxCandidates) {
		found = append(found, m[1])
	}
	for _, b := range parseBlocks(visible, func(*block) bool { return false }) {
		if len(found) < maxCandidates && strings.HasPrefix(strings.TrimSpace(b.content), "{") {
			found = append(found, b.content)
		}
	}
	return append(found, visible)
}

func decodeObject(s string) (obj *Obj, repaired bool, err error) {
	if obj, err = strict(s); err == nil && !hasLatex(s) {
		return obj, false, nil
	}
	light, err := repairJSON(s)
	if err == nil {
		if obj, err = strict(light); err == nil {
			return obj, true, nil
		}
	} else {
		light = escapeLatex(s) // the library would drop these backslashes
	}
	full, libraryErr := callLibrary(light)
	if libraryErr != nil {
		return nil, false, err
	}
	if obj, err = strict(full); err != nil {
		return nil, false, err
	}
	return obj, true, nil
}

func callLibrary(s string) (repaired string, err error) {
	if depth(s) > maxDepth { // it calls itself for each level
		return "", fmt.Errorf("brackets are nested deeper than %d", maxDepth)
	}
	defer func() {
		if r := recover(); r != nil { // it reads what a model wrote
			err = fmt.Errorf("jsonrepair failed: %v", r)
		}
	}()
	return jsonrepair.Repair(s)
}

// strict decodes an object with nothing behind it; an object without members is no answer.
func strict(s string) (*Obj, error) {
	if !json.Valid([]byte(s)) {
		return nil, json.Unmarshal([]byte(s), new(any))
	}
	d := json.NewDecoder(strings.NewReader(s))
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if token != json.Delim('{') {
		return nil, fmt.Errorf("it is no object")
	}
	obj, at := &Obj{}, map[string]int{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		value = bytes.Clone(value)
		if i, again := at[key]; again {
			obj.Members[i].Value = value
			continue
		}
		at[key] = len(obj.Members)
		obj.Members = append(obj.Members, Member{key, value})
	}
	if len(obj.Members) == 0 {
		return nil, fmt.Errorf("the object is empty")
	}
	return obj, nil
}

// MarshalJSON writes the object with its keys in their order.
func (o *Obj) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.Members {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.Key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.Value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
