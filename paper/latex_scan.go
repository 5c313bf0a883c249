package paper

import "strings"

// maxGroup bounds how far the end of a group is looked for, in bytes: a brace that nobody closes must not
// make every command scan the whole paper.
const maxGroup = 16 << 10

// group reads a {...} at or after an offset, blanks skipped, and returns what is in it and where it ends.
func group(s string, at int) (inside string, end int, ok bool) {
	for at < len(s) && strings.IndexByte(" \t\n", s[at]) >= 0 {
		at++
	}
	if at >= len(s) || s[at] != '{' {
		return "", at, false
	}
	depth := 0
	for i := at; i < min(len(s), at+maxGroup); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[at+1 : i], i + 1, true
			}
		}
	}
	return "", at, false
}

// optional reads a [...] at an offset, if there is one.
func optional(s string, at int) (inside string, end int) {
	if at >= len(s) || s[at] != '[' {
		return "", at
	}
	depth := 0
	for i := at; i < min(len(s), at+maxGroup); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case ']':
			if depth == 0 {
				return s[at+1 : i], i + 1
			}
		}
	}
	return "", at
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// takeCommand cuts the first \name[...]{argument} out of a text.
func takeCommand(s, name string) (argument, rest string) {
	command := `\` + name
	for from := 0; ; {
		i := strings.Index(s[from:], command)
		if i < 0 {
			return "", s
		}
		start := from + i
		from = start + len(command)
		if from < len(s) && isLetter(s[from]) || start > 0 && s[start-1] == '\\' {
			continue
		}
		_, at := optional(s, from)
		if argument, end, ok := group(s, at); ok {
			return argument, s[:start] + s[end:]
		}
	}
}

// takeEnvironment cuts the first \begin{name}...\end{name} out of a text.
func takeEnvironment(s, name string) (inside, rest string) {
	begin, end := `\begin{`+name+`}`, `\end{`+name+`}`
	before, after, ok := strings.Cut(s, begin)
	if !ok {
		return "", s
	}
	inside, after, ok = strings.Cut(after, end)
	if !ok {
		return "", s
	}
	return inside, before + after
}
