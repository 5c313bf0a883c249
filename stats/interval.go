package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a range of values with the confidence at which it was computed.
type Interval struct {
	Low, High float64
	Level     float64 // 0.95 for a 95 % interval
}

// MeanInterval is the two-sided Student's t interval of the mean: mean ± t·SD/√n, where t is the
// (1+level)/2 quantile of the t distribution with n-1 degrees of freedom (Student, "The probable error of a
// mean", Biometrika 6, 1908). It takes the values to be independent and their mean to be about normal; it
// knows of no scale, so it may reach beyond the ends of one. Its warnings are [TooFew], [NotFinite],
// [BadLevel] and [Constant].
func MeanInterval(xs []float64, level float64) (Interval, Warning) {
	if !(level > 0 && level < 1) { // so written, it refuses NaN too
		return Interval{}, BadLevel
	}
	sd, warning := SD(xs)
	if warning != "" && warning != Constant {
		return Interval{}, warning
	}
	mean, w := Mean(xs)
	if w != "" {
		return Interval{}, w
	}
	n := float64(len(xs))
	// The lower tail, because (1+level)/2 rounds to 1 where (1-level)/2 is still exact.
	t := -distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1 - level) / 2)
	half := t * sd / math.Sqrt(n)
	if sd == 0 {
		half = 0 // an infinite t would make it NaN
	}
	in := Interval{Low: mean - half, High: mean + half, Level: level}
	if !finite(in.Low) || !finite(in.High) {
		return Interval{}, NotFinite
	}
	return in, warning
}
