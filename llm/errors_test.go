package llm_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"papereval/llm"
)

func TestErrorText(t *testing.T) {
	cause := errors.New("dial tcp: connection refused")
	for _, tt := range []struct {
		err  llm.Error
		want []string
	}{
		{llm.Error{Kind: llm.RateLimited, Endpoint: "https://a/v1", Model: "m", Status: 429, Message: "slow down"},
			[]string{"m at https://a/v1: rate limited (HTTP 429): slow down; ", "--concurrency"}},
		{llm.Error{Kind: llm.Network, Endpoint: "https://a/v1", Err: cause}, []string{"https://a/v1: ", "connection refused", "OPENAI_BASE_URL"}},
		{llm.Error{Kind: llm.Unauthorized, Model: "m", Message: "Incorrect API key provided: sk-proj-abcd****1234."}, []string{"[key]", "OPENAI_API_KEY"}},
		{llm.Error{Kind: llm.UnknownModel}, []string{"unknown model", "--model"}},
		{llm.Error{Kind: llm.PromptTooLong}, []string{"context="}},
		{llm.Error{Kind: llm.Unanswered, Message: "nothing"}, []string{"no answer is there yet: nothing"}},
	} {
		text := tt.err.Error()
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q lacks %q", text, want)
			}
		}
		if strings.Contains(text, "sk-proj") {
			t.Errorf("%q shows a key", text)
		}
	}
	err := fmt.Errorf("coding main.py: %w", &llm.Error{Kind: llm.Network, Err: cause})
	if llm.KindOf(err) != llm.Network || !errors.Is(err, cause) || llm.KindOf(cause) != "" {
		t.Error("the kind or the cause is lost")
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"header Authorization: Bearer abc.def-123, next": "header Authorization: [key], next",
		"key sk-1234567890abcdef is wrong":               "key [key] is wrong",
		"key hunter2 is wrong":                           "key [key] is wrong",
		"risk-averse disk-usage, ask-me":                 "risk-averse disk-usage, ask-me",
		"":                                               "",
	} {
		if got := llm.Redact(in, "", "hunter2"); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestContiguous(t *testing.T) {
	for _, tt := range []struct {
		in   []int
		want [][2]int
	}{{nil, nil}, {[]int{3}, [][2]int{{3, 1}}}, {[]int{0, 1, 2, 5, 6, 9}, [][2]int{{0, 3}, {5, 2}, {9, 1}}}} {
		if got := llm.Contiguous(tt.in); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.in, got, tt.want)
		}
	}
}
