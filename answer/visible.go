package answer

import (
	"regexp"
	"strings"
)

var (
	openTag  = regexp.MustCompile(`(?i)^<(?:think|thinking)>`)
	closeTag = regexp.MustCompile(`(?i)</(?:think|thinking)>`)
)

// Visible is the text without the model's thinking, which stands between <think> and </think>, or <thinking>
// and </thinking>. The rules, in their order:
//
//   - Thinking that opens the answer goes up to its closing tag, fences within it and all; up to 5 times in a row.
//   - Where the answer does not open with thinking but holds a closing tag (some endpoints swallow the opening
//     one), everything before the last such tag goes.
//   - Thinking that opens the answer and is never closed is taken for the answer: only the tag goes. Models
//     that are cut short in their thinking look the same, but then what follows is prose, which [Code] and its siblings refuse.
//
// A tag may as well be part of the code that was asked for. So a tag within a fenced block, or one with other text of
// its line on both sides, closes nothing; except that a tag alone on its line closes thinking even inside a fence if
// another fence follows, since thinking may leave its fence open.
func Visible(text string) string {
	for range maxThinking {
		trimmed := strings.TrimLeft(text, " \t\r\n\ufeff")
		loc := openTag.FindStringIndex(trimmed)
		opened := loc != nil
		inner := trimmed
		if opened {
			inner = trimmed[loc[1]:]
		}
		end := thinkingEnd(inner, opened)
		switch {
		case end >= 0:
			text = strings.TrimLeft(inner[end:], " \t\r\n")
		case opened:
			return strings.TrimLeft(inner, " \t\r\n")
		default:
			return text
		}
		if !opened {
			return text
		}
	}
	return text
}

// No honest answer begins to think anew, or holds closing tags, more often.
const (
	maxThinking = 5
	maxTags     = 200
)

// thinkingEnd is the offset behind the tag that closes thinking, or -1.
func thinkingEnd(text string, opened bool) int {
	tags := closeTag.FindAllStringIndex(text, maxTags)
	if tags == nil {
		return -1
	}
	blocks := parseBlocks(text, func(*block) bool { return false })
	fallback, last, lastFence := -1, -1, lastNamedFence(text)
	at := 0
	for _, tag := range tags {
		before, after := besides(text, tag)
		for at < len(blocks) && blocks[at].end <= tag[0] {
			at++
		}
		if at < len(blocks) && blocks[at].start < tag[0] {
			if fallback < 0 && before == "" && after == "" && tag[1] < lastFence {
				fallback = tag[1]
			}
			continue
		}
		if opened {
			return tag[1]
		}
		if before == "" || after == "" {
			last = tag[1]
		}
	}
	if last >= 0 {
		return last
	}
	return fallback
}

// besides is what stands before and after the tag on its line.
func besides(text string, tag []int) (before, after string) {
	before = text[:tag[0]]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	after, _, _ = strings.Cut(text[tag[1]:], "\n")
	return strings.TrimSpace(before), strings.TrimSpace(after)
}

// lastNamedFence is the offset of the last fence with an info string, -1 where there is none: such a fence
// opens a block for certain.
func lastNamedFence(text string) int {
	at, found := 0, -1
	for line := range strings.Lines(text) {
		if f, ok := parseFence(line); ok && f.info != "" {
			found = at
		}
		at += len(line)
	}
	return found
}
