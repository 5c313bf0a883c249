package replication

import (
	"fmt"
	"regexp"
	"strings"
)

// What changes from line to line in a log: a progress bar's whole line, long hexadecimal numbers, other numbers.
var (
	bar    = regexp.MustCompile(`\d+%\s*\||[▏▎▍▌▋▊▉█]{2,}|\d+(\.\d+)?\s*[kKMG]?i?B/s|\bit/s\b|\bs/it\b`)
	hex    = regexp.MustCompile(`\b(0x)?[0-9a-fA-F]{8,}\b`)
	number = regexp.MustCompile(`[-+]?\d[\d.,:]*([eE][-+]?\d+)?`)
)

// fewest is from how many lines on a run of alike ones is folded.
const fewest = 4

// fold shortens a log: of neighbouring lines that differ in numbers only, the first and the last are kept, with how many
// there were between them. The published program keeps the first, and tells likeness by the Drain algorithm; the last
// one of a training log is the one that matters.
func fold(log string) string {
	var out, run []string
	mask := ""
	flush := func() {
		if len(run) >= fewest {
			run = []string{run[0], fmt.Sprintf("  (%d lines like these are left out)", len(run)-2), run[len(run)-1]}
		}
		out = append(out, run...)
		run = nil
	}
	for line := range strings.SplitSeq(log, "\n") {
		// Of a line that was overwritten in place, the last state is what a terminal shows.
		line = strings.TrimSuffix(line, "\r")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		m := masked(line)
		if m != mask && len(run) > 0 {
			flush()
		}
		mask = m
		run = append(run, line)
	}
	flush()
	return strings.Join(out, "\n")
}

func masked(line string) string {
	if bar.MatchString(line) {
		return "\x00bar"
	}
	return number.ReplaceAllString(hex.ReplaceAllString(line, "#"), "#")
}
