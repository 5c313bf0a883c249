package recording

import "embed"

//go:embed bundled
var bundled embed.FS

// Bundled opens the recording that answers for the bundled papers. Every answer in it was given by a language
// model that saw the recorded prompt and nothing else, and stands as it was given.
func Bundled() (Answers, error) { return OpenFS(bundled, "bundled/paper2code.jsonl.zst") }
