package generate

import (
	"papereval/answer"
	"papereval/repo"
)

// ReadRepository reads an answer that holds a whole repository.
func ReadRepository(text string) (*repo.Tree, error) {
	files, err := answer.Files(text)
	if err != nil {
		return nil, err
	}
	tree := &repo.Tree{}
	for _, f := range files {
		if err := tree.Put(f.Path, []byte(f.Content)); err != nil {
			return nil, err
		}
	}
	return tree, nil
}
