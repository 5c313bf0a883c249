package recording_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"papereval/llm"
	"papereval/llm/recording"
)

func TestUnansweredNamesTheFirstDifference(t *testing.T) {
	p, err := recording.Open(record(t, "r", []int{0, 1, 2, 3}))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("é", 300)
	with := func(r *llm.Request, change func(*llm.Request)) *llm.Request {
		c := *r
		c.Messages = append([]llm.Message(nil), r.Messages...)
		change(&c)
		return &c
	}
	for name, tt := range map[string]struct {
		req  *llm.Request
		says []string
	}{
		"same label": {with(requests[1], func(r *llm.Request) { r.Messages[1].Content = "write\nb.pyc\nnow" }),
			[]string{"P papercoder coding b.py: ", "the nearest one (P papercoder coding b.py)", "in message 2 (user), line 2: it is \"b.pyc\" and was \"b.py\""}},
		"same label, though another prompt is nearer": {with(requests[1], func(r *llm.Request) { r.Messages[1].Content = "write\na.pyc" }),
			[]string{"(P papercoder coding b.py)", "line 2: it is \"a.pyc\" and was \"b.py\""}},
		"same label, though a later prompt is nearer": {with(requests[2], func(r *llm.Request) { r.Messages[1].Content = "write\nb.pyc" }),
			[]string{"(P papercoder coding a.py)", "line 2: it is \"b.pyc\" and was \"a.py\""}},
		"another label": {with(requests[1], func(r *llm.Request) {
			r.Label.File, r.Messages[1].Content = "c.py", "write\na.py\nlater"
		}), []string{"P papercoder coding c.py: ", "(P papercoder coding a.py)", "line 3: it is \"later\" and was \"now\""}},
		"shortened": {with(requests[0], func(r *llm.Request) { r.Messages[0].Content = long }),
			[]string{"message 1 (system), line 1: it is \"" + strings.Repeat("é", 120) + "\"… and was \"The paper & its formulas\""}},
		"end": {with(requests[0], func(r *llm.Request) { r.Messages[0].Content += "\x1b[2Jmore" }),
			[]string{"line 3: it is \"\\x1b[2Jmore\" and was the text's end"}},
		"role": {with(requests[0], func(r *llm.Request) { r.Messages[1].Role = llm.Assistant }),
			[]string{"message 2: its role is assistant and was user"}},
		"a message more": {with(requests[0], func(r *llm.Request) { r.Messages = append(r.Messages, llm.Message{Role: llm.User}) }),
			[]string{"it has 3 messages and had 2"}},
		"a message less": {with(requests[0], func(r *llm.Request) { r.Messages = r.Messages[:1] }),
			[]string{"it has 1 messages and had 2"}},
		"another sample": {with(requests[3], func(r *llm.Request) { r.First, r.Samples = 7, 1 }),
			[]string{"P papercoder judge: ", "recorded with sample 0, 1, 2 and not with 7"}},
		"asked again": {with(requests[0], func(r *llm.Request) { r.Label.Again, r.Messages[1].Content = true, "again" }),
			[]string{"P papercoder plan (asked again): "}},
	} {
		_, err := llm.One(t.Context(), p, tt.req)
		if llm.KindOf(err) != llm.Unanswered {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range append(tt.says, p.Endpoint()) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", name, err, want)
			}
		}
		if !utf8.ValidString(err.Error()) || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: %q", name, err)
		}
	}
	// Known samples are there beside the missing one.
	resp, err := p.Complete(t.Context(), with(requests[3], func(r *llm.Request) { r.Samples = 4 }))
	if err != nil || resp.Samples[2].Err != nil || resp.Samples[3].Err == nil {
		t.Errorf("%+v, %v", resp, err)
	}
	none, err := recording.Open(record(t, "r", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := llm.One(t.Context(), none, requests[0]); err == nil || !strings.Contains(err.Error(), "no answers at all") {
		t.Errorf("an empty recording: %v", err)
	}
}

func TestLongLinesAreShownAroundTheDifference(t *testing.T) {
	was := *requests[0]
	was.Messages = []llm.Message{{Role: llm.User, Content: strings.Repeat("a", 500) + "X" + strings.Repeat("b", 500)}}
	old := requests[0]
	requests[0] = &was
	path := record(t, "r", []int{0})
	requests[0] = old
	p, err := recording.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	is := was
	is.Messages = []llm.Message{{Role: llm.User, Content: strings.Repeat("a", 500) + "Y" + strings.Repeat("b", 500)}}
	_, err = llm.One(t.Context(), p, &is)
	want := "it is …\"" + strings.Repeat("a", 40) + "Y" + strings.Repeat("b", 79) + "\"… and was …\"" + strings.Repeat("a", 40) + "X"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}
