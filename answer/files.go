package answer

// File is one file of an answer that holds a whole repository.
type File struct {
	Path    string // spelled by [repo.Clean]; it may be hostile, putting it into a tree checks it
	Content string // with the last newline before the closing fence
}

// Files reads a whole repository from one answer: every fenced block that names its file, in order. A block
// is named, in this order of belief, by
//
//   - its info string: "python src/a.py", "python:a.py", "## File name: a.py";
//   - the line above, if that is a heading, bold, or nothing but a path: "## Code: a.py", "### `a.py`", "**a.py**";
//   - a comment on its first line with nothing else in it: "# a.py" (it stays in the content);
//   - the line above, if that is a sentence with one path in backticks: "Now `a.py`:".
//
// Blocks without a name (a command to run, a listing) are left out. The error is an [*Error]: no named
// block, or two for one path.
func Files(text string) ([]File, error) {
	visible, err := Text(text)
	if err != nil {
		return nil, err
	}
	blocks := parseBlocks(visible, func(b *block) bool { return isMarkdown(b, "") })
	var files []File
	seen := map[string]bool{}
	for i := range blocks {
		name := nameOf(&blocks[i])
		if name == "" {
			continue
		}
		if seen[name] {
			return nil, fail(text, "the answer holds the file %q twice", name)
		}
		seen[name] = true
		files = append(files, File{Path: name, Content: blocks[i].content})
	}
	switch {
	case files != nil:
		return files, nil
	case len(blocks) > 0:
		return nil, fail(visible, "no block of the answer names its file, as in %q above the block", "## Code: main.py")
	}
	return nil, fail(visible, "the answer holds no file, only prose")
}
