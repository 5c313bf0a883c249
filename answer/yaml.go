package answer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxYAML  = 256 << 10 // bytes
	maxDepth = 200       // of brackets; deeper input is no honest answer
)

// YAML is the configuration file from an answer: the block that [Code] would choose for config.yaml, without
// the final newline, as the published program writes it. It must be a YAML mapping; the error names the line
// of the file.
func YAML(text string) (string, error) {
	visible, err := Text(text)
	if err != nil {
		return "", err
	}
	content, _ := choose(visible, "config.yaml")
	content = strings.TrimSuffix(content, "\n")
	if strings.TrimSpace(content) == "" {
		return "", fail(text, "the answer holds no configuration file")
	}
	if err := checkMapping(content); err != nil {
		return "", fail(content, "the configuration file is no usable YAML: %v", err)
	}
	return content, nil
}

// checkMapping only parses: aliases are not expanded, so a small file cannot become a large value. The
// parser is given whatever a model wrote, so should it panic, that is an error of the file.
func checkMapping(content string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser failed: %v", r)
		}
	}()
	if len(content) > maxYAML {
		return fmt.Errorf("it is larger than %d KB", maxYAML>>10)
	}
	if strings.Count(content, "[")+strings.Count(content, "{") > maxDepth && depth(content) > maxDepth {
		return fmt.Errorf("brackets are nested deeper than %d", maxDepth)
	}
	file, err := parser.ParseBytes([]byte(content), 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			return fmt.Errorf("line %d: %s", syntax.GetToken().Position.Line, syntax.GetMessage())
		}
		return err
	}
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			return nil
		case nil, *ast.CommentGroupNode:
			continue
		}
		break
	}
	return errors.New("line 1: it is no mapping of names to values")
}

// depth is how deep brackets are nested, strings and comments not set apart.
func depth(s string) int {
	deepest, now := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[', '{':
			now++
			deepest = max(deepest, now)
		case ']', '}':
			now = max(now-1, 0)
		}
	}
	return deepest
}
