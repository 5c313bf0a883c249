// Package stats is numbers about numbers: what can be said of a sample of scores.
//
// No function panics on data or returns NaN or an infinity. What limits a result, or prevents it, comes
// back as a [Warning] beside it, so that it can be shown where the number would stand.
package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Warning says what a result lacks. It is worded so that it can stand in a table. The empty Warning means
// that nothing is wrong.
type Warning string

// With Constant the result is valid, but its zero spread says more about the scale of the values than about
// what they measure. With every other warning there is no result: it is zero and must not be used.
const (
	Constant  Warning = "all values are equal"
	Empty     Warning = "needs at least 1 value"
	TooFew    Warning = "needs at least 2 values"
	NotFinite Warning = "needs finite values"
	BadLevel  Warning = "needs a level between 0 and 1"
	Unpaired  Warning = "needs a prediction for every truth"
)

// Mean is the arithmetic mean. Its warnings are [Empty] and [NotFinite].
func Mean(xs []float64) (float64, Warning) {
	if len(xs) == 0 {
		return 0, Empty
	}
	if constant(xs) && finite(xs[0]) {
		return xs[0], "" // summing and dividing would round: three times 0.1 has the mean 0.10000000000000002
	}
	m := stat.Mean(xs, nil)
	if !finite(m) {
		return 0, NotFinite
	}
	return m, ""
}

// SD is the sample standard deviation, with n-1 in the denominator. Its warnings are [TooFew], [NotFinite]
// and [Constant].
func SD(xs []float64) (float64, Warning) {
	if len(xs) < 2 {
		return 0, TooFew
	}
	if constant(xs) && finite(xs[0]) {
		return 0, Constant
	}
	sd := stat.StdDev(xs, nil)
	if !finite(sd) {
		return 0, NotFinite
	}
	return sd, ""
}

// StandardError is that of the mean: the sample standard deviation divided by √n. Its warnings are those of [SD].
func StandardError(xs []float64) (float64, Warning) {
	sd, warning := SD(xs)
	if warning != "" {
		return 0, warning
	}
	return stat.StdErr(sd, float64(len(xs))), ""
}

func constant(xs []float64) bool { return slices.Min(xs) == slices.Max(xs) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
