package papercoder

import (
	"context"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"papereval/answer"
	"papereval/generate"
	"papereval/llm"
	"papereval/repo"
)

// file is a file that is written already, as prompts show it.
type file struct{ Path, Content string }

// analyse thinks through every file that is to be written. The analyses do not see each other, so they are
// asked for at the same time. One that fails does not stop the others: what they cost would be lost.
func (w *work) analyse(ctx context.Context) error {
	w.analyses = make(map[string]string)
	if !w.on(Analysis) {
		return nil
	}
	shared, err := w.prompts.Fill("context", w.known)
	if err != nil {
		return err
	}
	texts := make([]string, len(w.toWrite))
	var group errgroup.Group
	for i, name := range w.toWrite {
		group.Go(func() error {
			question, err := w.prompts.Fill("analysis", struct{ File, Purpose string }{name, w.purpose[name]})
			if err != nil {
				return err
			}
			texts[i], err = generate.Ask(ctx, w.task, []llm.Message{
				{Role: llm.System, Content: w.prompts.Text("analysis-system")},
				{Role: llm.User, Content: shared + "\n\n" + question},
			}, Analysis, name, func(string) error { return nil })
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, name := range w.toWrite {
		w.analyses[name] = texts[i]
		w.step(Analysis, name, texts[i])
	}
	return nil
}

// write writes the files one after the other; each sees all that were written before it.
func (w *work) write(ctx context.Context) error {
	shared, err := w.prompts.Fill("context", w.known)
	if err != nil {
		return err
	}
	var written []file
	for _, name := range w.toWrite {
		question, err := w.prompts.Fill("coding", struct {
			File, Purpose, Analysis, Config, Language string
			Written                                   []file
		}{name, w.purpose[name], w.analyses[name], w.known.Config, language(name), written})
		if err != nil {
			return err
		}
		var code string
		if _, err := generate.Ask(ctx, w.task, []llm.Message{
			{Role: llm.System, Content: w.prompts.Text("coding-system")},
			{Role: llm.User, Content: shared + "\n\n" + question},
		}, Coding, name, func(text string) (err error) {
			code, err = answer.Code(text, name)
			return err
		}); err != nil {
			return err
		}
		if err := w.tree.Put(name, []byte(code)); err != nil {
			return &generate.StageError{Stage: Coding, File: name, Unusable: true, Err: err}
		}
		written = append(written, file{name, strings.TrimRight(code, "\n") + "\n"})
		w.step(Coding, name, "")
	}
	return nil
}

// wholeRepository writes everything in one call: without the designs nothing says which files there are.
func (w *work) wholeRepository(ctx context.Context) error {
	shared, err := w.prompts.Fill("context", w.known)
	if err != nil {
		return err
	}
	question, err := w.prompts.Fill("repository", w.known)
	if err != nil {
		return err
	}
	var whole *repo.Tree
	if _, err := generate.Ask(ctx, w.task, []llm.Message{
		{Role: llm.System, Content: w.prompts.Text("coding-system")},
		{Role: llm.User, Content: shared + "\n\n" + question},
	}, Coding, "", func(text string) (err error) {
		whole, err = generate.ReadRepository(text)
		return err
	}); err != nil {
		return err
	}
	for name, content := range w.tree.All() { // what the earlier stages wrote stands
		if err := whole.Put(name, content); err != nil {
			return &generate.StageError{Stage: Coding, Unusable: true, Err: err}
		}
	}
	w.tree = whole
	w.step(Coding, "", "")
	return nil
}

// language is the info string of the fenced block that a file is asked for in.
func language(name string) string {
	switch path.Ext(name) {
	case ".py":
		return "python"
	case ".sh", ".bash":
		return "bash"
	case ".yaml", ".yml":
		return "yaml"
	case ".json":
		return "json"
	case ".md":
		return "markdown"
	}
	return "text"
}
