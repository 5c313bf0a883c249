// Package rubric reads PaperBench's rubrics, reduces them, and sums up what was graded by them.
//
// A rubric is a tree of criteria. Its leaves are graded; every other node has the mean of its children,
// weighted by their weights (PaperBench, arXiv 2504.01848). The formats and the reductions are
// those of the published program, github.com/openai/frontier-evals, project/paperbench.
package rubric

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Category says what a leaf asks for.
type Category string

// The published categories. [Subtree] is not in rubrics: [Node.PruneTo] makes it.
const (
	CodeDevelopment Category = "Code Development"
	CodeExecution   Category = "Code Execution"
	ResultAnalysis  Category = "Result Analysis"
	Subtree         Category = "Subtree" // a node that is graded with all below it at once, from 0 to 1
)

// Categories are those that a leaf of a rubric may have.
func Categories() []Category { return []Category{CodeDevelopment, CodeExecution, ResultAnalysis} }

// FineGrained says what a criterion is about.
type FineGrained string

// The published fine-grained categories.
const (
	Setup          FineGrained = "Environment & Infrastructure Setup"
	Acquisition    FineGrained = "Dataset and Model Acquisition"
	DataProcessing FineGrained = "Data Processing & Preparation"
	Method         FineGrained = "Method Implementation"
	Experiment     FineGrained = "Experimental Setup"
	Evaluation     FineGrained = "Evaluation, Metrics & Benchmarking"
	Presentation   FineGrained = "Logging, Analysis & Presentation"
)

// FineGrainedCategories are those that a node of a rubric may have.
func FineGrainedCategories() []FineGrained {
	return []FineGrained{Setup, Acquisition, DataProcessing, Method, Experiment, Evaluation, Presentation}
}

// Path is the position of a node in the file that it was read from: the numbers of the children, from 1, on
// the way down from the root, as in "2.1.4". It identifies a node; ids do not, because two published rubrics
// have some twice.
type Path string

// Root is the path of the root.
const Root Path = "/"

// Child is the path of the i-th child, from 0, of the node at p.
func (p Path) Child(i int) Path {
	number := strconv.Itoa(i + 1)
	if p == Root {
		return Path(number)
	}
	return p + "." + Path(number)
}

// Compare orders paths as a tree is walked: a node before what is below it, that before the next sibling.
func (p Path) Compare(q Path) int {
	return slices.CompareFunc(strings.Split(string(p), "."), strings.Split(string(q), "."), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) // they have no leading zeros
	})
}

// under says whether a node at p is the one at q, which is not the root, or below it.
func (p Path) under(q Path) bool {
	return p == q || strings.HasPrefix(string(p), string(q)+".")
}

// Node is a criterion with those below it. A node is not changed once it is made: reductions return new
// trees, whose nodes keep the path that they had.
type Node struct {
	Path         Path // where the node was read
	ID           string
	Requirements string
	Weight       float64     // among its siblings; at least 0
	Category     Category    // "" where there are children
	FineGrained  FineGrained // "" where it is not known
	Children     []*Node
}

// IsLeaf says that the node is graded itself.
func (n *Node) IsLeaf() bool { return len(n.Children) == 0 }

// All are the node and all below it, depth first.
func (n *Node) All() iter.Seq2[Path, *Node] {
	return func(yield func(Path, *Node) bool) { n.walk(yield) }
}

func (n *Node) walk(yield func(Path, *Node) bool) bool {
	if !yield(n.Path, n) {
		return false
	}
	for _, c := range n.Children {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Leaves are those of [Node.All] without children.
func (n *Node) Leaves() iter.Seq2[Path, *Node] {
	return func(yield func(Path, *Node) bool) {
		n.walk(func(p Path, n *Node) bool { return !n.IsLeaf() || yield(p, n) })
	}
}

// Counts is the size of a tree.
type Counts struct {
	Nodes, Leaves int
	Categories    map[Category]int // leaves
}

// Count counts the node and all below it.
func (n *Node) Count() Counts {
	c := Counts{Categories: map[Category]int{}}
	for _, n := range n.All() {
		c.Nodes++
		if n.IsLeaf() {
			c.Leaves++
			c.Categories[n.Category]++
		}
	}
	return c
}

// At is the node with a path, or nil where there is none.
func (n *Node) At(p Path) *Node {
	for n != nil && n.Path != p {
		i := slices.IndexFunc(n.Children, func(c *Node) bool { return p.under(c.Path) })
		if i < 0 {
			return nil
		}
		n = n.Children[i]
	}
	return n
}

// Preceding are the criteria that a reader has passed on the way from the root n to the node at p: the root,
// then at every level down the siblings before the ancestor and the ancestor, at last the siblings before
// the node itself. If most is above 0, only so many are returned, the last ones. Nothing precedes the root
// or a path that is not in the tree.
//
// The published program looks for the node by its id, and so finds the wrong one where ids repeat.
func (n *Node) Preceding(p Path, most int) []*Node {
	target := n.At(p)
	if target == nil || target == n {
		return nil
	}
	before := []*Node{n}
	for n != target {
		for _, c := range n.Children {
			before = append(before, c)
			if p.under(c.Path) {
				n = c
				break
			}
		}
	}
	before = before[:len(before)-1]
	if most > 0 {
		before = before[max(0, len(before)-most):]
	}
	return before
}
