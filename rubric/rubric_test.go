package rubric

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// leaf and inner write nodes of a rubric.
func leaf(id string, weight float64, category Category) string {
	return fmt.Sprintf(`{"id": %q, "requirements": "do %s", "weight": %v, "sub_tasks": [], "task_category": %q}`, id, id, weight, category)
}

func inner(id string, weight float64, children ...string) string {
	return fmt.Sprintf(`{"id": %q, "requirements": "do %s", "weight": %v, "sub_tasks": [%s], "task_category": null}`, id, id, weight, strings.Join(children, ","))
}

// The published example of what precedes a node, with more below B.
var lettered = inner("A", 1,
	inner("B", 1, leaf("D", 2, CodeDevelopment), leaf("E", 1, CodeExecution)),
	inner("C", 3, leaf("F", 1, ResultAnalysis), leaf("G", 2, CodeDevelopment)))

func ids(nodes []*Node) string {
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(n.ID)
	}
	return b.String()
}

// in writes a tree with the path of each node: "A/ B1 D1.1".
func in(root *Node) string {
	var all []string
	for p, n := range root.All() {
		all = append(all, n.ID+string(p))
	}
	return strings.Join(all, " ")
}

func TestWalk(t *testing.T) {
	root := tree(t, lettered)
	if got, want := in(root), "A/ B1 D1.1 E1.2 C2 F2.1 G2.2"; got != want {
		t.Errorf("All: %s, want %s", got, want)
	}
	var leaves []*Node
	for _, n := range root.Leaves() {
		leaves = append(leaves, n)
	}
	if got := ids(leaves); got != "DEFG" {
		t.Errorf("Leaves: %s", got)
	}
	for p, n := range root.All() {
		if root.At(p) != n {
			t.Errorf("At(%s) is not %s", p, n.ID)
		}
		if n.ID == "E" {
			break // an iteration may end early
		}
	}
	if n := root.At("2.1.1"); n != nil {
		t.Errorf("At finds %s where there is none", n.ID)
	}
}

func TestPreceding(t *testing.T) {
	root := tree(t, lettered)
	for _, c := range []struct {
		path Path
		most int
		want string
	}{
		{Root, 0, ""}, {"1", 0, "A"}, {"1.1", 0, "AB"}, {"1.2", 0, "ABD"}, {"2", 0, "AB"},
		{"2.1", 0, "ABC"}, {"2.2", 0, "ABCF"}, {"2.2", 2, "CF"}, {"2.2", 9, "ABCF"}, {"3", 0, ""}, {"2.2.1", 0, ""},
	} {
		if got := ids(root.Preceding(c.path, c.most)); got != c.want {
			t.Errorf("before %s, at most %d: %s, want %s", c.path, c.most, got, c.want)
		}
	}
}

// What precedes a node is the same by path as by the definition: of all nodes that a walk passes before it,
// those whose parent is the node's ancestor, and the root.
func TestPrecedingOfPublished(t *testing.T) {
	fsys := shared(t)
	for _, id := range []string{"bbox", "bridging-data-gaps"} { // with ids that repeat
		root := published(t, fsys, id)
		for p := range root.All() {
			var want []Path
			for q := range root.All() {
				if q == p {
					break
				}
				i := max(0, strings.LastIndexByte(string(q), '.'))
				if q == Root || i == 0 || p.under(q[:i]) {
					want = append(want, q)
				}
			}
			var got []Path
			for _, n := range root.Preceding(p, 0) {
				got = append(got, n.Path)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s before %s: %s, want %s", id, p, got, want)
			}
		}
	}
}

func TestPathsInOrder(t *testing.T) {
	want := []Path{"/", "1", "1.1", "1.1.1", "1.2", "1.10", "2", "9.9", "10"}
	got := slices.Clone(want)
	slices.Sort(got)
	slices.SortFunc(got, Path.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestReductions(t *testing.T) {
	root := tree(t, lettered)
	root.At("2.2").FineGrained = Acquisition
	before := root.Outline()
	none := tree(t, inner("A", 1, leaf("B", 1, CodeExecution)))
	for _, c := range []struct {
		name string
		got  *Node
		want string
	}{
		{"code only", root.CodeOnly(), "do A (weight: 1)\n| do B (weight: 1)\n| | do D (weight: 2)\n| do C (weight: 3)\n| | do G (weight: 2)\n"},
		{"code only of none", none.CodeOnly(), "do A (weight: 1)\n"},
		{"resources", root.ResourcesProvided(), strings.Replace(before, "do G (weight: 2)", "do G (weight: 0)", 1)},
		{"to depth 0", root.PruneTo(0), before + " (weight: 1)\n"},
		{"to depth 1", root.PruneTo(1), before + " (weight: 1)\n"},
		{"to depth 3", root.PruneTo(3), before},
	} {
		if diff := cmp.Diff(c.want, c.got.Outline()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if got, want := in(root.CodeOnly()), "A/ B1 D1.1 C2 G2.2"; got != want {
		t.Errorf("code only has the paths %s, want %s", got, want)
	}
	if got := ids(root.CodeOnly().Preceding("2.2", 0)); got != "ABC" {
		t.Errorf("before G in code only: %s", got)
	}
	if got := none.CodeOnly(); got.Category != CodeDevelopment || got.Path != Root {
		t.Errorf("code only of none is %+v", got)
	}
	pruned := root.PruneTo(2)
	if got := in(pruned); got != "A/ B1 C2" {
		t.Errorf("pruned: %s", got)
	}
	if b := pruned.Children[0]; b.Category != Subtree || b.Requirements != "do B (weight: 1)\n| do D (weight: 2)\n| do E (weight: 1)\n" {
		t.Errorf("pruned: %+v", b)
	}
	if got := root.Outline(); got != before {
		t.Errorf("the rubric was changed to\n%s", got)
	}
}

// That there are 8,316 leaves is in the abstract of arXiv 2504.01848.
func TestPublishedRubrics(t *testing.T) {
	fsys := shared(t)
	split, err := fs.ReadFile(fsys, "splits/all.txt")
	noError(t, err)
	all, listed := Counts{Categories: map[Category]int{}}, 0
	for _, id := range papers(t, fsys) {
		root := published(t, fsys, id)
		c := root.Count()
		unique := map[Path]bool{}
		for p := range root.All() {
			unique[p] = true
		}
		if len(unique) != c.Nodes {
			t.Errorf("%s: %d paths for %d nodes", id, len(unique), c.Nodes)
		}
		code := root.CodeOnly().Count()
		if code.Leaves != c.Categories[CodeDevelopment] || len(code.Categories) != 1 {
			t.Errorf("%s: code only has %+v of %+v", id, code, c)
		}
		if slices.Contains(strings.Fields(string(split)), id) {
			listed++
			all.Nodes += c.Nodes
			all.Leaves += c.Leaves
			for category, n := range c.Categories {
				all.Categories[category] += n
			}
		}
	}
	want := Counts{11218, 8316, map[Category]int{CodeDevelopment: 3671, CodeExecution: 4079, ResultAnalysis: 566}}
	if listed != 20 || all.Nodes != want.Nodes || all.Leaves != want.Leaves || !maps.Equal(all.Categories, want.Categories) {
		t.Errorf("%d papers have %+v, want %+v", listed, all, want)
	}
}

// The figure is at most 150 ms for the 23 published rubrics (9 MB): reading, with validation, and two
// reductions.
func BenchmarkRubrics(b *testing.B) {
	fsys := shared(b)
	names := papers(b, fsys)
	bytes := int64(0)
	for _, id := range names {
		info, err := fs.Stat(fsys, "papers/"+id+"/rubric.json")
		noError(b, err)
		bytes += info.Size()
	}
	b.SetBytes(bytes)
	for b.Loop() {
		for _, id := range names {
			root := published(b, fsys, id)
			root.CodeOnly()
			root.ResourcesProvided()
		}
	}
}
