package stats

// Classification says how well labels agree with the true ones. All but the counts are from 0 to 1.
type Classification struct {
	Accuracy float64 // the share of equal labels
	// Precision, Recall and F1 are macro averages: the plain mean of the figures of the two labels, each taken
	// as the positive one. A label that is neither true nor predicted anywhere does not enter the mean.
	Precision, Recall, F1   float64
	Positives, Negatives, N int // true labels
}

// Classify compares predicted labels with true ones, pair by pair. It computes what scikit-learn does by
// accuracy_score and, with average="macro" and zero_division=0, by precision_score, recall_score and
// f1_score: a label that is never predicted has the precision 0, one that is never true the recall 0. With
// TP, FP and FN pairs, precision is TP/(TP+FP), recall TP/(TP+FN) and F1 2TP/(2TP+FP+FN). Its warnings are
// [Empty] and [Unpaired].
func Classify(truth, predicted []bool) (Classification, Warning) {
	if len(truth) != len(predicted) {
		return Classification{}, Unpaired
	}
	if len(truth) == 0 {
		return Classification{}, Empty
	}
	var pairs [2][2]int // by true and predicted label
	for i := range truth {
		pairs[index(truth[i])][index(predicted[i])]++
	}
	c := Classification{
		Positives: pairs[1][0] + pairs[1][1],
		Negatives: pairs[0][0] + pairs[0][1],
		N:         len(truth),
		Accuracy:  ratio(pairs[0][0]+pairs[1][1], len(truth)),
	}
	labels := 0.0
	for label := range pairs {
		tp, fp, fn := pairs[label][label], pairs[1-label][label], pairs[label][1-label]
		if tp+fp+fn == 0 {
			continue
		}
		labels++
		c.Precision += ratio(tp, tp+fp)
		c.Recall += ratio(tp, tp+fn)
		c.F1 += ratio(2*tp, 2*tp+fp+fn)
	}
	c.Precision /= labels
	c.Recall /= labels
	c.F1 /= labels
	return c, ""
}

func index(label bool) int {
	if label {
		return 1
	}
	return 0
}

// ratio is 0 where nothing is divided by nothing.
func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
