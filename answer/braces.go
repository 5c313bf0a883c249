package answer

import (
	"slices"
	"strings"
)

// maxCandidates bounds how many objects of an answer are tried.
const maxCandidates = 20

// balanced are the texts from a brace to the one that closes it, the longest first. Where a quote has gone
// astray, it is the text from that brace to the last one, if nothing follows.
func balanced(s string) []string {
	var found []string
	for at := 0; len(found) < maxCandidates; {
		open := strings.IndexByte(s[at:], '{')
		if open < 0 {
			break
		}
		open += at
		end, stray := closingBrace(s[open:])
		if stray {
			last := strings.LastIndexByte(s, '}')
			if last > open && strings.Trim(s[last+1:], " \t\n`~;") == "" {
				found = append(found, s[open:last+1])
			}
		}
		if end < 0 {
			break
		}
		found = append(found, s[open:open+end])
		at = open + end
	}
	slices.SortStableFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

// closingBrace is the offset behind the brace that closes the one which s begins with, or -1; stray says
// that it is -1 because a string is not closed. Braces within strings and comments do not count.
func closingBrace(s string) (end int, stray bool) {
	var open []byte
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"', c == '\'' && opensString(s, i):
			mark := quoteAt(s, i)
			end := closingQuote(s, i+len(mark), mark)
			if end < 0 {
				return -1, true
			}
			i = end + len(mark)
			continue
		case commentAt(s, i) > 0:
			i += commentAt(s, i)
			continue
		case c == '{' || c == '[':
			open = append(open, c)
		case c == '}':
			for open[len(open)-1] == '[' { // never closed: the repairs' business
				open = open[:len(open)-1]
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return i + 1, false
			}
		case c == ']' && open[len(open)-1] == '[':
			open = open[:len(open)-1]
		}
		i++
	}
	return -1, false
}

// opensString says whether the apostrophe at i stands where a string may begin, not within a word.
func opensString(s string, i int) bool {
	for i--; i >= 0 && strings.IndexByte(" \t\r\n", s[i]) >= 0; i-- {
	}
	return i >= 0 && strings.IndexByte("{[,:(", s[i]) >= 0
}
