package answer

import "strings"

// block is a fenced block.
type block struct {
	info    string // what follows the opening fence on its line
	content string // with the last newline before the closing fence
	above   string // the last line before the block that is not blank, "" where another block ends there
	start   int    // the offset of the opening fence's line
	end     int    // the offset behind the closing fence's line
	closed  bool
}

// fence is a line that opens or closes a block.
type fence struct {
	line   int
	indent int
	mark   byte // ` or ~
	length int
	info   string
	above  int    // the last line before it that is not blank, -1 where there is none
	named  naming // how clearly that line names a file
}

// parseFence follows CommonMark, except that an opening fence may be indented as far as it likes: models put
// blocks into lists.
func parseFence(line string) (f fence, ok bool) {
	trimmed := strings.TrimLeft(line, " \t")
	f.indent = len(line) - len(trimmed)
	if trimmed == "" || trimmed[0] != '`' && trimmed[0] != '~' {
		return f, false
	}
	f.mark = trimmed[0]
	rest := strings.TrimLeft(trimmed, string(f.mark))
	f.length = len(trimmed) - len(rest)
	f.info = strings.TrimSpace(rest)
	return f, f.length >= 3 && (f.mark == '~' || !strings.Contains(f.info, "`"))
}

// within says whether g may open or close a block inside the one that f opened.
func (g fence) within(f fence) bool {
	return g.mark == f.mark && g.length >= f.length && g.indent <= f.indent+3
}

// Bounds that no honest answer reaches keep the time linear in an answer's length: how many fences are looked
// at to find a block's end, and how many blocks are read.
const (
	lookahead = 400
	maxBlocks = 2000
)

// parseBlocks finds the fenced blocks. Fences nest: inside a block, a fence with an info string opens a block that the next
// bare one closes; a README has such. Where that leaves the outer block open, the first bare fence closes it; where there is none, it
// goes to the end of the text, or to the next line that names a file above another block.
//
// In a Markdown block ("markdown" reports it) a bare fence may also open a nested block; see closeMarkdown.
func parseBlocks(text string, markdown func(*block) bool) []block {
	lines := strings.SplitAfter(text, "\n")
	offsets := make([]int, len(lines)+1)
	var fences []fence
	above := -1
	for i, line := range lines {
		offsets[i+1] = offsets[i] + len(line)
		if f, ok := parseFence(line); ok {
			f.line, f.above = i, above
			if above >= 0 {
				_, f.named = nameIn(lines[above])
			}
			fences = append(fences, f)
		}
		if strings.TrimSpace(line) != "" {
			above = i
		}
	}
	var blocks []block
	after := 0 // the first line behind the last block
	for i := 0; i < len(fences) && len(blocks) < maxBlocks; i++ {
		open := fences[i]
		if open.line < after {
			continue
		}
		b := block{info: open.info, start: offsets[open.line]}
		if open.above >= after {
			b.above = strings.TrimSpace(lines[open.above])
		}
		inside := fences[i+1:]
		if len(inside) > lookahead {
			inside = inside[:lookahead]
		}
		var end int
		first := ""
		if open.line+1 < len(lines) {
			first = lines[open.line+1]
		}
		b.content = first
		if markdown(&b) {
			end = closeMarkdown(open, inside)
		} else {
			end = closeCode(open, inside)
		}
		last := len(lines)
		if end >= 0 {
			last = end
			_, b.closed = parseFence(lines[end])
		}
		b.content = unindent(lines[open.line+1:last], open.indent)
		after = last
		if b.closed {
			after++
		}
		b.end = offsets[after]
		blocks = append(blocks, b)
	}
	return blocks
}

// closeCode returns the line that ends the block: its closing fence or, where that is missing, the line
// that names the next file; -1 stands for the end of the text.
func closeCode(open fence, inside []fence) int {
	depth, bare, named := 1, -1, -1
	for _, f := range inside {
		if !f.within(open) {
			continue
		}
		if f.info != "" {
			if f.named >= heading && f.above > open.line {
				named = f.above
				break
			}
			depth++
			continue
		}
		if bare < 0 {
			bare = f.line
		}
		if depth--; depth == 0 {
			return f.line
		}
	}
	if bare < 0 {
		return named
	}
	return bare
}

// closeMarkdown is closeCode for Markdown, where bare fences open blocks as well as close them. A bare fence
// opens one if the next fence is bare too and, taking the rest in pairs, one more closes the whole: then the
// block is as long as it can be. It never reaches beyond a line that labels the next file ("File: main.py").
func closeMarkdown(open fence, inside []fence) int {
	var kept []fence
	lastBare, label := -1, -1
	for _, f := range inside {
		if !f.within(open) {
			continue
		}
		if f.info == "" {
			lastBare = f.line
		}
		if f.named == labelled && f.above > open.line {
			label = f.above
			break
		}
		kept = append(kept, f)
	}
	// unpaired[i] is how many bare fences from i on close no block that has an info string.
	unpaired := make([]int, len(kept)+1)
	for i := len(kept) - 1; i >= 0; i-- {
		unpaired[i] = unpaired[i+1] + 1
		if kept[i].info != "" {
			unpaired[i] = unpaired[i+1] - 1
		}
	}
	depth := 1
	for i, f := range kept {
		switch {
		case f.info != "":
			depth++
		case depth == 1 && i+1 < len(kept) && kept[i+1].info == "" && unpaired[i] >= 3 && unpaired[i]%2 == 1:
			depth++
		default:
			if depth--; depth == 0 {
				return f.line
			}
		}
	}
	if lastBare >= 0 {
		return lastBare
	}
	return label
}

// unindent takes the opening fence's indentation off the lines.
func unindent(lines []string, indent int) string {
	if indent == 0 {
		return strings.Join(lines, "")
	}
	var b strings.Builder
	for _, line := range lines {
		n := 0
		for n < indent && n < len(line) && (line[n] == ' ' || line[n] == '\t') {
			n++
		}
		b.WriteString(line[n:])
	}
	return b.String()
}
