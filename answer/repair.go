package answer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errNotJSON is what the light repairs cannot make sense of.
var errNotJSON = errors.New("a string is not closed")

// repairJSON mends what models get wrong most, and nothing that would take guessing: comments (//, #, /* */),
// trailing commas, single and triple quotes, Python's True, False and None, raw newlines and tabs in strings,
// unescaped quotes in them, and backslashes that are LaTeX's. What is still wrong then is left for jsonrepair.
func repairJSON(s string) (string, error) {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\'':
			mark := quoteAt(s, i)
			end := closingQuote(s, i+len(mark), mark)
			if end < 0 {
				return "", errNotJSON
			}
			writeString(&b, s[i+len(mark):end])
			i = end + len(mark)
		case commentAt(s, i) > 0:
			i += commentAt(s, i)
		case c == ',':
			if next := skipBlank(s, i+1); next < len(s) && s[next] != '}' && s[next] != ']' {
				b.WriteByte(',')
			}
			i++
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_':
			end := i
			for end < len(s) && isWord(s[end]) {
				end++
			}
			b.WriteString(jsonWord(s[i:end]))
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

func isWord(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

func jsonWord(word string) string {
	switch word {
	case "True":
		return "true"
	case "False":
		return "false"
	case "None", "NaN", "undefined":
		return "null"
	}
	return word
}

// quoteAt is the quote that opens a string at i, which may be a triple one.
func quoteAt(s string, i int) string {
	if triple := strings.Repeat(s[i:i+1], 3); strings.HasPrefix(s[i:], triple) {
		return triple
	}
	return s[i : i+1]
}

// commentAt is the length of the comment at i, 0 where there is none.
func commentAt(s string, i int) int {
	rest := s[i:]
	switch {
	case strings.HasPrefix(rest, "//"), rest[0] == '#':
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			return end
		}
		return len(rest)
	case strings.HasPrefix(rest, "/*"):
		if end := strings.Index(rest[2:], "*/"); end >= 0 {
			return end + 4
		}
		return len(rest)
	}
	return 0
}

// skipBlank is the offset of the first byte from i on that is neither blank nor in a comment.
func skipBlank(s string, i int) int {
	for i < len(s) {
		if strings.IndexByte(" \t\r\n", s[i]) >= 0 {
			i++
		} else if n := commentAt(s, i); n > 0 {
			i += n
		} else {
			break
		}
	}
	return i
}

// closingQuote is the offset of the quote that closes a string which starts at i, or -1: the first that is
// not escaped and is followed by what may follow a string. So quotes within a sentence need no backslash.
func closingQuote(s string, i int, mark string) int {
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], mark) && endsString(s, i+len(mark)):
			return i
		}
	}
	return -1
}

// endsString says whether a string may end before i. After a comma a further key or value must follow:
// `he said "so", and left` goes on.
func endsString(s string, i int) bool {
	line := i
	for i < len(s) && strings.IndexByte(" \t\r\n", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		return true
	}
	switch s[i] {
	case '"': // a comma is missing between two lines
		return strings.Contains(s[line:i], "\n") && nextKey.MatchString(s[i:min(len(s), i+100)])
	case ':', '}', ']', '#', '/':
		return true
	case ',':
		for i++; i < len(s) && strings.IndexByte(" \t\r\n", s[i]) >= 0; i++ {
		}
		return i >= len(s) || strings.IndexByte("\"'{[}]#/-0123456789", s[i]) >= 0 || wordValue.MatchString(s[i:min(len(s), i+100)])
	}
	return false
}

var nextKey = regexp.MustCompile(`^"[^"\n]*"\s*:`)

// wordValue is a value without quotes, or a key without them.
var wordValue = regexp.MustCompile(`^(?:(?:true|false|null|True|False|None|NaN)\b|[A-Za-z_]\w*\s*:)`)

// latexWord are the LaTeX commands which JSON would misread as an escape and a word: \theta as a tab and
// "heta". Backspace, form feed and carriage return stand before no word in earnest; where a tab or a newline may
// (\tan, \ne, \top), the command is missing here.
var latexWord = regexp.MustCompile(`^\\(?:(?:[bfr][a-zA-Z]+|theta|tau|times|tilde|triangle|nabla|notin|nonumber)(?:[^a-zA-Z]|$)|` +
	`text(?:bf|it|rm|sf|tt|sc)?\{|nu[_^$})\]]|neq [^=(])`)

// hasLatex says whether strings of s hold LaTeX that strict JSON would swallow: "\theta" is a tab and "heta".
func hasLatex(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '\\' {
			if latexAt(s, i) {
				return true
			}
			i++
		}
	}
	return false
}

// latexAt says whether the backslash at i begins a LaTeX command that JSON would misread. No command is longer
// than 20 letters.
func latexAt(s string, i int) bool {
	return strings.IndexByte("bfnrt", s[i+1]) >= 0 && latexWord.MatchString(s[i:min(len(s), i+24)])
}

// writeString writes what stood between quotes as a JSON string.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i += writeEscape(b, s, i)
		case c == '\\':
			b.WriteString(`\\`)
		case c == '"':
			b.WriteString(`\"`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ':
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

var hex4 = regexp.MustCompile(`^[0-9a-fA-F]{4}`)

// writeEscape writes the escape at i and returns how many bytes it took beside the backslash.
func writeEscape(b *strings.Builder, s string, i int) int {
	next := s[i+1]
	switch {
	case latexAt(s, i):
		b.WriteString(`\\`)
		return 0
	case strings.IndexByte(`"\/bfnrt`, next) >= 0:
		b.WriteByte('\\')
		b.WriteByte(next)
		return 1
	case next == 'u' && hex4.MatchString(s[i+2:]):
		b.WriteString(`\u`)
		return 1
	case next == '\'': // Python's
		b.WriteByte('\'')
		return 1
	case next == '\n': // Python's line continuation
		return 1
	}
	b.WriteString(`\\`)
	return 0
}

// escapeLatex doubles the backslashes that JSON has no use for, wherever they stand.
func escapeLatex(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 == len(s):
			b.WriteString(`\\`)
		default:
			i += writeEscape(&b, s, i)
		}
	}
	return b.String()
}
