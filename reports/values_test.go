package reports

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		value Value
		want  string
		raw   any
	}{
		{Missing{}, "–", nil},
		{Text(""), "–", ""},
		{Text("a\tb\n c"), "a b c", "a b c"},
		{Count(0), "0", 0},
		{Count(999), "999", 999},
		{Count(1000), "1,000", 1000},
		{Count(-1234567), "-1,234,567", -1234567},
		{Bytes(0), "0 B", 0},
		{Bytes(999), "999 B", 999},
		{Bytes(1000), "1.0 kB", 1000},
		{Bytes(99_949), "99.9 kB", 99_949},
		{Bytes(999_499), "999 kB", 999_499},
		{Bytes(999_500), "1.0 MB", 999_500},
		{Bytes(17_250_000), "17.2 MB", 17_250_000},
		{Cost{}, "unknown", nil},
		{Cost{usd(0)}, "0", 0.0},
		{Cost{usd(0.00002)}, "<0.0001", 0.00002},
		{Cost{usd(0.12345)}, "0.1235", 0.12345},
		{Cost{usd(12.345)}, "12.35", 12.345},
		{Cost{usd(1234.5)}, "1,234.50", 1234.5},
		{Elapsed(0), "–", nil},
		{Elapsed(40 * time.Millisecond), "0.0s", 0.04},
		{Elapsed(9949 * time.Millisecond), "9.9s", 9.949},
		{Elapsed(9960 * time.Millisecond), "10s", 9.96},
		{Elapsed(59600 * time.Millisecond), "1m00s", 59.6},
		{Elapsed(754 * time.Second), "12m34s", 754.0},
		{Elapsed(3725 * time.Second), "1h02m", 3725.0},
	} {
		if got := strings.Join(c.value.lines(), "\n"); got != c.want || c.value.raw() != c.raw {
			t.Errorf("%#v: %q and %v, want %q and %v", c.value, got, c.value.raw(), c.want, c.raw)
		}
	}
}

func TestAddingCosts(t *testing.T) {
	known, unknown := usage(1, 10, 0, 1, usd(0.5), 0), usage(1, 10, 0, 1, nil, 0)
	if got := (Usage{}).Add(known).Add(Usage{}).cost(); got == nil || *got != 0.5 {
		t.Errorf("nothing + 0.5 + nothing = %v", got)
	}
	if got := known.Add(unknown).Add(known).cost(); got != nil {
		t.Errorf("with an unknown cost: %v", *got)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"plain ± – é 論文":                   "plain ± – é 論文",
		"\x1b[31mred\x1b[0m":               "red",
		"a\x1b]0;title\x07b":               "ab",
		"a\x1b]8;;http://x\x1b\\b":         "ab",
		"a\u009b2Jb":                       "ab",
		"a\x1bPq#0\x1b\\b":                 "ab",
		"a\x1b(0b\x1bcd":                   "abd",
		"\x1b[":                            "",
		"x\x1b]0;never ends":               "x",
		"abc\u202edef\u2066\u200b":         "abcdef",
		"a\r\nb\x00\x08c\x7f":              "a bc",
		"a\xffb":                           "a\uFFFDb",
		"  many \u00a0\u2028 spaces\u3000": "many spaces",
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m | \u202e`code` [a](b)")
	f.Add("\x1b\x1b[[31m]\x9b")
	f.Fuzz(func(t *testing.T, s string) {
		p := Plain(s)
		if !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool {
			return r != ' ' && (unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r))
		}) {
			t.Fatalf("%q: %q", s, p)
		}
		if again := Plain(p); again != p {
			t.Fatalf("%q: %q, then %q", s, p, again)
		}
		table := Table{Title: s, Notes: []string{s}, Columns: []Column{{Head: "A", Key: "a", Wrap: true}, {Head: "B", Key: "b"}},
			Rows: [][]Value{{Text(s), Count(1)}}}
		for _, format := range Formats() {
			var b strings.Builder
			if err := Render(&b, format, []Table{table}); err != nil {
				t.Fatal(err)
			}
			if format != FormatMarkdown {
				continue
			}
			row := strings.Split(b.String(), "\n")[4]
			// Whatever is in the text, the row keeps its two cells: three bars that no backslash escapes.
			bars, escaped := 0, false
			for _, r := range row {
				if r == '|' && !escaped {
					bars++
				}
				escaped = r == '\\' && !escaped
			}
			if bars != 3 {
				t.Fatalf("%q: %d bars in %q", s, bars, row)
			}
		}
	})
}

func TestEscapeMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		`a|b\|c`:              `a\|b\\\|c`,
		"[3.00, 4.33]":        "[3.00, 4.33]",
		"[x](http://y)":       `[x\](http://y)`,
		"<img src=x> *a* `b`": "\\<img src=x\\> \\*a\\* \\`b\\`",
	} {
		if got := escapeMarkdown(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"papercoder-analysis", 12, "papercoder-\nanalysis"},
		{"papercoder-analysis", 8, "papercod\ner-\nanalysis"},
		{"short", 8, "short"},
		{"", 8, ""},
		{"one two three", 7, "one two\nthree"},
		{"論文論文論文", 8, "論文論文\n論文"},
	} {
		if got := strings.Join(wrap(c.in, c.limit), "\n"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}
