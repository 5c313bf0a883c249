package rubric

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

func TestAggregate(t *testing.T) {
	valid := func(score float64) Grade { return Grade{Score: score, Valid: true} }
	one := leaf("a", 1, CodeDevelopment)
	three := leaf("b", 3, CodeDevelopment)
	zero := leaf("z", 0, CodeDevelopment)
	for _, c := range []struct {
		name             string
		tree             string
		grades           map[Path]Grade
		score, low, high float64
		valid            bool
	}{
		{"one leaf", one, map[Path]Grade{Root: valid(1)}, 1, 1, 1, true},
		{"no grade", one, nil, 0, 0, 1, false},
		{"weights", inner("r", 1, one, three), map[Path]Grade{"1": valid(0), "2": valid(1)}, 0.75, 0.75, 0.75, true},
		{"an invalid leaf is not 0", inner("r", 1, one, three), map[Path]Grade{"1": valid(1), "2": {Score: 1}}, 1, 0.25, 1, true},
		{"an impossible score is invalid", inner("r", 1, one, three), map[Path]Grade{"1": valid(1), "2": valid(math.NaN())}, 1, 0.25, 1, true},
		{"neither is 2", inner("r", 1, one, three), map[Path]Grade{"1": valid(1), "2": valid(2)}, 1, 0.25, 1, true},
		{"an invalid family", inner("r", 1, inner("s", 3, one, three), one), map[Path]Grade{"2": valid(1)}, 1, 0.25, 1, true},
		{"valid only with weight 0", inner("r", 1, one, zero), map[Path]Grade{"2": valid(1)}, 0, 0, 1, false},
		{"all weigh 0", inner("r", 1, zero, zero), map[Path]Grade{"1": valid(1)}, 0, 0, 0, true},
		{"a family that weighs 0 in itself", inner("r", 1, inner("s", 1, zero), one), map[Path]Grade{"2": valid(1)}, 0.5, 0.5, 0.5, true},
		{"grades of others", inner("r", 1, one), map[Path]Grade{Root: valid(0), "1": valid(1), "9": valid(0)}, 1, 1, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := Aggregate(tree(t, c.tree), c.grades)
			if g.Valid != c.valid || !near(g.Score, c.score) || !near(g.Low, c.low) || !near(g.High, c.high) {
				t.Errorf("%v %v in %v to %v", g.Valid, g.Score, g.Low, g.High)
			}
			for _, leaf := range g.Leaves() {
				if !leaf.Valid && leaf.Score != 0 {
					t.Errorf("an invalid leaf keeps the score %v", leaf.Score)
				}
			}
		})
	}
}

func readGold(t testing.TB, fsys fs.FS, id string) *Graded {
	t.Helper()
	g, err := ReadGraded(fsys, goldFile(id), Binary)
	noError(t, err)
	return g
}

func TestGoldScores(t *testing.T) {
	fsys := shared(t)
	for _, c := range golds {
		gold := readGold(t, fsys, c.id)
		again := Aggregate(gold.Node, gold.Grades())
		for p, g := range gold.All() {
			if a := again.at(p); !near(g.Score, a.Score) || a.Low != a.High || !near(a.Low, a.Score) {
				t.Errorf("%s %s: %v in %v to %v, want %v", c.id, p, a.Score, a.Low, a.High, g.Score)
			}
		}
		if !near(again.Score, c.score) {
			t.Errorf("%s: %v, want %v", c.id, again.Score, c.score)
		}
		if code := Aggregate(gold.Node.CodeOnly(), gold.Grades()); !near(code.Score, c.codeDev) {
			t.Errorf("%s, code only: %v, want %v", c.id, code.Score, c.codeDev)
		}
		// A subtree that has the score that its leaves give it changes nothing.
		for depth := range 8 {
			if g := Aggregate(gold.Node.PruneTo(depth), gold.Grades()); !near(g.Score, c.score) {
				t.Errorf("%s to depth %d: %v, want %v", c.id, depth, g.Score, c.score)
			}
		}
	}
}

func (g *Graded) at(p Path) *Graded {
	for q, g := range g.All() {
		if q == p {
			return g
		}
	}
	return nil
}

// The share is computed here from its definition: leaf by leaf, by products of weights.
func TestInvalidShare(t *testing.T) {
	fsys := shared(t)
	for _, c := range golds {
		gold := readGold(t, fsys, c.id)
		grades := gold.Grades()
		want, score, published, i := 0.0, 0.0, 0.0, 0
		var leaves func(n *Node, part float64)
		leaves = func(n *Node, part float64) {
			total := 0.0
			for _, c := range n.Children {
				total += c.Weight
			}
			for _, c := range n.Children {
				leaves(c, part*c.Weight/total)
			}
			if !n.IsLeaf() {
				return
			}
			score += part * grades[n.Path].Score
			if i++; i%5 == 0 {
				want += part
				grades[n.Path] = Grade{}
			}
			published += part * grades[n.Path].Score
		}
		leaves(gold.Node, 1)
		g := Aggregate(gold.Node, grades)
		if !near(g.InvalidShare(), want) || want == 0 || !near(g.Low, published) || !near(g.High, published+want) || !near(score, c.score) {
			t.Errorf("%s: %v in %v to %v; want the share %v and at least %v", c.id, g.InvalidShare(), g.Low, g.High, want, published)
		}
	}
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	content, err := json.Marshal(v)
	noError(t, err)
	return string(content)
}

func TestGoldRoundTrip(t *testing.T) {
	fsys := shared(t)
	for _, c := range golds {
		content, err := fs.ReadFile(fsys, goldFile(c.id))
		noError(t, err)
		if diff := cmp.Diff(values(t, content), values(t, []byte(marshal(t, readGold(t, fsys, c.id))))); diff != "" {
			t.Errorf("%s: %s", c.id, diff)
		}
	}
}

func TestMatch(t *testing.T) {
	full := tree(t, lettered)
	code := full.CodeOnly()
	graded := Aggregate(code, map[Path]Grade{"1.1": {Score: 1, Valid: true}})
	read, err := ReadGraded(file(marshal(t, graded)), "f", Binary)
	noError(t, err)
	if got := in(read.Node); got != "A/ B1 D1.1 C2 G2.1" {
		t.Fatalf("a file has the paths %s", got)
	}
	matched, err := read.Match(code)
	noError(t, err)
	if diff := cmp.Diff(graded, matched); diff != "" {
		t.Error(diff)
	}
	_, err = read.Match(full)
	if err == nil || strings.Count(err.Error(), "\n") != 2 || !strings.Contains(err.Error(), `node 2: sub_tasks is "1 nodes" in the graded tree and "2 nodes"`) {
		t.Errorf("another rubric: %v", err)
	}
}

// What people graded was graded by older rubrics than the published ones.
func TestGoldRubrics(t *testing.T) {
	fsys := shared(t)
	for id, faults := range map[string]int{"all-in-one": 19, "semantic-self-consistency": 3, "stay-on-topic-with-classifier-free-guidance": 19} {
		gold := readGold(t, fsys, id)
		if _, err := gold.Match(gold.Node); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := gold.Match(published(t, fsys, id)); err == nil || strings.Count(err.Error(), "\n") != faults {
			t.Errorf("%s: %v, want %d faults", id, err, faults)
		}
	}
}

func gradedLeaf(id string, weight, score float64, valid bool) string {
	return strings.TrimSuffix(leaf(id, weight, CodeDevelopment), "}") +
		fmt.Sprintf(`, "score": %v, "valid_score": %v, "explanation": "e", "judge_metadata": {"n": [1.50, null]}}`, score, valid)
}

func gradedInner(id string, weight, score float64, children ...string) string {
	return strings.TrimSuffix(inner(id, weight, children...), "}") + fmt.Sprintf(`, "score": %v, "valid_score": true, "explanation": "e"}`, score)
}

func TestGradedFaults(t *testing.T) {
	for _, c := range []struct {
		name, content string
		scale         Scale
		want          string // a part of the error; "" for none
	}{
		{"binary", gradedLeaf("x", 1, 1, true), Binary, ""},
		{"continuous", gradedLeaf("x", 1, 0.5, true), Continuous, ""},
		{"not binary", gradedLeaf("x", 1, 0.5, true), Binary, "node /: score is 0.5; give 0 or 1"},
		{"a subtree is continuous", strings.Replace(gradedLeaf("x", 1, 0.5, true), "Code Development", "Subtree", 1), Binary, ""},
		{"invalid and not binary", gradedLeaf("x", 1, 0.5, false), Binary, ""},
		{"above 1", gradedLeaf("x", 1, 2, true), Continuous, "node /: score is 2"},
		{"below 0", gradedLeaf("x", 1, -1, false), Continuous, "node /: score is -1"},
		{"sum", gradedInner("x", 1, 0.25, gradedLeaf("y", 1, 1, true), gradedLeaf("z", 3, 0, true)), Binary, ""},
		{"wrong sum", gradedInner("x", 1, 0.5, gradedLeaf("y", 1, 1, true), gradedLeaf("z", 3, 0, true)), Binary, "node /: score is 0.5, but the sub_tasks give 0.25 to 0.25"},
		{"published sum over an invalid leaf", gradedInner("x", 1, 0.25, gradedLeaf("y", 1, 1, true), gradedLeaf("z", 3, 0, false)), Binary, ""},
		{"our sum over an invalid leaf", gradedInner("x", 1, 1, gradedLeaf("y", 1, 1, true), gradedLeaf("z", 3, 0, false)), Binary, ""},
		{"no grades", lettered, Binary, "node 2.2: explanation is missing"},
		{"a fault below is not one above", gradedInner("x", 1, 0, gradedLeaf("y", 1, 7, true)), Binary, "faults (1):"},
		{"words", strings.Replace(gradedLeaf("x", 1, 1, true), `"valid_score": true`, `"valid_score": "yes"`, 1), Binary, "node /: valid_score is a string where true or false is expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadGraded(file(c.content), "f", c.scale)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestJudgement(t *testing.T) {
	invalid := gradedInner("x", 1, 1, gradedLeaf("y", 1, 1, true), gradedLeaf("z", 3, 0, false))
	write := func(tree, rest string) string {
		return `{"judge_type": "simple", "score": 1, "num_leaf_nodes": 2, "num_invalid_leaf_nodes": 1, "graded_at": "2025-04-02T10-00-00-GMT", "graded_task_tree": ` + tree + rest + `}`
	}
	whole := write(invalid, `, "completer_config": {"model": "m", "t": 1.0}, "token_usage": {"m": {"in": 5, "out": 7}}`)
	for name, c := range map[string]struct{ content, want string }{
		"whole":      {whole, ""},
		"nulls":      {write(invalid, `, "completer_config": null, "token_usage": null`), ""},
		"absent":     {write(invalid, ""), ""},
		"score":      {strings.Replace(whole, `"score": 1`, `"score": 0.5`, 1), "the file: score is 0.5, but that of graded_task_tree is 1"},
		"leaves":     {strings.Replace(whole, `leaf_nodes": 2`, `leaf_nodes": 3`, 1), "num_leaf_nodes is 3, but graded_task_tree has 2"},
		"invalid":    {strings.Replace(whole, `leaf_nodes": 1`, `leaf_nodes": 0`, 1), "num_invalid_leaf_nodes is 0, but graded_task_tree has 1"},
		"usage":      {strings.Replace(whole, `"in": 5`, `"in": "5"`, 1), "token_usage is not"},
		"tree":       {write(`7`, ""), "node /: is a number where an object is expected"},
		"no tree":    {`{"judge_type": "simple"}`, "the file: graded_task_tree is missing"},
		"list":       {`[]`, "the file: is an array where an object is expected"},
		"not a file": {``, "f:1:1:"},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := ReadJudgement(file(c.content), "f", Binary)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			noError(t, err)
			want := values(t, []byte(c.content)).(map[string]any)
			nullIfAbsent(want, "completer_config", "token_usage")
			nullIfAbsent(want["graded_task_tree"].(map[string]any), "judge_metadata")
			got := values(t, []byte(marshal(t, j)))
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Error(diff)
			}
			if !slices.Contains([]int{0, 5}, j.Usage["m"].In) {
				t.Errorf("%+v", j.Usage)
			}
		})
	}
	if keys := slices.Sorted(maps.Keys(values(t, []byte(marshal(t, &Judgement{Tree: Aggregate(tree(t, lettered), nil)}))).(map[string]any))); len(keys) != 8 {
		t.Errorf("keys %s", keys)
	}
}

func nullIfAbsent(object map[string]any, keys ...string) {
	for _, key := range keys {
		if _, ok := object[key]; !ok {
			object[key] = nil
		}
	}
}
