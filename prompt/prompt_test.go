package prompt

import (
	"strings"
	"testing"
	"testing/fstest"
)

func folder(texts ...string) Folder {
	files := fstest.MapFS{}
	for i := 0; i < len(texts); i += 2 {
		files["prompts/"+texts[i]+".tmpl"] = &fstest.MapFile{Data: []byte(texts[i+1])}
	}
	return Read("eval/x", files)
}

func TestFill(t *testing.T) {
	f := folder("ask", "Read {{.Paper}}{{if .Plan}} and {{.Plan}}{{end}}.\n", "wrong", "{{.Nothing}}")
	got, err := f.Fill("ask", struct{ Paper, Plan string }{"{{.Plan}}", ""})
	if err != nil || got != "Read {{.Plan}}." {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.Fill("wrong", struct{}{}); err == nil || !strings.Contains(err.Error(), "eval/x/prompts/wrong.tmpl") {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func TestReplace(t *testing.T) {
	a := folder("judge", "ours\n", "rank", "rank\n")
	replaced, err := Replace(fstest.MapFS{"eval/x/prompts/judge.tmpl": {Data: []byte("theirs\n")}}, []Folder{a})
	if err != nil {
		t.Fatal(err)
	}
	if got := replaced[0].Text("judge"); got != "theirs" {
		t.Errorf("judge is %q", got)
	}
	if replaced[0].Text("rank") != "rank" || a.Text("judge") != "ours" {
		t.Error("another prompt changed")
	}
	if replaced[0].Digest() == a.Digest() {
		t.Error("the digest did not change")
	}
	same, err := Replace(fstest.MapFS{"eval/x/prompts/judge.tmpl": {Data: []byte("ours\n")}}, []Folder{a})
	if err != nil || same[0].Digest() != a.Digest() {
		t.Error("the digest changed for the same text")
	}
	for name, file := range map[string]*fstest.MapFile{
		"eval/x/prompts/juge.tmpl":  {Data: []byte("x")},
		"prompts/judge.tmpl":        {Data: []byte("x")},
		"eval/x/prompts/judge.tmpl": {Data: []byte(" \n")},
	} {
		if _, err := Replace(fstest.MapFS{name: file}, []Folder{a}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	marked := folder("judge", "{{Paper}} {{Code}}", "plan", "{{if .Paper}}{{.Paper}}{{else}}-{{end}}")
	for text, want := range map[string]string{
		"judge.tmpl {{Paper}} only":                "lacks the placeholder {{Code}}",
		"plan.tmpl {{.Paper":                       "unclosed action",
		"plan.tmpl {{if .Paper}}":                  "unexpected EOF",
		"plan.tmpl All of it":                      "",
		"judge.tmpl {{Code}}{{Paper}} {1: {2: 3}}": "",
	} {
		name, text, _ := strings.Cut(text, " ")
		_, err := Replace(fstest.MapFS{"eval/x/prompts/" + name: {Data: []byte(text)}}, []Folder{marked})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v", name, text, err)
		}
	}
}

// TestSchema keeps the schema of an answer with the prompt that asks for it.
func TestSchema(t *testing.T) {
	bundled := Read("eval/x", fstest.MapFS{
		"prompts/judge.tmpl": {Data: []byte("ours")}, "prompts/judge.schema.json": {Data: []byte(`{"type": "object"}`)},
		"prompts/rank.tmpl": {Data: []byte("rank")},
	})
	if got := bundled.Schema("judge"); string(got) != `{"type": "object"}` || bundled.Schema("rank") != nil {
		t.Errorf("bundled: %s, %s", got, bundled.Schema("rank"))
	}
	const dir = "eval/x/prompts/"
	for want, files := range map[string]fstest.MapFS{
		"":                   {dir + "judge.tmpl": {Data: []byte("theirs")}},
		`{"type": "object"}`: {dir + "rank.tmpl": {Data: []byte("theirs")}},
		`{}`:                 {dir + "judge.tmpl": {Data: []byte("theirs")}, dir + "judge.schema.json": {Data: []byte("{}")}},
		`{"a": 1}`:           {dir + "judge.schema.json": {Data: []byte(`{"a": 1}`)}},
	} {
		replaced, err := Replace(files, []Folder{bundled})
		if err != nil || string(replaced[0].Schema("judge")) != want {
			t.Errorf("%v: schema %s, %v; want %q", files, replaced[0].Schema("judge"), err, want)
		}
	}
	_, err := Replace(fstest.MapFS{dir + "judge.schema.json": {Data: []byte("{")}}, []Folder{bundled})
	if err == nil || !strings.Contains(err.Error(), "is not JSON") {
		t.Errorf("a broken schema: %v", err)
	}
}

func TestFenceCannotBeEnded(t *testing.T) {
	for text, want := range map[string]string{
		"x = 1":                  "```py\nx = 1\n```",
		"a\n```\nb\n":            "````py\na\n```\nb\n````",
		"  `````` inline start":  "```````py\n  `````` inline start\n```````",
		"say `code` and ``two``": "```py\nsay `code` and ``two``\n```",
	} {
		if got := Fence("py", text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
