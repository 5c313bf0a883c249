package answer

import (
	"path"
	"regexp"
	"strings"

	"papereval/repo"
)

// naming says how clearly a line names a file.
type naming int

const (
	unnamed  naming = iota
	prose           // a sentence with one path in backticks
	heading         // a heading, a bold line, or a line that is nothing but a path
	labelled        // "Code: path", "File name: path"
)

var (
	labelPattern  = regexp.MustCompile(`(?i)^(?:code|file|file[ _-]?name|file[ _-]?path|path)\s*:\s*(.+)$`)
	quotedPattern = regexp.MustCompile("`([^`]+)`")
	listPattern   = regexp.MustCompile(`^(?:[-+]|\d{1,3}[.)])\s+`)
	extPattern    = regexp.MustCompile(`^\.[A-Za-z][A-Za-z0-9_]{0,9}$`)
)

// maxLine bounds the lines that are looked at for a path.
const maxLine = 5000

// nameIn finds the path in a line above a block: "## Code: main.py", "### `src/a.py`", "**a.py**:",
// "Now `a.py`:". The path may be hostile; whoever uses it checks it.
func nameIn(line string) (string, naming) {
	line = strings.TrimSpace(line)
	if line == "" || len(line) > maxLine {
		return "", unnamed
	}
	if _, ok := parseFence(line); ok {
		return "", unnamed
	}
	if !strings.ContainsAny(line, "#*.:`") { // most lines: spare them the patterns
		if p := repo.Clean(line); isPath(p) {
			return p, heading
		}
		return "", unnamed
	}
	bare := strings.TrimLeft(line, "#> ")
	isHeading := strings.HasPrefix(line, "#") || strings.HasPrefix(line, "**") && strings.HasSuffix(strings.TrimRight(line, ": "), "**")
	bare = listPattern.ReplaceAllString(bare, "")
	bare = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(bare, "**", "")), ":"))
	if m := labelPattern.FindStringSubmatch(bare); m != nil {
		if p := labelledPath(m[1]); p != "" {
			return p, labelled
		}
	}
	if p := repo.Clean(bare); isPath(p) {
		return p, heading
	}
	how := prose
	if isHeading {
		how = heading
	}
	found := ""
	for _, m := range quotedPattern.FindAllStringSubmatch(bare, 10) {
		if p := repo.Clean(m[1]); isPath(p) {
			if found != "" && found != p {
				return "", unnamed
			}
			found = p
		}
	}
	if found != "" {
		return found, how
	}
	if isHeading {
		for word := range strings.FieldsSeq(bare) {
			if p := repo.Clean(strings.Trim(word, ",;:()[]")); isPath(p) {
				return p, heading
			}
		}
	}
	return "", unnamed
}

// labelledPath takes the path behind a label, even one that does not look like it.
func labelledPath(s string) string {
	if m := quotedPattern.FindStringSubmatch(s); m != nil {
		return repo.Clean(m[1])
	}
	s = repo.Clean(s)
	if !strings.ContainsAny(s, " \t") {
		return s
	}
	for word := range strings.FieldsSeq(s) {
		if p := repo.Clean(strings.Trim(word, ",;:()[]")); isPath(p) {
			return p
		}
	}
	return ""
}

// nameInInfo finds the path in a fence's info string: "python src/a.py", "python:a.py", "a.py",
// `python title="a.py"`, "## File name: a.py".
func nameInInfo(info string) string {
	if info == "" || len(info) > maxLine {
		return ""
	}
	if p, how := nameIn(info); how == labelled {
		return p
	}
	for word := range strings.FieldsSeq(strings.Trim(info, "{}")) {
		if key, value, ok := strings.Cut(word, "="); ok {
			switch strings.ToLower(key) {
			case "title", "file", "filename", "path", "name":
				word = value
			default:
				continue
			}
		}
		if language, rest, ok := strings.Cut(word, ":"); ok && !strings.ContainsAny(language, "./") {
			word = rest
		}
		if p := repo.Clean(word); isPath(p) {
			return p
		}
	}
	return ""
}

// nameInside finds the path in the first line of a file, where that is a comment or a docstring with nothing
// else in it: "# src/a.py", `"""a.py`, "<!-- a.html -->".
func nameInside(content string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(content, "\n"), "\n")
	if line = strings.TrimSpace(line); line == "" || len(line) > maxLine {
		return ""
	}
	for _, mark := range [][2]string{{"<!--", "-->"}, {"/*", "*/"}, {`"""`, `"""`}, {"'''", "'''"}, {"//", ""}, {"#", ""}, {"--", ""}, {";", ""}} {
		if inner, ok := strings.CutPrefix(line, mark[0]); ok {
			inner = strings.TrimSpace(strings.TrimLeft(strings.TrimSuffix(inner, mark[1]), "#/"))
			if m := labelPattern.FindStringSubmatch(inner); m != nil {
				return labelledPath(m[1])
			}
			if p := repo.Clean(inner); isPath(p) {
				return p
			}
			return ""
		}
	}
	return ""
}

// isPath says whether a word looks like a file's path: it has an extension or a name that needs none.
func isPath(s string) bool {
	if s == "" || strings.ContainsAny(s, " \t\n`\"'()<>|*,;=") || strings.Contains(s, "://") || strings.HasSuffix(s, "/") {
		return false
	}
	base := path.Base(s)
	switch base {
	case "Makefile", "Dockerfile", "LICENSE", "README", "Procfile", ".gitignore", ".dockerignore", ".gitattributes":
		return true
	}
	ext := path.Ext(base)
	if !extPattern.MatchString(ext) || ext == base {
		return false
	}
	// "torch.nn" and "e.g" are no files, "src/x.unknown" is.
	return strings.Contains(s, "/") || knownExtension(ext)
}

func knownExtension(ext string) bool {
	switch strings.ToLower(ext) {
	case ".py", ".pyi", ".ipynb", ".yaml", ".yml", ".md", ".rst", ".txt", ".sh", ".bash", ".json", ".jsonl", ".toml", ".cfg",
		".ini", ".csv", ".tsv", ".html", ".css", ".js", ".ts", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".cuh", ".rs", ".go",
		".java", ".r", ".jl", ".m", ".lua", ".sql", ".xml", ".tex", ".bib", ".env", ".lock", ".in", ".bat", ".ps1", ".dockerfile":
		return true
	}
	return false
}

// samePath says whether two spellings mean one file: equal, or one is the end of the other.
func samePath(a, b string) bool {
	return a != "" && b != "" && (a == b || strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a))
}
