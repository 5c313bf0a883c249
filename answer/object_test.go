package answer_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"papereval/answer"
)

func TestObject(t *testing.T) {
	tests := []struct {
		name, in, want string
		repaired       bool
	}{
		{"as it should be", `{"a": [1, 2.50], "b": {"c": null}}`, `{"a":[1, 2.50],"b":{"c": null}}`, false},
		{"the order stays", `{"z": 1, "a": 2}`, `{"z":1,"a":2}`, false},
		{"the last of a repeated key", `{"a": 1, "b": 2, "a": 3}`, `{"a":3,"b":2}`, false},
		{"wrapped", "[CONTENT]\n{\"a\": 1}\n[/CONTENT]", `{"a":1}`, false},
		{"the wrapper is not closed", "[CONTENT]\n{\"a\": 1}\n", `{"a":1}`, false},
		{"fenced, with prose", "Sure {thing}:\n```json\n{\"a\": 1}\n```\nSee {this}.", `{"a":1}`, false},
		{"prose around", "Sure: {\"a\": 1}. Done.", `{"a":1}`, false},
		{"the longest", `{"a": 1} and {"a": 2, "b": 3}`, `{"a":2,"b":3}`, false},
		{"braces in strings", `x {"a": "}{", "b": "\"}"} y`, `{"a":"}{","b":"\"}"}`, false},
		{"comments", "{\"a\": 1, // one\n# two\n/* three */ \"b\": \"http://x#y\"}", `{"a":1,"b":"http://x#y"}`, true},
		{"a comment with a quote", "{\"a\": 1, // it's \"one\n\"b\": 2}", `{"a":1,"b":2}`, true},
		{"trailing commas", `{"a": [1, 2,], "b": 3,}`, `{"a":[1, 2],"b":3}`, true},
		{"Python", `{'a': True, 'b': None, 'c': [False], 'd': 'it\'s "so"'}`, `{"a":true,"b":null,"c":[false],"d":"it's \"so\""}`, true},
		{"an apostrophe in Python's quotes", `{'a': 'it's so', 'b': 1}`, `{"a":"it's so","b":1}`, true},
		{"raw newlines", "{\"a\": \"x\n\ty\"}", `{"a":"x\n\ty"}`, true},
		{"triple quotes", "{\"a\": \"\"\"x \"y\"\nz\"\"\", \"b\": '''w'''}", `{"a":"x \"y\"\nz","b":"w"}`, true},
		{"LaTeX", `{"a": "\alpha_1 and \(x\)"}`, `{"a":"\\alpha_1 and \\(x\\)"}`, true},
		{"LaTeX that is valid JSON", `{"a": "\theta \frac{a}{b} \beta \nabla \right) \text{x} \nu_i", "b": 1}`, `{"a":"\\theta \\frac{a}{b} \\beta \\nabla \\right) \\text{x} \\nu_i","b":1}`, true},
		{"escaped LaTeX", `{"a": "\\theta \\frac"}`, `{"a":"\\theta \\frac"}`, false},
		{"newlines and tabs before words", `{"a": "class A\nabc\nclass B\n\teq = text\n\textra"}`, `{"a":"class A\nabc\nclass B\n\teq = text\n\textra"}`, false},
		{"unescaped quotes", `{"a": "the "best" one", "b": 1}`, `{"a":"the \"best\" one","b":1}`, true},
		{"a quote before a comma", `{"a": "he said "so", and left", "b": 1}`, `{"a":"he said \"so\", and left","b":1}`, true},
		{"no quotes around keys", `{a: 1, b_c: "x"}`, `{"a":1,"b_c":"x"}`, true},
		{"missing comma", "{\"a\": \"x\"\n \"b\": \"\\gamma\"}", `{"a":"x","b":"\\gamma"}`, true},
		{"fence in thinking", "<think>{\"a\": 1, \"b\": 2}</think>{\"a\": 3}", `{"a":3}`, false},
		{"windows", "{\"a\": 1,\r\n\"b\": 2}\r\n", `{"a":1,"b":2}`, false},
	}
	for _, test := range tests {
		obj, repaired, err := answer.Object(test.in)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got strings.Builder
		got.WriteByte('{')
		for i, m := range obj.Members {
			if i > 0 {
				got.WriteByte(',')
			}
			key, _ := json.Marshal(m.Key)
			got.Write(key)
			got.WriteByte(':')
			got.Write(m.Value)
		}
		got.WriteByte('}')
		if !same(got.String(), test.want) || repaired != test.repaired {
			t.Errorf("%s: got %s (repaired %v), want %s", test.name, got.String(), repaired, test.want)
		}
	}
}

// same compares JSON with the order of its keys.
func same(a, b string) bool {
	compact := func(s string) string {
		var out strings.Builder
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		for {
			token, err := d.Token()
			if err != nil {
				return out.String()
			}
			text, _ := json.Marshal(token)
			out.Write(text)
		}
	}
	return compact(a) == compact(b)
}

func TestObjectErrors(t *testing.T) {
	for _, test := range []struct{ name, in, reason string }{
		{"prose", "I cannot.", "no JSON object"},
		{"empty", "", "empty"},
		{"an empty object", "{}", "empty"},
		{"cut off", `{"a": {"b": 1}, "c": 2`, "closing brace"},
		{"cut off behind an inner object", `{"a": {"b": 1}`, "closing brace"},
		{"cut off within a string", `{"a": 1, "b": "x`, "closing brace"},
		{"page", "<html>{}</html>", "web page"},
		{"a list", "[1, 2]", "no JSON object"},
		{"deep", strings.Repeat(`{"a":`, 100000) + "x" + strings.Repeat("}", 100000), "depth"},
	} {
		obj, _, err := answer.Object(test.in)
		var e *answer.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%s: got %v, %v", test.name, obj, err)
		}
	}
}

func TestLookup(t *testing.T) {
	obj, _, err := answer.Object(`{"task_list": ["a.py"], "File List": ["b.py"], "Anything UNCLEAR": "no"}`)
	if err != nil {
		t.Fatal(err)
	}
	for names, want := range map[string]string{
		"Task list": `["a.py"]`, "TaskList": `["a.py"]`, "file-list": `["b.py"]`, "nothing|FILE_LIST": `["b.py"]`, "nothing": "",
	} {
		raw, ok := answer.Lookup(obj, strings.Split(names, "|")...)
		if string(raw) != want || ok != (want != "") {
			t.Errorf("%s: got %s", names, raw)
		}
	}
	if _, ok := answer.Lookup(nil, "a"); ok {
		t.Error("nil holds something")
	}
	wrapped, _, err := answer.Object(`{"design": {"Task list": ["a.py"]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := answer.Lookup(wrapped, "Task list"); string(raw) != `["a.py"]` {
		t.Errorf("in a wrapper: got %s", raw)
	}
}

func TestStrings(t *testing.T) {
	for in, want := range map[string][]string{
		`["a.py", " b.py ", "", "` + "`c.py`" + `"]`:           {"a.py", "b.py", "c.py"},
		`[{"file": "a.py", "why": "x"}, {"File_Name":"b.py"}]`: {"a.py", "b.py"},
		`[{"a.py": "it does"}, 3, null, {"x": 1, "y": 2}]`:     {"a.py"},
		`[["a.py", "it does"], ["b.py"], []]`:                  {"a.py", "b.py"},
		`{"b.py": "it does", "a.py": ["x"]}`:                   {"b.py", "a.py"},
		`{"1": "b.py", "2": {"name": "a.py"}}`:                 {"b.py", "a.py"},
		`"- a.py\n* b.py\n3. c.py\n"`:                          {"a.py", "b.py", "c.py"},
		`"a.py, b.py,c.py"`:                                    {"a.py", "b.py", "c.py"},
		`"numpy>=1.20,<2, torch"`:                              {"numpy>=1.20,<2", "torch"},
		`"a.py,\nb.py"`:                                        {"a.py", "b.py"},
		`null`:                                                 nil,
		`3`:                                                    nil,
		``:                                                     nil,
		`{"broken`:                                             nil,
	} {
		if got := answer.Strings(json.RawMessage(in)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
