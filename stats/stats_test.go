package stats

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// The reference values are scipy's: testdata/reference.py made them.
func TestAgainstScipy(t *testing.T) {
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Cases []struct {
			Name      string
			Values    []float64
			Mean, SD  float64
			Intervals []Interval
		}
	}
	if err := json.Unmarshal(data, &reference); err != nil {
		t.Fatal(err)
	}
	if len(reference.Cases) == 0 {
		t.Fatal("testdata/reference.json has no cases")
	}
	for _, c := range reference.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if got, w := Mean(c.Values); w != "" || !near(got, c.Mean, c.Mean) {
				t.Errorf("Mean = %v (%s), want %v", got, w, c.Mean)
			}
			if got, w := SD(c.Values); w != "" || !near(got, c.SD, c.SD) {
				t.Errorf("SD = %v (%s), want %v", got, w, c.SD)
			}
			for _, want := range c.Intervals {
				got, w := MeanInterval(c.Values, want.Level)
				// A bound near 0 is a difference of larger numbers, so both are measured by the larger one.
				size := max(math.Abs(want.Low), math.Abs(want.High))
				if w != "" || got.Level != want.Level || !near(got.Low, want.Low, size) || !near(got.High, want.High, size) {
					t.Errorf("MeanInterval = %v (%s), want %v", got, w, want)
				}
			}
		})
	}
}

// The reference values are those of Python's statistics.stdev(xs) / math.sqrt(len(xs)), and so of numpy's
// std(xs, ddof=1) / sqrt(len(xs)), as PaperBench's metrics.py has it.
func TestStandardError(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		want    float64
		warning Warning
	}{
		{[]float64{0.1, 0.2, 0.3}, 0.05773502691896258, ""},
		{[]float64{0.24, 0.22, 0.251}, 0.009073771725877467, ""},
		{[]float64{1, 2, 3, 4}, 0.6454972243679028, ""},
		{[]float64{0.434, 0.426}, 0.0040000000000000036, ""},
		{nil, 0, TooFew},
		{[]float64{0.3}, 0, TooFew},
		{[]float64{0.3, 0.3, 0.3}, 0, Constant},
		{[]float64{0.3, math.NaN()}, 0, NotFinite},
	} {
		if got, w := StandardError(c.values); w != c.warning || !near(got, c.want, c.want) {
			t.Errorf("StandardError(%v) = %v (%s), want %v (%s)", c.values, got, w, c.want, c.warning)
		}
	}
}

func near(got, want, size float64) bool { return math.Abs(got-want) <= 1e-9*math.Abs(size) }

func TestInputWithoutSpread(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name               string
		values             []float64
		mean               float64
		meanW, sdW, rangeW Warning
	}{
		{"none", nil, 0, Empty, TooFew, TooFew},
		{"one", []float64{3.5}, 3.5, "", TooFew, TooFew},
		{"equal", []float64{0.1, 0.1, 0.1}, 0.1, "", Constant, Constant},
		{"NaN", []float64{1, nan, 2}, 0, NotFinite, NotFinite, NotFinite},
		{"only NaN", []float64{nan, nan}, 0, NotFinite, NotFinite, NotFinite},
		{"infinite", []float64{1, inf}, 0, NotFinite, NotFinite, NotFinite},
		{"equally infinite", []float64{inf, inf}, 0, NotFinite, NotFinite, NotFinite},
		{"one infinite", []float64{inf}, 0, NotFinite, TooFew, TooFew},
		{"too large to square", []float64{1e200, -1e200}, 0, "", NotFinite, NotFinite},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, w := Mean(c.values); got != c.mean || w != c.meanW {
				t.Errorf("Mean = %v %q, want %v %q", got, w, c.mean, c.meanW)
			}
			if got, w := SD(c.values); got != 0 || w != c.sdW {
				t.Errorf("SD = %v %q, want 0 %q", got, w, c.sdW)
			}
			want := Interval{}
			if c.rangeW == Constant {
				want = Interval{Low: c.mean, High: c.mean, Level: 0.95}
			}
			if got, w := MeanInterval(c.values, 0.95); got != want || w != c.rangeW {
				t.Errorf("MeanInterval = %v %q, want %v %q", got, w, want, c.rangeW)
			}
		})
	}
}

func TestBadLevel(t *testing.T) {
	for _, level := range []float64{-1, 0, 1, 95, math.NaN(), math.Inf(1)} {
		if got, w := MeanInterval([]float64{1, 2}, level); w != BadLevel || got != (Interval{}) {
			t.Errorf("level %v: %v %q, want %q", level, got, w, BadLevel)
		}
	}
}

func FuzzMeanInterval(f *testing.F) {
	f.Add([]byte{}, 0.95)
	f.Add(binary.LittleEndian.AppendUint64(make([]byte, 8), math.Float64bits(math.MaxFloat64)), math.Nextafter(1, 0))
	f.Add(binary.LittleEndian.AppendUint64(make([]byte, 16), math.Float64bits(5e-324)), 5e-324)
	f.Fuzz(func(t *testing.T, data []byte, level float64) {
		var xs []float64
		for chunk := range slices.Chunk(data, 8) {
			if len(chunk) == 8 {
				xs = append(xs, math.Float64frombits(binary.LittleEndian.Uint64(chunk)))
			}
		}
		mean, _ := Mean(xs)
		sd, _ := SD(xs)
		in, w := MeanInterval(xs, level)
		for _, x := range []float64{mean, sd, in.Low, in.High, in.Level} {
			if !finite(x) {
				t.Fatalf("%v at %v: mean %v, SD %v, interval %v", xs, level, mean, sd, in)
			}
		}
		if (w == "" || w == Constant) && (in.Low > mean || in.High < mean || sd < 0) {
			t.Fatalf("%v at %v: mean %v, SD %v, interval %v", xs, level, mean, sd, in)
		}
	})
}
