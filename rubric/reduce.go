package rubric

import (
	"strconv"
	"strings"
)

// CodeOnly is the rubric of PaperBench Code-Dev: leaves of other categories than [CodeDevelopment] are
// left out, and so is what has nothing left below it; the weights of the others stay. A rubric without such
// leaves becomes a single one, its root.
func (n *Node) CodeOnly() *Node {
	if kept := n.only(CodeDevelopment); kept != nil {
		return kept
	}
	root := *n
	root.Category, root.Children = CodeDevelopment, nil
	return &root
}

func (n *Node) only(category Category) *Node {
	if n.IsLeaf() && n.Category != category {
		return nil
	}
	kept := *n
	kept.Children = nil
	for _, c := range n.Children {
		if c := c.only(category); c != nil {
			kept.Children = append(kept.Children, c)
		}
	}
	if !n.IsLeaf() && kept.IsLeaf() {
		return nil
	}
	return &kept
}

// ResourcesProvided is the rubric for systems that are given data sets and models: leaves about
// [Acquisition] weigh 0.
func (n *Node) ResourcesProvided() *Node {
	node := *n
	if n.IsLeaf() && n.FineGrained == Acquisition {
		node.Weight = 0
	}
	node.Children = nil
	for _, c := range n.Children {
		node.Children = append(node.Children, c.ResourcesProvided())
	}
	return &node
}

// PruneTo is the rubric down to a depth, at which the root is 1 and below which the root stands alone. A
// node that loses its children becomes a leaf of the category [Subtree], whose requirements are its
// [Node.Outline]. What precedes a leaf is found in the rubric before it was pruned.
func (n *Node) PruneTo(depth int) *Node {
	node := *n
	node.Children = nil
	if n.IsLeaf() {
		return &node
	}
	if depth <= 1 {
		node.Category, node.Requirements = Subtree, n.Outline()
		return &node
	}
	for _, c := range n.Children {
		node.Children = append(node.Children, c.PruneTo(depth-1))
	}
	return &node
}

// Outline lists the node and all below it, with weights, a line each, indented by "| " for every level.
func (n *Node) Outline() string {
	var b strings.Builder
	n.outline(&b, "")
	return b.String()
}

func (n *Node) outline(b *strings.Builder, indent string) {
	b.WriteString(indent + n.Requirements + " (weight: " + strconv.FormatFloat(n.Weight, 'f', -1, 64) + ")\n")
	for _, c := range n.Children {
		c.outline(b, indent+"| ")
	}
}
