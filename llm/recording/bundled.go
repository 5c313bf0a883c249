package recording

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed bundled
var bundled embed.FS

// Bundled opens the recording that answers for the bundled papers of a dataset. Every answer in it was given by a
// language model that saw the recorded prompt and nothing else, and stands as it was given.
func Bundled(dataset string) (Answers, error) {
	answers, err := OpenFS(bundled, "bundled/"+dataset+".jsonl.zst")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no recording is bundled for the dataset %s; name a model with --model", dataset)
	}
	return answers, err
}
