package replication

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"papereval/eval"
	"papereval/prompt"
	"papereval/repo"
	"papereval/rubric"
	"papereval/tokens"
)

// What is shown of a repository, by category: the published lists. Suffixes are told apart by case.
var (
	documents = set(".md", ".txt", ".rst")
	code      = set(".py", ".R", ".Rmd", ".m", ".jl",
		".c", ".h", ".cpp", ".hpp", ".cc", ".cxx", ".hxx",
		".java", ".js", ".ts", ".scala", ".go", ".rs",
		".sh",
		".config", ".cfg", ".json", ".yaml", ".yml", ".toml", ".ini")
	tables = set(".csv", ".tsv", ".psv", ".json", ".jsonl", ".html", ".xml", ".yaml", ".yml",
		".toml", ".arff", ".tex", ".svm", ".libsvm")
	// Folders are left out by their whole names, .egg-info by their ends. The published program looks for these
	// anywhere in the names of folders, also of those around the repository, and so hides gym.envs for its .env.
	hidden = set("venv", ".venv", ".env", "wandb", ".git", ".github", "__pycache__", "node_modules")
)

// maxFile is how much is read of a file, in bytes; what is longer is cut.
const maxFile = 200_000

func set(names ...string) map[string]bool {
	s := make(map[string]bool)
	for _, name := range names {
		s[name] = true
	}
	return s
}

// view is the files that the leaves of a category are graded by.
type view struct {
	files []file
	index map[string]int
	all   string // their paths, a line each
	flat  string // the same, no deeper than maxDepth
	// tokens are those of all files, listed those of the list of all.
	tokens, listed int
}

type file struct {
	path, content string
	text          string // as a prompt shows it
	tokens        int
}

func newFile(path, content string) file {
	text := "## File name: " + path + "\n\n" + prompt.Fence("", content)
	return file{path, content, text, tokens.Count(text)}
}

// cut is as much of the file as fits; ok is false where that is nothing.
func (f file) cut(room int) (cut file, ok bool) {
	const frame = 40 // tokens of fences and of what says that something is missing
	content := tokens.First(f.content, room-frame-tokens.Count(f.path))
	return newFile(f.path, content+unshown), content != ""
}

// shown tells whether a file counts for a category.
func shown(name string, category rubric.Category, r *eval.Reproduction) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if hidden[part] || strings.HasSuffix(part, ".egg-info") {
			return false
		}
	}
	ext := path.Ext(name)
	touched := r != nil && r.Touched[name]
	switch category {
	case rubric.ResultAnalysis:
		return documents[ext] || tables[ext] && touched
	case rubric.Subtree:
		return documents[ext] || code[ext] || tables[ext] && touched
	}
	return documents[ext] || code[ext]
}

// newView picks the files of a category; texts are read once for all categories.
func newView(tree *repo.Tree, category rubric.Category, r *eval.Reproduction, read func(string, []byte) file) *view {
	v := &view{index: make(map[string]int)}
	var paths []string
	for name, content := range tree.All() {
		if shown(name, category, r) {
			v.index[name] = len(v.files)
			f := read(name, content)
			v.files = append(v.files, f)
			v.tokens += f.tokens
			paths = append(paths, name)
		}
	}
	v.all = strings.Join(paths, "\n")
	v.listed = tokens.Count(v.all)
	v.flat = strings.Join(slices.DeleteFunc(paths, func(p string) bool { return strings.Count(p, "/") > maxDepth }), "\n")
	return v
}

// maxDepth is how many folders deep the files lie that a list shows which is too long with all of them.
const maxDepth = 4

// list is the list of the files in at most that many tokens: whole, without what lies deep, or cut.
func (v *view) list(room int) string {
	if v.listed <= room {
		return v.all
	}
	return tokens.First(v.flat, room)
}

// reader returns a function that reads files as prompts show them, each once.
func reader(warn func(string)) func(string, []byte) file {
	known := make(map[string]file)
	return func(name string, content []byte) file {
		f, ok := known[name]
		if !ok {
			text := readable(content, func(warning string) { warn(name + ": " + warning) })
			f = newFile(name, text)
			known[name] = f
		}
		return f
	}
}

// readable is a file's text, as much of it as is shown.
func readable(content []byte, warn func(string)) string {
	end, rest := len(content), ""
	if end > maxFile {
		for end = maxFile; !utf8.RuneStart(content[end]) && end > maxFile-utf8.UTFMax; end-- {
		}
		rest = unshown
		warn("is longer than 200,000 bytes; the rest is not shown")
	}
	text, warning, ok := repo.Text(content[:end])
	switch {
	case !ok:
		return "(the file is binary)"
	case strings.TrimSpace(text) == "":
		return "(the file is empty)"
	case warning != "":
		warn(warning)
	}
	return text + rest
}

const unshown = "\n[the rest is not shown]\n"
