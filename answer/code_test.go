package answer_test

import (
	"errors"
	"strings"
	"testing"

	"papereval/answer"
)

func TestVisible(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"none", "plain\n", "plain\n"},
		{"closed", "<think>a\nb</think>\n\ncode\n", "code\n"},
		{"other spelling", "<THINKING>\na\n</THINKING>code", "code"},
		{"two in a row", "<think>a</think>\n<think>b</think>\nc", "c"},
		{"lone closing tag", "first I do this\n</think>\n\nanswer", "answer"},
		{"lone closing tag at a line's end", "so that is it.</think>\nanswer", "answer"},
		{"unclosed", "<think>\n```python\nx = 1\n```\n", "```python\nx = 1\n```\n"},
		{"fences within thinking", "<think>\n```python\nold\n```\n</think>\n```python\nnew\n```\n", "```python\nnew\n```\n"},
		{"an open fence within thinking", "<think>\n```python\nold\n</think>\n```python\nnew\n```\n", "```python\nnew\n```\n"},
		{"the tag is code", "```python\nx = s.split(\"</think>\")[-1]\n```\n", "```python\nx = s.split(\"</think>\")[-1]\n```\n"},
		{"the tag is unfenced code", "import re\nx = s.split(\"</think>\")[-1]\n", "import re\nx = s.split(\"</think>\")[-1]\n"},
		{"the tag is code behind an unclosed one", "<think>\n```python\nx = s.split(\"</think>\")\n```\n", "```python\nx = s.split(\"</think>\")\n```\n"},
		{"nothing but thinking", "<think>a</think>", ""},
	}
	for _, test := range tests {
		if got := answer.Visible(test.in); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCode(t *testing.T) {
	tests := []struct{ name, in, path, want string }{
		{"one block", "Here:\n```python\nx = 1\n```\nDone.", "a.py", "x = 1\n"},
		{"trailing blank lines stay", "```python\nx = 1\n\n```", "a.py", "x = 1\n\n"},
		{"no fence at all", "import os\nx = 1", "a.py", "import os\nx = 1"},
		{"tildes", "~~~python\nx = \"```\"\n```\n~~~\n", "a.py", "x = \"```\"\n```\n"},
		{"a longer fence holds a shorter", "````md\n```\na\n```\n````\n", "a.md", "```\na\n```\n"},
		{"missing closing fence", "```python\nx = 1\ny = 2\n", "a.py", "x = 1\ny = 2\n"},
		{"indented", "1. File:\n   ```python\n   def f():\n       pass\n   ```\n", "a.py", "def f():\n    pass\n"},
		{"info string names it", "```python\nlonger = 1\nlonger = 2\n```\n```python src/a.py\nx = 1\n```\n", "src/a.py", "x = 1\n"},
		{"heading names it", "```python\nlonger = 1\nlonger = 2\n```\n## Code: a.py\n```python\nx = 1\n```\n", "a.py", "x = 1\n"},
		{"first comment names it", "```python\nlonger = 1\nlonger = 2\n```\n```python\n# src/a.py\n```\n", "src/a.py", "# src/a.py\n"},
		{"a folder is missing in its name", "```python\nlonger = 1\nlonger = 2\n```\n**a.py**\n```python\nx = 1\n```\n", "src/a.py", "x = 1\n"},
		{"the longest", "```python\nx = 1\n```\n```python\nx = 1\ny = 2\n```\n", "a.py", "x = 1\ny = 2\n"},
		{"its language first", "```bash\npip install something-long\n```\n```python\nx = 1\n```\n", "a.py", "x = 1\n"},
		{"another file's block is not it", "## Code: config.yaml\n```\na: 1\nb: 2\nc: 3\n```\nand\n```python\nx = 1\n```\n", "a.py", "x = 1\n"},
		{"a fence within a string", "```python\np = \"\"\"\n```json\n{}\n```\n\"\"\"\ny = 1\n```\n", "a.py", "p = \"\"\"\n```json\n{}\n```\n\"\"\"\ny = 1\n"},
		{"a fence in an indented docstring", "```python\ndef f():\n    \"\"\"\n    ```\n    a\n    ```\n    \"\"\"\n```\n", "a.py", "def f():\n    \"\"\"\n    ```\n    a\n    ```\n    \"\"\"\n"},
		{"README with named inner fences", "```markdown\n# T\n```bash\nmake\n```\nend\n```\nRun:\n```bash\nls\n```\n", "README.md", "# T\n```bash\nmake\n```\nend\n"},
		{"README with bare inner fences", "```markdown\n# T\n```\nmake\n```\nend\n```\n", "README.md", "# T\n```\nmake\n```\nend\n"},
		{"README without a language", "```\n# T\n```bash\nmake\n```\nend\n```\n", "README.md", "# T\n```bash\nmake\n```\nend\n"},
		{"nothing in a package file", "```python\n```\n", "src/__init__.py", ""},
		{"a page that was asked for", "<!DOCTYPE html>\n<html></html>\n", "index.html", "<!DOCTYPE html>\n<html></html>\n"},
		{"thinking with another block", "<think>\n```python\nlonger = 1\nlonger = 2\n```\n</think>\n```python\nx = 1\n```", "a.py", "x = 1\n"},
	}
	for _, test := range tests {
		got, err := answer.Code(test.in, test.path)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

func TestCodeErrors(t *testing.T) {
	tests := []struct{ name, in, reason string }{
		{"empty", "", "empty"},
		{"blank", " \n\t\r\n", "empty"},
		{"thinking", "<think>hm</think>\n", "thinking"},
		{"error page", "<html>\n<head><title>502 Bad Gateway</title></head></html>", "web page"},
		{"refusal", "I'm sorry, but I cannot help with that. Please provide more details.", "prose"},
		{"refusal under a heading", "# Sorry\n\nI cannot write this file.", "prose"},
		{"empty block", "Here it is:\n```python\n\n```\n", "no content"},
		{"cut thinking", "<think>\nOkay, let me think about the model first. It has an encoder", "prose"},
	}
	for _, test := range tests {
		got, err := answer.Code(test.in, "a.py")
		var e *answer.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, test.reason) || len(e.Excerpt) > 210 {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}

func TestYAML(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"fenced", "## Code: config.yaml\n```yaml\n## config.yaml\na: 1\nb:\n  c: [1, 2]\n```\n", "## config.yaml\na: 1\nb:\n  c: [1, 2]"},
		{"no fence", "a: 1\nb: 2\n", "a: 1\nb: 2"},
		{"beside other blocks", "```bash\ncat config.yaml and then some more\n```\n```yaml\na: 1\n```\n", "a: 1"},
		{"document marker", "```yaml\n---\na: 1\n```\n", "---\na: 1"},
		{"yml", "```yml\na: 1\n```\n", "a: 1"},
	}
	for _, test := range tests {
		got, err := answer.YAML(test.in)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
	for _, test := range []struct{ name, in, reason string }{
		{"prose", "I cannot do this.", "no mapping"},
		{"a list", "```yaml\n- a\n- b\n```", "no mapping"},
		{"broken", "```yaml\na: 1\nb: [1, 2\nc: 3\n```", "line "},
		{"only comments", "```yaml\n# nothing\n```", "no mapping"},
		{"deep", "```yaml\na: " + strings.Repeat("[", 100000) + "\n```", "deeper"},
		{"error page", "<!doctype html><html></html>", "web page"},
	} {
		got, err := answer.YAML(test.in)
		var e *answer.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}

func TestIsHTML(t *testing.T) {
	for text, want := range map[string]bool{
		"<!DOCTYPE html><html>":                     true,
		"\ufeff \n<HTML lang=en>":                   true,
		"<?xml version='1.0'?>\n<!-- x -->\n<html>": true,
		"<center><h1>504</h1></center>":             true,
		"```html\n<html>\n```":                      false,
		"import os":                                 false,
		"<think>":                                   false,
		"":                                          false,
		"<!--":                                      false,
		"The page <html> is":                        false,
	} {
		if got := answer.IsHTML(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
