package answer

import (
	"path"
	"regexp"
	"strings"

	"papereval/repo"
)

// Code is the content of the file at path from an answer that was asked for this file. The rules, in their
// order:
//
//   - Of the blocks that name the path (in the info string, in the line above, in a comment on their first
//     line), the longest.
//   - Of the blocks that name no path, the longest; those in the path's language first.
//   - The longest block.
//   - Without any block, the whole visible answer.
//
// A block's content ends with the last newline before the closing fence; where that is missing, the block
// goes to the end. In a Markdown file fences nest and the outermost count. The error is an [*Error]: an empty
// answer, a web page, or for a .py file an answer without code.
func Code(text, path string) (string, error) {
	visible := Visible(strings.ReplaceAll(text, "\r\n", "\n"))
	path = repo.Clean(path)
	if !isHTMLFile(path) {
		var err error
		if visible, err = Text(text); err != nil {
			return "", err
		}
	}
	content, fenced := choose(visible, path)
	switch {
	case fenced && path != "" && strings.HasSuffix("/"+path, "/__init__.py"): // may well be blank
	case strings.TrimSpace(content) == "":
		return "", fail(text, "the answer holds no content for %s", path)
	case !fenced && isPython(path) && !looksPython(content):
		return "", fail(text, "the answer holds no code for %s, only prose", path)
	}
	return content, nil
}

// choose picks the block by the rules of [Code]; fenced is false where there is none.
func choose(visible, file string) (content string, fenced bool) {
	blocks := parseBlocks(visible, func(b *block) bool { return isMarkdown(b, file) })
	if len(blocks) == 0 {
		return visible, false
	}
	best, bestRank := "", -1
	for i := range blocks {
		b := &blocks[i]
		r := rank(b, file)
		if r > bestRank || r == bestRank && len(b.content) > len(best) {
			best, bestRank = b.content, r
		}
	}
	return best, true
}

// rank is how well a block suits the path, higher is better; a blank block suits nothing.
func rank(b *block, file string) int {
	name := nameOf(b)
	switch {
	case strings.TrimSpace(b.content) == "":
		return 0
	case samePath(name, file):
		return 4
	case name != "":
		return 1
	case language(b.info) == "" || languageOf(file) == language(b.info):
		return 3
	}
	return 2
}

// nameOf is the path that a block names, or "". What is nearer to the content is believed first, except that
// a sentence above is believed last.
func nameOf(b *block) string {
	if name := nameInInfo(b.info); name != "" {
		return name
	}
	above, how := nameIn(b.above)
	if how >= heading {
		return above
	}
	if name := nameInside(b.content); name != "" {
		return name
	}
	return above
}

// language is a fence's language by the name that [languageOf] uses.
func language(info string) string {
	word := strings.ToLower(strings.Trim(info, "{}. "))
	if i := strings.IndexAny(word, " \t:{,"); i >= 0 {
		word = word[:i]
	}
	switch word {
	case "py", "python3":
		return "python"
	case "yml":
		return "yaml"
	case "md":
		return "markdown"
	case "sh", "bash", "zsh", "console":
		return "shell"
	}
	return word
}

func languageOf(file string) string {
	ext := strings.TrimPrefix(strings.ToLower(path.Ext(file)), ".")
	if ext == "txt" {
		return "text"
	}
	return language(ext)
}

func isPython(file string) bool { return languageOf(file) == "python" }

func isHTMLFile(file string) bool { l := languageOf(file); return l == "html" || l == "htm" }

// isMarkdown says whether fences nest freely in the block: it says that it is Markdown, or is asked for as such.
func isMarkdown(b *block, file string) bool {
	if name := nameOf(b); name != "" {
		return languageOf(name) == "markdown"
	}
	return language(b.info) == "markdown" || b.info == "" && languageOf(file) == "markdown"
}

var pythonLine = regexp.MustCompile(`(?m)^\s*(?:(?:import|from)\s+[\w.]+(?:\s+(?:as|import)\b.*|\s*,.*)?$|(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|@\w|"""|'''|\w+(?:\.\w+)*(?:\s*:\s*[\w.\[\], ]+)?\s*=\s*\S|\w+(?:\.\w+)*\(.*\)\s*$|if\s+__name__|(?:pass|raise\b.*|return\b.*)$)`)

// looksPython is false of a refusal or an apology; it need not be more than that.
func looksPython(text string) bool {
	if pythonLine.MatchString(text) {
		return true
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true // nothing but comments
}
