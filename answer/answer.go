// Package answer reads what models really write: thinking blocks, fences, almost-JSON, whole repositories in
// one answer. It knows nothing of what an answer is for.
package answer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is an answer that cannot be used.
type Error struct {
	Reason  string
	Excerpt string // the answer's beginning, at most about 200 bytes, as the model wrote it
}

func (e *Error) Error() string {
	if e.Excerpt == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s; it begins %q", e.Reason, e.Excerpt)
}

func fail(text, format string, args ...any) error {
	const limit = 200
	excerpt := strings.TrimSpace(text)
	if len(excerpt) > limit {
		excerpt = excerpt[:limit]
		for len(excerpt) > 0 && !utf8.ValidString(excerpt[len(excerpt)-1:]) && !utf8.RuneStart(excerpt[len(excerpt)-1]) {
			excerpt = excerpt[:len(excerpt)-1]
		}
		excerpt = strings.ToValidUTF8(excerpt, "") + "…"
	}
	return &Error{Reason: fmt.Sprintf(format, args...), Excerpt: excerpt}
}

// Text is what every reader does first: line endings become LF, thinking goes, and an answer that is
// blank or a web page is an error.
func Text(text string) (string, error) {
	visible := Visible(strings.ReplaceAll(text, "\r\n", "\n"))
	switch {
	case strings.TrimSpace(text) == "":
		return "", fail(text, "the answer is empty")
	case strings.TrimSpace(visible) == "":
		return "", fail(text, "the answer is nothing but thinking")
	case IsHTML(visible):
		return "", fail(text, "the answer is a web page, probably the provider's error page")
	}
	return visible, nil
}

// IsHTML says whether the text is a web page, as providers and proxies give for errors. A page within a
// fence is not one.
func IsHTML(text string) bool {
	for range 10 { // comments and an XML declaration may stand before it
		text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))
		switch {
		case strings.HasPrefix(text, "<!--"):
			_, text, _ = strings.Cut(text, "-->")
		case strings.HasPrefix(text, "<?xml"):
			_, text, _ = strings.Cut(text, "?>")
		default:
			start := strings.ToLower(text[:min(len(text), 20)])
			for _, tag := range []string{"<!doctype html", "<html", "<head>", "<body", "<center>"} {
				if strings.HasPrefix(start, tag) {
					return true
				}
			}
			return false
		}
	}
	return false
}
