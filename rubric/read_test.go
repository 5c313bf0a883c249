package rubric

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"papereval/paper"
)

func TestFaults(t *testing.T) {
	good := leaf("x", 1, CodeDevelopment)
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the good leaf", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct {
		name, content string
		want          []string // the start of each fault
	}{
		{"good", good, nil},
		{"unknown keys", with(`{`, `{"notes": {"a": [1]}, "score": "x", `), nil},
		{"ids that repeat", inner("x", 1, good, good), nil},
		{"half a surrogate pair", with(`do x`, `do \ud83d`), nil},
		{"weight 0", with(`"weight": 1`, `"weight": 0`), nil},
		{"no object", `[]`, []string{"node /: is an array where an object is expected"}},
		{"empty object", `{}`, []string{"node /: id is missing", "node /: requirements is missing", "node /: weight is missing", "node /: sub_tasks is missing"}},
		{"weight below 0", with(`"weight": 1`, `"weight": -3`), []string{"node /: weight is -3"}},
		{"huge weight", with(`"weight": 1`, `"weight": 1e999`), []string{"node /: weight is "}},
		{"weight in words", with(`"weight": 1`, `"weight": "heavy"`), []string{"node /: weight is a string where a number is expected"}},
		{"NaN as a string", with(`"weight": 1`, `"weight": "NaN"`), []string{"node /: weight is a string"}},
		{"unknown category", with(`"Code Development"`, `"Coding"`), []string{`node /: task_category is "Coding"; give one of ["Code Development" "Code Execution" "Result Analysis"]`}},
		{"subtree in a rubric", with(`"Code Development"`, `"Subtree"`), []string{`node /: task_category is "Subtree"`}},
		{"leaf without a category", with(`"Code Development"`, `null`), []string{"node /: task_category is needed"}},
		{"inner node with a category", strings.Replace(inner("y", 1, good), "null", `"Code Execution"`, 1), []string{`node /: task_category is "Code Execution", but the node has sub_tasks`}},
		{"unknown fine-grained category", with(`{`, `{"finegrained_task_category": "Fine", `), []string{`node /: finegrained_task_category is "Fine"`}},
		{"no requirements", with(`"do x"`, `" \n"`), []string{"node /: requirements is empty"}},
		{"sub_tasks null", with(`[]`, `null`), []string{"node /: sub_tasks is null where an array is expected"}},
		{"every fault of a node", `{"id": 7, "requirements": "", "weight": -1, "sub_tasks": [], "finegrained_task_category": true}`, []string{
			"node /: id is a number", "node /: finegrained_task_category is true", "node /: requirements is empty", "node /: weight is -1", "node /: task_category is needed"}},
		{"faults in the order of the nodes", inner("a", -1, inner("b", 1, good, `7`), `{"sub_tasks": [{}]}`), []string{
			"node /: weight", "node 1.2: is a number", "node 2: id", "node 2: requirements", "node 2: weight", "node 2.1: id", "node 2.1: req", "node 2.1: weight", "node 2.1: sub_tasks"}},
		{"too deep", strings.Repeat(`{"id": "", "requirements": "r", "weight": 1, "sub_tasks": [`, 65) + good + strings.Repeat(`]}`, 65), []string{"node 1.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := Read(file(c.content), "f")
			if c.want == nil {
				noError(t, err)
				return
			}
			var faults Faults
			if !errors.As(err, &faults) || n != nil || !strings.HasPrefix(err.Error(), "f ") {
				t.Fatalf("%v and the error %v", n, err)
			}
			got := make([]string, len(faults))
			for i, f := range faults {
				got[i] = f.String()
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestManyFaults(t *testing.T) {
	_, err := Read(file(inner("a", 1, slices.Repeat([]string{"7"}, 300)...)), "f")
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 300 {
		t.Fatalf("%d faults", len(faults))
	}
	if text := err.Error(); strings.Count(text, "\n") != 201 || !strings.HasSuffix(text, "and 100 more") {
		t.Errorf("%s", text)
	}
}

func TestNoJSON(t *testing.T) {
	for _, c := range []struct {
		name, content string
		line, column  int
		want          string
	}{
		{"empty", "", 1, 1, "too early"},
		{"cut", "{\"id\": \"a\",\n \"weight\"", 2, 10, "too early"},
		{"NaN", "{\n\"weight\": NaN}", 2, 11, "not JSON"},
		{"twice the same key", `{"id": "a", "id": "b"}`, 1, 13, "duplicate"},
		{"more", "{}\n\n {}", 3, 2, "delete it"},
		{"too deep for JSON", strings.Repeat("[", 20_000), 1, 10_001, "depth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(file(c.content), "f")
			var at *paper.SyntaxError
			if !errors.As(err, &at) || at.File != "f" || at.Line != c.line || at.Column != c.column || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want f:%d:%d and %q", err, c.line, c.column, c.want)
			}
		})
	}
	if _, err := Read(fstest.MapFS{}, "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Whatever is read keeps what the rest of the package promises.
func FuzzRead(f *testing.F) {
	f.Add(lettered)
	f.Add(`{"id": "", "requirements": "\ud800", "weight": 1e-320, "sub_tasks": [{}, {"weight": NaN}]}`)
	f.Add(gradedLeaf("x", 1, 1, true))
	f.Add(gradedInner("x", 1, 0.5, gradedLeaf("y", 0, 1, true), gradedLeaf("z", 3, 0.5, false)))
	f.Fuzz(func(t *testing.T, content string) {
		root, err := Read(file(content), "f")
		if err == nil {
			check(t, root)
		} else if root != nil {
			t.Error("a rubric and an error")
		}
		graded, err := ReadGraded(file(content), "f", Continuous)
		if err != nil {
			return
		}
		check(t, graded.Node)
		again, err := ReadGraded(file(marshal(t, graded)), "f", Continuous)
		noError(t, err)
		if first, second := marshal(t, graded), marshal(t, again); first != second {
			t.Errorf("%s is then\n%s", first, second)
		}
	})
}

// check grades every other leaf of a tree.
func check(t *testing.T, root *Node) {
	for _, n := range []*Node{root, root.CodeOnly(), root.ResourcesProvided(), root.PruneTo(2)} {
		grades, i := map[Path]Grade{}, 0
		for p := range n.Leaves() {
			grades[p] = Grade{Score: float64(i % 3 / 2), Valid: i%2 == 0}
			if root.At(p) == nil {
				t.Errorf("%s is not in the rubric", p)
			}
			i++
		}
		for p, g := range Aggregate(n, grades).All() {
			const rounding = 1e-9
			if !(g.Low >= 0 && g.Low <= g.High+rounding && g.High <= 1+rounding) ||
				g.Valid && !(g.Score >= g.Low-rounding && g.Score <= g.High+rounding) {
				t.Errorf("%s: %v in %v to %v", p, g.Score, g.Low, g.High)
			}
		}
	}
}
