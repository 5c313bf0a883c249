package paper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ErrEmpty is in the error for a paper without any text.
var ErrEmpty = errors.New("the paper has no text")

// SyntaxError is a place in a file that cannot be read.
type SyntaxError struct {
	File   string
	Line   int // from 1
	Column int // from 1, in characters
	Err    error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Line, e.Column, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// at makes a [SyntaxError] for the byte at an offset of a file's content.
func at(file string, content []byte, offset int, err error) *SyntaxError {
	before := string(content[:min(max(offset, 0), len(content))])
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return &SyntaxError{
		File:   file,
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(line),
		Err:    err,
	}
}

// DecodeJSON decodes the one JSON value that a file holds. Its errors are a [*SyntaxError] each; the file's
// name is for them only.
func DecodeJSON(file string, content []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(content))
	err := d.Decode(into)
	if err == nil {
		end := int(d.InputOffset())
		rest := bytes.TrimLeft(content[end:], " \t\r\n")
		if len(rest) == 0 {
			return nil
		}
		return at(file, content, len(content)-len(rest), errors.New("there is more text after the JSON value; delete it"))
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		// The offset is that of the byte after the one that is wrong.
		return at(file, content, int(syntax.Offset)-1, fmt.Errorf("this is not JSON: %w; mend this place or fetch the file again", err))
	case errors.As(err, &kind):
		return at(file, content, int(kind.Offset)-1, fmt.Errorf("%s is a JSON %s where %s is expected", field(kind.Field), kind.Value, expected(kind)))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return at(file, content, len(content), errors.New("the JSON ends too early; fetch the file again"))
	default:
		return at(file, content, 0, err)
	}
}

func field(path string) string {
	if path == "" {
		return "the value"
	}
	return path
}

func expected(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "struct", "map":
		return "an object"
	case "slice", "array":
		return "an array"
	case "string":
		return "a string"
	default:
		return "a " + e.Type.String()
	}
}
