package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
	"papereval/llm/openai"
)

// Result is the answer to one request. Its sample has neither index nor elapsed time: they are not in the
// file.
type Result struct {
	Key    string
	Line   int // in the file, from 1
	Sample llm.Sample
}

// answer is what came of one line: a completion with at least one choice, or why there is none.
type answer struct {
	CustomID string    `json:"custom_id"`
	Response *response `json:"response"`
	Error    *problem  `json:"error"`

	completion *goopenai.ChatCompletionResponse
	err        *llm.Error
}

type response struct {
	StatusCode int             `json:"status_code"`
	Body       json.RawMessage `json:"body"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Read reads a file of answers; name is what messages call it. A request that failed is a result whose
// sample has an error. Lines that cannot be read, and all but the first with the same custom_id, are left
// out and named in the error, which comes beside the results of the others.
func Read(r io.Reader, name string) ([]Result, error) {
	var results []Result
	err := each(r, name, func(number int, a *answer) {
		result := Result{Key: a.CustomID, Line: number}
		if a.err != nil {
			result.Sample.Err = a.err
		} else {
			result.Sample = openai.Samples(a.completion, llm.Model{Name: a.completion.Model}, 1)[0]
		}
		results = append(results, result)
	})
	return results, err
}

// each calls use for every answer in a file, with the number of its line.
func each(r io.Reader, name string, use func(number int, a *answer)) error {
	in := bufio.NewReader(r)
	var problems []error
	lines := map[string]int{} // by key
	for number := 1; ; number++ {
		data, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(append(problems, fmt.Errorf("%s, line %d: %w", name, number, err))...)
		}
		if trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); len(trimmed) > 0 {
			a, bad := readLine(trimmed)
			if bad == nil && lines[a.CustomID] != 0 {
				bad = fmt.Errorf("custom_id %s was answered in line %d already: this answer is left out", a.CustomID, lines[a.CustomID])
			}
			if bad != nil {
				problems = append(problems, fmt.Errorf("%s, line %d: %w", name, number, bad))
			} else {
				lines[a.CustomID] = number
				use(number, a)
			}
		}
		if err != nil {
			return errors.Join(problems...)
		}
	}
}

func readLine(data []byte) (*answer, error) {
	a := &answer{}
	if err := json.Unmarshal(data, a); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("broken JSON at column %d: %w", syntax.Offset, err)
		}
		return nil, fmt.Errorf("this is no answer in OpenAI's batch format: %w", err)
	}
	if a.CustomID == "" {
		return nil, errors.New("there is no custom_id; this is no answer in OpenAI's batch format")
	}
	if !keyForm.MatchString(a.CustomID) {
		return nil, fmt.Errorf("custom_id %.80q is no key of a call: is it the answer to an export of bench?", a.CustomID)
	}
	if a.Response == nil && a.Error == nil {
		return nil, errors.New("there is neither a response nor an error; this looks like a request, not an answer to one")
	}
	return a, a.complete()
}

// complete fills in what came.
func (a *answer) complete() error {
	if a.Error != nil {
		a.err = openai.StatusError(0, a.Error.Code, "", a.Error.Message)
		if a.Error.Code == "batch_expired" || a.Error.Code == "batch_cancelled" {
			a.err.Kind = llm.Unanswered
		}
		return nil
	}
	// Answers that were put together by other means may leave the status out.
	if s := a.Response.StatusCode; s != 0 && s != http.StatusOK {
		a.err = openai.BodyError(s, a.Response.Body)
		return nil
	}
	a.completion = &goopenai.ChatCompletionResponse{}
	if err := json.Unmarshal(a.Response.Body, a.completion); err != nil {
		return fmt.Errorf("response.body is no chat completion: %w", err)
	}
	if len(a.completion.Choices) == 0 {
		if a.err = openai.BodyError(http.StatusOK, a.Response.Body); a.err == nil {
			a.err = &llm.Error{Kind: llm.Empty, Model: a.completion.Model, Message: "the answer has no choices"}
		}
	}
	return nil
}
