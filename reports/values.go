package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Missing is the value of a place that has none.
type Missing struct{}

func (Missing) lines() []string { return []string{"–"} }
func (Missing) raw() any        { return nil }

// Text is a name or a sentence. It may come from a paper or a model: see [Plain].
type Text string

func (t Text) lines() []string {
	if s := Plain(string(t)); s != "" {
		return []string{s}
	}
	return Missing{}.lines()
}
func (t Text) raw() any { return Plain(string(t)) }

// Count is a whole number; people see it with thousands separators.
type Count int

func (c Count) lines() []string { return []string{thousands(strconv.Itoa(int(c)))} }
func (c Count) raw() any        { return int(c) }

// Bytes is a size; people see it in the largest unit of 1,000 that it fills.
type Bytes int64

func (b Bytes) lines() []string {
	x, unit := float64(b), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for x >= 999.5 && unit < len(units)-1 {
		x, unit = x/1000, unit+1
	}
	if unit == 0 || x >= 99.95 {
		return []string{fixed(x, 0) + " " + units[unit]}
	}
	return []string{fixed(x, 1) + " " + units[unit]}
}
func (b Bytes) raw() any { return int(b) }

// String is the size as people see it.
func (b Bytes) String() string { return b.lines()[0] }

// Cost is an amount of US dollars; nil is one that is not known, which is never printed as 0.
type Cost struct{ USD *float64 }

func (c Cost) lines() []string {
	switch {
	case c.raw() == nil:
		return []string{"unknown"}
	case *c.USD == 0:
		return []string{"0"}
	case *c.USD < 0.0001:
		return []string{"<0.0001"}
	case *c.USD < 1:
		return []string{fixed(*c.USD, 4)}
	}
	return []string{thousands(fixed(*c.USD, 2))}
}

func (c Cost) raw() any {
	if c.USD == nil {
		return nil
	}
	return finite(*c.USD)
}

// Elapsed is a duration; machines see seconds. Zero is one that is not known: old recordings have none.
type Elapsed time.Duration

func (e Elapsed) lines() []string {
	if e == 0 {
		return Missing{}.lines()
	}
	d := time.Duration(e)
	switch s := int(d.Round(time.Second) / time.Second); {
	case d > 0 && d < 9950*time.Millisecond:
		return []string{fixed(d.Seconds(), 1) + "s"}
	case s < 60:
		return []string{fmt.Sprintf("%ds", s)}
	case s < 3600:
		return []string{fmt.Sprintf("%dm%02ds", s/60, s%60)}
	default:
		return []string{fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)}
	}
}
func (e Elapsed) raw() any {
	if e == 0 {
		return nil
	}
	return time.Duration(e).Seconds()
}

// average is a mean of whole numbers: people see it rounded.
type average struct{ mean float64 }

func (a average) lines() []string { return []string{thousands(fixed(a.mean, 0))} }
func (a average) raw() any        { return finite(a.mean) }

// shown is a value that only people see: for machines its parts stand elsewhere in the row.
type shown string

func (s shown) lines() []string { return Text(s).lines() }
func (shown) raw() any          { return nil }

// finite is x, or nil where x is not a number that can be printed.
func finite(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return x
}

// fixed prints a number with a fixed number of decimals, an en dash where it has none.
func fixed(x float64, digits int) string {
	if finite(x) == nil {
		return "–"
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// thousands separates the digits before the decimal point in groups of three.
func thousands(number string) string {
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	whole, rest, point := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		rest = "." + rest
	}
	return sign + whole + rest
}
