package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"papereval/datasets/lock"
	"papereval/paper"
)

// source is where a dataset is published, and how its files are laid out there.
type source struct {
	name, kind   string
	from, commit string
	// lay writes the dataset's files out of the commit's tree.
	lay func(ctx context.Context, p *pulling, tree *object.Tree) ([]lock.File, error)
}

// sources are the datasets that can be pulled, by name.
func sources() []source {
	return []source{
		{"paper2code", lock.Paper2Code, "https://github.com/going-doer/Paper2Code", "ba9169978043d5799c8d4f4a0963e6b66a24c2e1", layPaper2Code},
		{"paperbench", lock.PaperBench, "https://github.com/openai/frontier-evals", "51052cede8cc608f95bb00346635e03759013e5a", layPaperBench},
	}
}

// Names are the datasets that can be pulled.
func Names() []string {
	var names []string
	for _, s := range sources() {
		names = append(names, s.name)
	}
	return names
}

func find(name string) (source, error) {
	for _, s := range sources() {
		if s.name == name {
			return s, nil
		}
	}
	return source{}, &UsageError{fmt.Sprintf("there is no dataset %q to pull, only %s; `bench dataset add` takes a folder of your own", name, strings.Join(Names(), ", "))}
}

// layPaperBench takes the papers, the splits and the submissions that people graded. What git itself needs
// beside them stays out.
func layPaperBench(ctx context.Context, p *pulling, tree *object.Tree) ([]lock.File, error) {
	var all []lock.File
	for _, folder := range []struct{ there, here string }{
		{"project/paperbench/data/papers", "papers"},
		{"project/paperbench/data/judge_eval", "judge_eval"},
		{"project/paperbench/experiments/splits", "splits"},
	} {
		sub, err := tree.Tree(folder.there)
		if err != nil {
			return nil, p.notThere(folder.there, err)
		}
		_, err = walk(ctx, sub, func(name string, blob *object.Blob) error {
			if strings.HasPrefix(path.Base(name), ".git") {
				return nil
			}
			content, err := read(blob)
			if err != nil {
				return err
			}
			f, err := p.put(path.Join(folder.here, name), content)
			all = append(all, f)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder.there, err)
		}
	}
	return all, nil
}

// layPaper2Code takes the list, and the papers out of the archive beside it.
func layPaper2Code(ctx context.Context, p *pulling, tree *object.Tree) ([]lock.File, error) {
	const listName, listPlace, archive = "dataset_info.json", "data/paper2code/dataset_info.json", "data/paper2code/paper2code_data.zip"
	content := make(map[string][]byte)
	for _, name := range []string{listPlace, archive} {
		file, err := tree.File(name)
		if err != nil {
			return nil, p.notThere(name, err)
		}
		if content[name], err = read(&file.Blob); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	var venues map[string]any
	if err := paper.DecodeJSON(listPlace, content[listPlace], &venues); err != nil {
		return nil, err
	}
	list, err := p.put(listName, content[listPlace])
	if err != nil {
		return nil, err
	}
	all := []lock.File{list}
	err = extract(content[archive], slices.Sorted(maps.Keys(venues)), func(name string, content []byte) error {
		f, err := p.put(name, content)
		all = append(all, f)
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", archive, err)
	}
	return all, nil
}

func (p *pulling) notThere(name string, err error) error {
	return fmt.Errorf("commit %s of %s has no %s (%w): it is no commit of %s; name another with --from and --commit", p.commit, p.from.url, name, err, p.name)
}

// maxFiles is how many files a commit may have. A tree can name itself's parts again and again, so that few
// bytes are many files.
const maxFiles = 100_000

// walk hands on the files of a tree, with nil for a content that the server left out, and counts the others:
// links and submodules.
func walk(ctx context.Context, tree *object.Tree, file func(name string, blob *object.Blob) error) (others int, err error) {
	w := object.NewTreeWalker(tree, true, nil)
	defer w.Close()
	for n := 0; ; n++ {
		name, entry, err := w.Next()
		switch {
		case errors.Is(err, io.EOF):
			return others, nil
		case err != nil:
			return others, err
		case n > maxFiles:
			return others, fmt.Errorf("it has more than %d files", maxFiles)
		case ctx.Err() != nil:
			return others, context.Cause(ctx)
		case entry.Mode == filemode.Dir:
			continue
		case !entry.Mode.IsRegular() && entry.Mode != filemode.Executable:
			others++
			continue
		}
		var blob *object.Blob
		f, err := tree.TreeEntryFile(&entry)
		if err == nil {
			blob = &f.Blob
		}
		if err == nil || errors.Is(err, plumbing.ErrObjectNotFound) {
			err = file(name, blob)
		}
		if err != nil {
			return others, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// read reads the content of a file.
func read(blob *object.Blob) ([]byte, error) {
	if blob == nil {
		return nil, errors.New("the server left it out")
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}
