package replication

import (
	"fmt"
	"slices"

	"papereval/rubric"
	"papereval/stats"
)

// Leaves are the leaves of graded submissions, as people graded them and as a judge did.
type Leaves struct {
	categories []rubric.Category
	gold       []bool
	judged     []bool
	valid      []bool
}

// Add pairs the leaves of two trees. The judge's must be of the same rubric as the people's, whole or reduced to code.
func (l *Leaves) Add(gold, judged *rubric.Graded) error {
	matched, _, err := Match(judged, gold.Node)
	if err != nil {
		return err
	}
	grades := gold.Grades()
	for path, leaf := range matched.Leaves() {
		truth, ok := grades[path]
		if !ok || !truth.Valid {
			return fmt.Errorf("people have not graded the leaf %s", path)
		}
		l.categories = append(l.categories, leaf.Node.Category)
		l.gold = append(l.gold, truth.Score >= 0.5)
		l.judged = append(l.judged, leaf.Valid && leaf.Score >= 0.5)
		l.valid = append(l.valid, leaf.Valid)
	}
	return nil
}

// Join adds all pairs of others.
func (l *Leaves) Join(others *Leaves) {
	l.categories = append(l.categories, others.categories...)
	l.gold = append(l.gold, others.gold...)
	l.judged = append(l.judged, others.judged...)
	l.valid = append(l.valid, others.valid...)
}

// AddAs pairs leaves that people graded with what answer says of each, for judges that look at nothing.
func (l *Leaves) AddAs(gold *rubric.Graded, answer func() bool) {
	for _, leaf := range gold.Leaves() {
		l.categories = append(l.categories, leaf.Node.Category)
		l.gold = append(l.gold, leaf.Score >= 0.5)
		l.judged = append(l.judged, answer())
		l.valid = append(l.valid, true)
	}
}

// Agreement is how well a judge agrees with people on the leaves of a category.
type Agreement struct {
	Category rubric.Category // "" for all of them
	Asked    int             // leaves; those without a valid grade included
	// Valid is over the leaves with a valid grade, Wrong over all, where one without counts as graded wrongly. What the
	// published evaluation prints is Valid.
	Valid, Wrong stats.Classification
}

// Agreements are those over all leaves, then by category in the order of the rubrics' categories.
func (l *Leaves) Agreements() []Agreement {
	var all []Agreement
	for _, category := range append([]rubric.Category{""}, rubric.Categories()...) {
		a := Agreement{Category: category}
		var gold, judged, goldAll, judgedAll []bool
		for i, truth := range l.gold {
			if category != "" && l.categories[i] != category {
				continue
			}
			a.Asked++
			goldAll = append(goldAll, truth)
			if !l.valid[i] {
				judgedAll = append(judgedAll, !truth)
				continue
			}
			judgedAll = append(judgedAll, l.judged[i])
			gold, judged = append(gold, truth), append(judged, l.judged[i])
		}
		if a.Asked == 0 && category != "" {
			continue
		}
		a.Valid, _ = stats.Classify(gold, judged) // empty: N is 0
		a.Wrong, _ = stats.Classify(goldAll, judgedAll)
		all = append(all, a)
	}
	return slices.Clip(all)
}

// Match finds a tree's nodes in a rubric: the whole one or, then codeDev is true, its leaves about code alone. The error
// is that of the whole one; see [rubric.Graded.Match].
func Match(tree *rubric.Graded, root *rubric.Node) (matched *rubric.Graded, codeDev bool, err error) {
	if matched, err = tree.Match(root); err == nil {
		return matched, false, nil
	}
	if matched, reduced := tree.Match(root.CodeOnly()); reduced == nil {
		return matched, true, nil
	}
	return nil, false, err
}
