package answer

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// Lookup finds a value by one of the names, tried in their order. Case, spaces, underscores, hyphens and other
// punctuation do not count: "Task list" finds "task_list" and "TaskList". An object whose only member is an
// object is a wrapper: it is looked into.
func Lookup(obj *Obj, names ...string) (json.RawMessage, bool) {
	for range 5 {
		if obj == nil {
			return nil, false
		}
		for _, name := range names {
			for _, m := range obj.Members {
				if plain(m.Key) == plain(name) {
					return m.Value, true
				}
			}
		}
		if len(obj.Members) != 1 {
			return nil, false
		}
		inner, err := strict(string(obj.Members[0].Value))
		if err != nil {
			return nil, false
		}
		obj = inner
	}
	return nil, false
}

// plain is a key's letters and digits in lower case.
func plain(key string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, key)
}

var (
	bullet   = regexp.MustCompile(`^(?:[-*+•]|\d{1,3}[.)])\s+`)
	position = regexp.MustCompile(`^(?:(?:step|task|file|item)?[ _-]*\d+[.)]?)$`)
	// A comma within a version range ("numpy>=1.20,<2") separates nothing.
	comma = regexp.MustCompile(`,\s*([^<>=!~\s])`)
)

// Strings reads a list of strings in the ways in which models write one: a list of strings, of objects with
// a name-like member, or of lists that begin with a string; an object whose keys are the names, or numbers with the names as
// values; a string with a name per line, or with commas. What is blank or has no name is left out.
func Strings(raw json.RawMessage) []string {
	var list []json.RawMessage
	var s string
	var out []string
	add := func(s string) {
		if s = strings.Trim(strings.TrimSpace(s), "`"); s != "" {
			out = append(out, s)
		}
	}
	switch {
	case json.Unmarshal(raw, &list) == nil:
		for _, item := range list {
			add(nameOfItem(item))
		}
	case json.Unmarshal(raw, &s) == nil:
		separator := "\n"
		if !strings.Contains(strings.TrimSpace(s), "\n") {
			s = comma.ReplaceAllString(s, "\n$1")
		}
		for part := range strings.SplitSeq(s, separator) {
			part = strings.TrimRight(strings.TrimSpace(part), ",")
			add(strings.Trim(bullet.ReplaceAllString(part, ""), `"'`))
		}
	default:
		obj, err := strict(string(raw))
		if err != nil {
			return nil
		}
		for _, m := range obj.Members {
			if position.MatchString(strings.ToLower(strings.TrimSpace(m.Key))) {
				add(nameOfItem(m.Value))
			} else {
				add(m.Key)
			}
		}
	}
	return out
}

// nameOfItem is the name that an item of a list stands for.
func nameOfItem(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		if len(list) > 0 && json.Unmarshal(list[0], &s) == nil {
			return s
		}
		return ""
	}
	obj, err := strict(string(raw))
	if err != nil {
		return ""
	}
	for _, name := range []string{"file", "file name", "file path", "path", "name", "task", "task name", "package", "title", "id"} {
		for _, m := range obj.Members {
			if plain(m.Key) == plain(name) && json.Unmarshal(m.Value, &s) == nil && s != "" {
				return s
			}
		}
	}
	if len(obj.Members) == 1 { // {"main.py": "what it does"}
		return obj.Members[0].Key
	}
	return ""
}
