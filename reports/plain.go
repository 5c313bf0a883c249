package reports

import (
	"regexp"
	"strings"
	"unicode"
)

// escapes are the sequences that terminals take for commands (ECMA-48): CSI with its parameters, then the
// string commands OSC, DCS, SOS, PM and APC up to their end, then the short ones.
var escapes = regexp.MustCompile(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]?` +
	`|(?:\x1b[\]PX^_]|[\x{9d}\x{90}\x{98}\x{9e}\x{9f}])[^\x07\x1b\x{9c}]*(?:\x07|\x1b\\|\x{9c})?` +
	`|\x1b[ -/]*[0-~]?`)

// Plain makes one line of harmless text of what may come from a paper or a model: without terminal escape
// sequences, control characters and invisible characters (those that change the direction of writing
// among them), and with single spaces for every run of white space.
func Plain(s string) string {
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// short cuts a text that is only quoted to n characters.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
