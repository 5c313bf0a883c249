package answer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"papereval/answer"
)

func TestFiles(t *testing.T) {
	block := func(info, content string) string { return "```" + info + "\n" + content + "```\n" }
	tests := []struct {
		name, in string
		want     []answer.File
	}{
		{"label", "## Code: src/a.py\n" + block("python", "x = 1\n"), []answer.File{{"src/a.py", "x = 1\n"}}},
		{"backticks in a heading", "### `a.py`\n\n" + block("python", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"numbered heading", "### 3. `a.py` (the model)\n" + block("python", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"bold", "**a.py**:\n" + block("python", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"bold label", "**File: a.py**\n" + block("python", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"only the path", "a.py\n" + block("python", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"comment", block("python", "# src/a.py\nx = 1\n"), []answer.File{{"src/a.py", "# src/a.py\nx = 1\n"}}},
		{"docstring", block("python", "\"\"\"a.py\n\nIt does.\n\"\"\"\n"), []answer.File{{"a.py", "\"\"\"a.py\n\nIt does.\n\"\"\"\n"}}},
		{"info string", block("python src/a.py", "x = 1\n"), []answer.File{{"src/a.py", "x = 1\n"}}},
		{"info string with a colon", block("python:src/a.py", "x = 1\n"), []answer.File{{"src/a.py", "x = 1\n"}}},
		{"info string with a title", block(`python title="a.py"`, "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"info string is a label", block("## File name: a.py", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"sentence", "Now the model in `a.py`:\n" + block("python", "x = 1\n"), []answer.File{{"a.py", "x = 1\n"}}},
		{"a comment is believed before a sentence", "It reads `config.yaml`:\n" + block("python", "# a.py\n"), []answer.File{{"a.py", "# a.py\n"}}},
		{"a heading is believed before a comment", "## Code: src/a.py\n" + block("python", "# a.py\n"), []answer.File{{"src/a.py", "# a.py\n"}}},
		{"spelled oddly", "## Code: ./src//a.py\n" + block("", "x\n"), []answer.File{{"src/a.py", "x\n"}}},
		{"a file without extension", "**Makefile**\n" + block("make", "all:\n"), []answer.File{{"Makefile", "all:\n"}}},
		{"hostile names are kept for the tree to refuse", "## Code: ../../etc/passwd\n" + block("", "x\n"), []answer.File{{"../../etc/passwd", "x\n"}}},
		{"unnamed blocks are left out", "## Code: a.py\n" + block("", "x\n") + "Run it:\n" + block("bash", "python a.py\n"), []answer.File{{"a.py", "x\n"}}},
		{"a block whose closing fence is missing", "## Code: a.py\n```python\nx = 1\n## Code: b.py\n" + block("python", "y = 1\n"), []answer.File{{"a.py", "x = 1\n"}, {"b.py", "y = 1\n"}}},
		{"cut off", "## Code: a.py\n" + block("", "x\n") + "## Code: b.py\n```python\ny", []answer.File{{"a.py", "x\n"}, {"b.py", "y"}}},
		{"README between files", "## Code: README.md\n```markdown\n# T\n```\nmake\n```\n```bash\nls\n```\n```\n## Code: a.py\n" + block("python", "x\n"),
			[]answer.File{{"README.md", "# T\n```\nmake\n```\n```bash\nls\n```\n"}, {"a.py", "x\n"}}},
		{"thinking is left out", "<think>\n## Code: a.py\n" + block("", "old\n") + "</think>\n## Code: a.py\n" + block("", "new\n"), []answer.File{{"a.py", "new\n"}}},
	}
	for _, test := range tests {
		got, err := answer.Files(test.in)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

func TestFilesErrors(t *testing.T) {
	for _, test := range []struct{ name, in, reason string }{
		{"twice", "a.py\n```\nx\n```\n./a.py\n```\ny\n```\n", "twice"},
		{"prose", "I would write main.py and model.py.", "only prose"},
		{"no names", "```python\nx = 1\n```\n", "names its file"},
		{"page", "<html></html>", "web page"},
		{"empty", "", "empty"},
	} {
		got, err := answer.Files(test.in)
		var e *answer.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}
