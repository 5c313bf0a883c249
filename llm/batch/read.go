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

type answer struct {
	CustomID string    `json:"custom_id"`
	Response *response `json:"response"`
	Error    *problem  `json:"error"`
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
	err := each(r, name, func(result Result) { results = append(results, result) })
	return results, err
}

// each is [Read] without keeping the results.
func each(r io.Reader, name string, use func(Result)) error {
	in := bufio.NewReader(r)
	var problems []error
	lines := map[string]int{} // by key
	for number := 1; ; number++ {
		data, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(append(problems, fmt.Errorf("%s, line %d: %w", name, number, err))...)
		}
		if trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); len(trimmed) > 0 {
			result, bad := readLine(trimmed)
			if first := lines[result.Key]; bad == nil && first != 0 {
				bad = fmt.Errorf("custom_id %s was answered in line %d already: this answer is left out", result.Key, first)
			}
			if bad != nil {
				problems = append(problems, fmt.Errorf("%s, line %d: %w", name, number, bad))
			} else {
				result.Line = number
				lines[result.Key] = number
				use(result)
			}
		}
		if err != nil {
			return errors.Join(problems...)
		}
	}
}

func readLine(data []byte) (Result, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return Result{}, fmt.Errorf("broken JSON at column %d: %w", syntax.Offset, err)
		}
		return Result{}, fmt.Errorf("this is no answer in OpenAI's batch format: %w", err)
	}
	if a.CustomID == "" {
		return Result{}, errors.New("there is no custom_id; this is no answer in OpenAI's batch format")
	}
	if !keyForm.MatchString(a.CustomID) {
		return Result{}, fmt.Errorf("custom_id %.80q is no key of a call: is it the answer to an export of bench?", a.CustomID)
	}
	if a.Response == nil && a.Error == nil {
		return Result{}, errors.New("there is neither a response nor an error; this looks like a request, not an answer to one")
	}
	s, err := a.sample()
	return Result{Key: a.CustomID, Sample: s}, err
}

func (a *answer) sample() (llm.Sample, error) {
	if a.Error != nil {
		e := openai.StatusError(0, a.Error.Code, "", a.Error.Message)
		if a.Error.Code == "batch_expired" || a.Error.Code == "batch_cancelled" {
			e.Kind = llm.Unanswered
		}
		return llm.Sample{Err: e}, nil
	}
	// Answers that were put together by other means may leave the status out.
	if s := a.Response.StatusCode; s != 0 && s != http.StatusOK {
		return llm.Sample{Err: openai.BodyError(s, a.Response.Body)}, nil
	}
	var completion goopenai.ChatCompletionResponse
	if err := json.Unmarshal(a.Response.Body, &completion); err != nil {
		return llm.Sample{}, fmt.Errorf("response.body is no chat completion: %w", err)
	}
	samples := openai.Samples(&completion, llm.Model{Name: completion.Model}, 1)
	if len(samples) == 0 {
		e := openai.BodyError(http.StatusOK, a.Response.Body)
		if e == nil {
			e = &llm.Error{Kind: llm.Empty, Model: completion.Model, Message: "the answer has no choices"}
		}
		return llm.Sample{Err: e}, nil
	}
	return samples[0], nil
}
