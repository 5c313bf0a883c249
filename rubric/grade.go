package rubric

import (
	"encoding/json"
	"fmt"
	"iter"
)

// Grade is what a judge said of a node.
type Grade struct {
	Score       float64 // 0 to 1; meaningless unless Valid
	Valid       bool    // false where the judge failed
	Explanation string
	Metadata    json.RawMessage // the judge's own; nil where it left none
}

// Graded is a graded tree. Graded.Node is the rubric, and Children are in the order of Node.Children.
type Graded struct {
	Node *Node
	Grade
	// Low and High are the score if every leaf without a valid grade scored 0 or 1. They are equal where all
	// leaves are valid.
	Low, High float64
	Children  []*Graded
}

// Aggregate sums up grades by the rubric root. Leaves are graded by their paths; grades of other nodes are
// not used, so one set of grades serves a rubric and all its reductions. A leaf without a grade has an
// invalid one, and so has one whose score is not between 0 and 1.
//
// The score of a node with children is the sum of weight × score over those that are valid, divided by the
// sum of their weights: an invalid leaf counts neither for nor against. Where no valid child has a weight
// above 0, the node is itself invalid. Only where all children weigh 0 it scores 0, as published.
//
// The published program lets an invalid leaf score 0. That is what [Graded.Low] is.
func Aggregate(root *Node, grades map[Path]Grade) *Graded {
	g := &Graded{Node: root}
	if root.IsLeaf() {
		g.Grade = grades[root.Path]
		if g.Valid = g.Valid && g.Score >= 0 && g.Score <= 1; !g.Valid {
			g.Score = 0
		}
	} else {
		for _, c := range root.Children {
			g.Children = append(g.Children, Aggregate(c, grades))
		}
		g.Grade = mean(g.Children)
	}
	g.bound()
	return g
}

func mean(children []*Graded) Grade {
	var sum, weight, valid float64
	for _, c := range children {
		weight += c.Node.Weight
		if c.Valid {
			valid += c.Node.Weight
			sum += c.Node.Weight * c.Score
		}
	}
	switch {
	case weight == 0:
		return Grade{Valid: true, Explanation: "All sub-tasks weigh 0."}
	case valid == 0:
		return Grade{Explanation: "No sub-task that counts has a valid grade."}
	default:
		return Grade{Score: sum / valid, Valid: true, Explanation: "The weighted mean of the sub-tasks with valid grades."}
	}
}

// bound sets Low and High from the children, or of a leaf from its grade.
func (g *Graded) bound() {
	switch {
	case len(g.Children) > 0:
		var low, high, weight float64
		for _, c := range g.Children {
			weight += c.Node.Weight
			low += c.Node.Weight * c.Low
			high += c.Node.Weight * c.High
		}
		if weight > 0 {
			g.Low, g.High = low/weight, high/weight
		}
	case g.Valid:
		g.Low, g.High = g.Score, g.Score
	default:
		g.High = 1
	}
}

// InvalidShare is how much of the node's weight lies on leaves below it without a valid grade, from 0 to 1.
// A leaf's part of that weight is the product of weight / sum of the siblings' weights on the way down to it.
// The score is the sum of part × score over the leaves, and High differs from Low in that it has 1 for 0 at
// the invalid ones; hence the share is their difference.
func (g *Graded) InvalidShare() float64 { return g.High - g.Low }

// All are the node and all below it, depth first.
func (g *Graded) All() iter.Seq2[Path, *Graded] {
	return func(yield func(Path, *Graded) bool) { g.walk(yield) }
}

func (g *Graded) walk(yield func(Path, *Graded) bool) bool {
	if !yield(g.Node.Path, g) {
		return false
	}
	for _, c := range g.Children {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Leaves are those of [Graded.All] without children.
func (g *Graded) Leaves() iter.Seq2[Path, *Graded] {
	return func(yield func(Path, *Graded) bool) {
		g.walk(func(p Path, g *Graded) bool { return len(g.Children) > 0 || yield(p, g) })
	}
}

// Grades are the grades of all nodes. They include those of nodes with children, which become leaves where
// a rubric is pruned.
func (g *Graded) Grades() map[Path]Grade {
	grades := map[Path]Grade{}
	for p, g := range g.All() {
		grades[p] = g.Grade
	}
	return grades
}

// Match returns the same grades on the nodes of the rubric that they were given by, so that a tree read from
// a file has the paths of the rubric, also where that was reduced. The error is [Faults], all of them, where
// it is another rubric: a node has other children, id, requirements, weight or category.
//
// Two of the published trees that people graded (semantic-self-consistency and
// stay-on-topic-with-classifier-free-guidance) are of older rubrics, in which nodes are missing, and the one of all-in-one
// has other weights. For them [Graded.Node] is the rubric.
func (g *Graded) Match(root *Node) (*Graded, error) {
	var faults Faults
	matched := g.match(root, &faults)
	if len(faults) > 0 {
		return nil, fmt.Errorf("the graded tree is of another rubric: %w", faults)
	}
	return matched, nil
}

func (g *Graded) match(n *Node, faults *Faults) *Graded {
	differs := func(key string, got, want any) {
		if got != want {
			*faults = append(*faults, Fault{n.Path, key, fmt.Sprintf("is %.200q in the graded tree and %.200q in the rubric", fmt.Sprint(got), fmt.Sprint(want))})
		}
	}
	differs("id", g.Node.ID, n.ID)
	differs("requirements", g.Node.Requirements, n.Requirements)
	differs("weight", g.Node.Weight, n.Weight)
	differs("task_category", g.Node.Category, n.Category)
	differs("sub_tasks", fmt.Sprint(len(g.Children), " nodes"), fmt.Sprint(len(n.Children), " nodes"))
	matched := *g
	matched.Node, matched.Children = n, nil
	if len(g.Children) == len(n.Children) {
		for i, c := range g.Children {
			matched.Children = append(matched.Children, c.match(n.Children[i], faults))
		}
	}
	return &matched
}
