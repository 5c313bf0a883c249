package recording

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"papereval/llm"
)

// missing says how a prompt differs from the nearest one that was recorded: one with the same label if
// there is any, and of these the one with the longest common beginning.
func (p *Player) missing(req *llm.Request) string {
	if len(p.order) == 0 {
		return "the recording has no answers at all"
	}
	label := req.Label
	label.Run = ""
	var best *call
	bestSame, bestLength := false, -1
	for _, c := range p.order {
		same := c.Label == label
		if bestSame && !same {
			continue
		}
		length := p.common(c, req.Messages)
		if same && !bestSame || length > bestLength {
			best, bestSame, bestLength = c, same, length
		}
	}
	name := best.Label.String()
	if name == "" {
		name = "one without a label"
	}
	return fmt.Sprintf("this prompt is not recorded; the nearest one (%s) differs from it %s", name, p.difference(best, req.Messages))
}

// common is how many bytes of the prompt, from its beginning, were recorded just so.
func (p *Player) common(c *call, messages []llm.Message) int {
	total := 0
	for i, m := range messages {
		if i >= len(c.Messages) || c.Messages[i].Role != m.Role {
			break
		}
		a, b := p.contents[c.Messages[i].Text], valid(m.Content)
		n := prefix(a, b)
		total += n + 1 // a message more is nearer, even an empty one
		if n < len(a) || n < len(b) {
			break
		}
	}
	return total
}

// difference names the first difference between a recorded prompt and one that is asked for.
func (p *Player) difference(c *call, messages []llm.Message) string {
	for i, m := range messages {
		if i >= len(c.Messages) {
			break
		}
		if c.Messages[i].Role != m.Role {
			return fmt.Sprintf("in message %d: its role is %s and was %s", i+1, m.Role, c.Messages[i].Role)
		}
		was, is := p.contents[c.Messages[i].Text], valid(m.Content)
		n := prefix(was, is)
		if n == len(was) && n == len(is) {
			continue
		}
		start := strings.LastIndexByte(is[:n], '\n') + 1
		return fmt.Sprintf("in message %d (%s), line %d: it is %s and was %s", i+1, m.Role,
			strings.Count(is[:n], "\n")+1, around(is, start, n), around(was, start, n))
	}
	return fmt.Sprintf("in its length: it has %d messages and had %d", len(messages), len(c.Messages))
}

// prefix is the length in bytes of the common beginning of two texts, in whole characters.
func prefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}

// around quotes the line of a text that begins at start, at most 120 characters of it, so that byte at is
// among them. Quoting also keeps control characters from a model away from the terminal.
func around(s string, start, at int) string {
	const most, before = 120, 40
	text, _, more := strings.Cut(s[start:], "\n")
	if text == "" && !more && start == len(s) {
		return "the text's end"
	}
	offset := min(at-start, len(text))
	left, right := []rune(text[:offset]), []rune(text[offset:])
	head, tail := "", ""
	if len(left)+len(right) > most {
		if len(left) > before {
			left, head = left[len(left)-before:], "…"
		}
		if room := most - len(left); len(right) > room {
			right, tail = right[:room], "…"
		}
	}
	return head + fmt.Sprintf("%q", string(left)+string(right)) + tail
}
