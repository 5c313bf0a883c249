package paper

import (
	"regexp"
	"strings"
)

// A comment runs from a % that is not escaped to the end of the line; in code and addresses a % is itself.
var (
	beginCode = regexp.MustCompile(`\\begin\{(verbatim|Verbatim|lstlisting|minted)(\*?)\}`)
	literal   = regexp.MustCompile(`\\(?:url|href|path)\s*\{[^{}\n]*\}|\\verb\*?(?:\|[^|\n]*\||\+[^+\n]*\+|![^!\n]*!)`)
	condition = regexp.MustCompile(`\\(if[A-Za-z@]*|fi|else)`)
)

func stripComments(source string) string {
	var b strings.Builder
	end := "" // what ends the code that we are in
	for line := range strings.Lines(strings.ReplaceAll(source, "\r\n", "\n")) {
		if end != "" {
			b.WriteString(line)
			if strings.Contains(line, end) {
				end = ""
			}
			continue
		}
		text, commented := cutComment(line)
		if commented && strings.TrimSpace(text) == "" {
			continue
		}
		b.WriteString(text)
		if commented {
			b.WriteByte('\n')
		}
		if m := beginCode.FindStringSubmatchIndex(text); m != nil {
			closing := `\end{` + text[m[2]:m[5]] + `}`
			if !strings.Contains(text[m[1]:], closing) {
				end = closing
			}
		}
	}
	return stripFalse(stripEnvironment(b.String(), "comment"))
}

func cutComment(line string) (text string, commented bool) {
	if !strings.Contains(line, "%") {
		return line, false
	}
	literals := literal.FindAllStringIndex(line, -1)
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			for len(literals) > 0 && literals[0][0] < i {
				literals = literals[1:]
			}
			if len(literals) > 0 && literals[0][0] == i {
				i = literals[0][1] - 1
			} else {
				i++ // whatever is escaped
			}
		case '%':
			return strings.TrimRight(line[:i], " \t"), true
		}
	}
	return line, false
}

// stripEnvironment leaves out every \begin{name}...\end{name}.
func stripEnvironment(source, name string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(source, `\begin{`+name+`}`)
		_, rest, closed := strings.Cut(after, `\end{`+name+`}`)
		if !ok || !closed {
			return b.String() + source
		}
		b.WriteString(before)
		source = rest
	}
}

// stripFalse leaves out what stands between \iffalse and its \fi, or between \iffalse and \else.
func stripFalse(source string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(source, `\iffalse`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		source = after[falseEnd(after):]
	}
}

// falseEnd is where the text goes on that follows an \iffalse, conditions in between left out.
func falseEnd(after string) int {
	for end, depth := 0, 0; ; {
		m := condition.FindStringSubmatchIndex(after[end:])
		if m == nil {
			return len(after)
		}
		command := after[end+m[2] : end+m[3]]
		end += m[1]
		switch {
		case command == "iff" || command == "ifthenelse":
		case command == "fi" && depth > 0:
			depth--
		case command != "fi" && command != "else":
			depth++
		case depth == 0:
			return end
		}
	}
}
