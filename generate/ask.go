package generate

import (
	"context"
	"embed"
	"fmt"

	"papereval/answer"
	"papereval/llm"
	"papereval/prompt"
)

//go:embed prompts/*.tmpl
var files embed.FS

// Prompts are what every generator asks with when an answer could not be used.
func Prompts() prompt.Folder { return prompt.Read("generate", files) }

// StageError is a stage that failed: no answer came, or none that could be used.
type StageError struct {
	Stage, File string
	Err         error
	// Unusable is true where answers came and none could be used: what the model wrote is to blame.
	Unusable bool
	// Answer is the last answer that could not be used, whole; empty where none came.
	Answer string
}

func (e *StageError) Error() string {
	where := e.Stage
	if e.File != "" {
		where += " of " + e.File
	}
	return fmt.Sprintf("stage %s: %v", where, e.Err)
}

func (e *StageError) Unwrap() error { return e.Err }

// Ask asks the task's model for one answer and gives it to use. An answer that use refuses is asked for once
// more, with the reason; then the stage fails with a [StageError]. What Ask returns is the answer's visible
// text, as it stands in later prompts.
func Ask(ctx context.Context, task *Task, messages []llm.Message, stage, file string, use func(text string) error) (string, error) {
	label := task.Label
	label.Stage, label.File = stage, file
	try := func() (text string, refused, err error) {
		sample, err := llm.One(ctx, task.Client, &llm.Request{Model: task.Model, Messages: messages, First: task.Label.Seed, Label: label})
		if err != nil {
			return "", nil, err
		}
		return sample.Text, usable(sample.Text, use), nil
	}

	text, refused, err := try()
	if err != nil {
		return "", &StageError{Stage: stage, File: file, Err: err}
	}
	if refused == nil {
		return answer.Visible(text), nil
	}
	again, err := task.Prompts.Fill("again", refused.Error())
	if err != nil {
		return "", err
	}
	messages = append(messages[:len(messages):len(messages)],
		llm.Message{Role: llm.Assistant, Content: answer.Visible(text)}, llm.Message{Role: llm.User, Content: again})
	label.Again = true
	second, refusedAgain, err := try()
	if err != nil {
		return "", &StageError{Stage: stage, File: file, Answer: text, Err: fmt.Errorf("the answer cannot be used: %w; it could not be asked for again: %w", refused, err)}
	}
	if refusedAgain != nil {
		return "", &StageError{Stage: stage, File: file, Answer: second, Unusable: true, Err: fmt.Errorf("two answers cannot be used: first: %w; then: %w", refused, refusedAgain)}
	}
	return answer.Visible(second), nil
}

func usable(text string, use func(string) error) error {
	if _, err := answer.Text(text); err != nil {
		return err
	}
	return use(text)
}
