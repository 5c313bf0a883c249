package stats_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"papereval/rubric"
	"papereval/stats"
)

// The reference values are scikit-learn's: testdata/classification.py made them.
func TestAgainstScikitLearn(t *testing.T) {
	data, err := os.ReadFile("testdata/classification.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Cases []struct {
			Name, Truth, Paper, Predicted string
			Want                          stats.Classification
		}
	}
	if err := json.Unmarshal(data, &reference); err != nil {
		t.Fatal(err)
	}
	if len(reference.Cases) != 25 {
		t.Fatalf("testdata/classification.json has %d cases", len(reference.Cases))
	}
	for _, c := range reference.Cases {
		t.Run(c.Name, func(t *testing.T) {
			truth := labels(c.Truth)
			if c.Paper != "" {
				truth = gold(t, c.Paper)
			}
			got, w := stats.Classify(truth, labels(c.Predicted))
			if w != "" || !near(got.Accuracy, c.Want.Accuracy) || !near(got.Precision, c.Want.Precision) ||
				!near(got.Recall, c.Want.Recall) || !near(got.F1, c.Want.F1) ||
				got.Positives != c.Want.Positives || got.Negatives != c.Want.Negatives || got.N != c.Want.N {
				t.Errorf("%+v (%s), want %+v", got, w, c.Want)
			}
		})
	}
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-12 }

func labels(s string) []bool {
	out := make([]bool, len(s))
	for i := range s {
		out[i] = s[i] == '1'
	}
	return out
}

// gold are the labels that people gave a published submission.
func gold(t *testing.T, paper string) (truth []bool) {
	t.Helper()
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = "../../shared/data"
	}
	dir := filepath.Join(root, "paperbench", "judge_eval", paper, "0", "grading")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and CI must have it: %v", dir, err)
		}
		t.Skipf("%s is not there: set PAPEREVAL_SHARED to the folder of the shared data", dir)
	}
	graded, err := rubric.ReadGraded(os.DirFS(dir), "expected_result.json", rubric.Binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range graded.Leaves() {
		truth = append(truth, leaf.Score == 1)
	}
	return truth
}

func TestClassifyNothing(t *testing.T) {
	for _, c := range []struct {
		truth, predicted []bool
		want             stats.Warning
	}{
		{nil, nil, stats.Empty},
		{nil, []bool{true}, stats.Unpaired},
		{[]bool{true}, nil, stats.Unpaired},
	} {
		if got, w := stats.Classify(c.truth, c.predicted); w != c.want || got != (stats.Classification{}) {
			t.Errorf("%v as %v: %+v %q, want %q", c.truth, c.predicted, got, w, c.want)
		}
	}
}

// randomF1 is the exact mean and standard deviation of the macro-F1 of a judge that gives every label with
// the probability 1/2: of the true positives and of the false ones it has binomially many, independently.
func randomF1(positives, negatives int) (mean, sd float64) {
	tps := distuv.Binomial{N: float64(positives), P: 0.5}
	fps := distuv.Binomial{N: float64(negatives), P: 0.5}
	square := 0.0
	for tp := range positives + 1 {
		for fp := range negatives + 1 {
			f1 := 0.0
			if predicted := tp + fp; predicted > 0 {
				f1 += float64(2*tp) / float64(positives+predicted)
			}
			if predicted := positives + negatives - tp - fp; predicted > 0 {
				f1 += float64(2*(negatives-fp)) / float64(negatives+predicted)
			}
			p := tps.Prob(float64(tp)) * fps.Prob(float64(fp))
			mean += p * f1 / 2
			square += p * f1 * f1 / 4
		}
	}
	return mean, math.Sqrt(square - mean*mean)
}

// A judge that guesses has the macro-F1 that is computed for it, over all leaves that people graded. (The
// published one, over five submissions, is 0.504.)
func TestRandomJudge(t *testing.T) {
	var truth []bool
	for _, paper := range []string{"all-in-one", "semantic-self-consistency", "stay-on-topic-with-classifier-free-guidance"} {
		truth = append(truth, gold(t, paper)...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var sum float64
	const judges = 2000
	var c stats.Classification
	for range judges {
		predicted := make([]bool, len(truth))
		for i := range predicted {
			predicted[i] = random.IntN(2) == 1
		}
		c, _ = stats.Classify(truth, predicted)
		sum += c.F1
	}
	mean, sd := randomF1(c.Positives, c.Negatives)
	t.Logf("%d positive and %d negative leaves: macro-F1 %.4f ± %.4f", c.Positives, c.Negatives, mean, sd)
	if se := sd / math.Sqrt(judges); math.Abs(sum/judges-mean) > 4*se {
		t.Errorf("%d judges that guess have %v, want %v ± %v", judges, sum/judges, mean, se)
	}
}
