package paperbench

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"papereval/datasets"
	"papereval/eval/monitor"
	"papereval/paper"
)

// node is a rubric, graded or not, as far as these tests look at it.
type node struct {
	ID           string
	Requirements string
	Weight       int
	Category     string   `json:"task_category"`
	Finegrained  string   `json:"finegrained_task_category"`
	Score        *float64 // of a graded one
	Valid        bool     `json:"valid_score"`
	Explanation  string
	Parts        []node `json:"sub_tasks"`
}

// all are the node and those below it, by id.
func (n node) all(t *testing.T) map[string]node {
	t.Helper()
	nodes := map[string]node{n.ID: n}
	for _, part := range n.Parts {
		for id, below := range part.all(t) {
			if _, ok := nodes[id]; ok {
				t.Errorf("id %s occurs twice", id)
			}
			nodes[id] = below
		}
	}
	return nodes
}

// mean is the score by the leaves' scores and the weights.
func (n node) mean() float64 {
	if len(n.Parts) == 0 {
		return *n.Score
	}
	sum, weights := 0.0, 0.0
	for _, part := range n.Parts {
		sum += float64(part.Weight) * part.mean()
		weights += float64(part.Weight)
	}
	return sum / weights
}

func demo(t *testing.T) *Dataset {
	t.Helper()
	d, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func rubric(t *testing.T, content []byte) node {
	t.Helper()
	var n node
	if err := json.Unmarshal(content, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDemo(t *testing.T) {
	d := demo(t)
	for _, split := range []string{"", "all", "demo"} {
		if got, err := datasets.Select(d, split, nil); err != nil || ids(got) != "capped-seeding blended-calibration" {
			t.Errorf("split %q: %s, %v", split, ids(got), err)
		}
	}
	var addresses, judges int
	for _, e := range d.Papers() {
		p, err := e.Paper("")
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Warnings)+len(p.Warnings) != 0 || p.Form != paper.Markdown || p.Title != e.Title || len(p.Abstract) < 200 || !strings.Contains(p.Text(), "$$") {
			t.Errorf("%s: warnings %q %q, form %s, titles %q and %q", e.ID, e.Warnings, p.Warnings, p.Form, e.Title, p.Title)
		}
		addendum, err1 := e.ReadAddendum()
		judge, err2 := e.ReadJudgeAddendum()
		blacklist, err3 := blacklisted(e)
		if err := errors.Join(err1, err2, err3); err != nil || addendum == "" {
			t.Errorf("%s: addendum %q, %v", e.ID, addendum, err)
		}
		addresses += len(blacklist)
		if judge != "" {
			judges++
		}
	}
	if addresses != 1 || judges != 1 {
		t.Errorf("%d addresses and %d judge's addenda, want one of each", addresses, judges)
	}
	if _, err := d.Revision(); err != nil {
		t.Error(err)
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestDemoRubrics(t *testing.T) {
	development := map[string]int{"capped-seeding": 8, "blended-calibration": 7}
	finegrained := []string{"Environment & Infrastructure Setup", "Dataset and Model Acquisition", "Data Processing & Preparation",
		"Method Implementation", "Experimental Setup", "Evaluation, Metrics & Benchmarking", "Logging, Analysis & Presentation"}
	for _, e := range demo(t).Papers() {
		content, err := e.ReadRubric()
		if err != nil {
			t.Fatal(err)
		}
		leaves, weights, kinds := map[string]int{}, map[int]bool{}, map[string]bool{}
		for id, n := range rubric(t, content).all(t) {
			if !uuid.MatchString(id) || n.Weight < 1 || n.Requirements == "" || (n.Category == "") != (len(n.Parts) > 0) {
				t.Errorf("%s: %+v", e.ID, n)
			}
			if len(n.Parts) == 0 {
				leaves[n.Category]++
				weights[n.Weight], kinds[n.Finegrained] = true, true
				if !slices.Contains(finegrained, n.Finegrained) {
					t.Errorf("%s: kind %q", e.ID, n.Finegrained)
				}
			}
		}
		code, execution, result := leaves["Code Development"], leaves["Code Execution"], leaves["Result Analysis"]
		if sum := code + execution + result; len(leaves) != 3 || code != development[e.ID] || execution < 3 || result < 3 || sum < 15 || sum > 20 {
			t.Errorf("%s: leaves %v", e.ID, leaves)
		}
		if len(weights) < 3 || !kinds["Dataset and Model Acquisition"] {
			t.Errorf("%s: weights %v, kinds %v", e.ID, weights, slices.Sorted(maps.Keys(kinds)))
		}
	}
}

func TestDemoGrade(t *testing.T) {
	d := demo(t)
	submissions := d.JudgeEval()
	if len(submissions) != 1 {
		t.Fatalf("submissions %+v", submissions)
	}
	content, err := find(t, d, submissions[0].Paper).ReadRubric()
	if err != nil {
		t.Fatal(err)
	}
	expected, err := submissions[0].ReadExpected()
	if err != nil {
		t.Fatal(err)
	}
	asked, graded := rubric(t, content).all(t), rubric(t, expected)
	answered := graded.all(t)
	if len(asked) != len(answered) {
		t.Errorf("%d nodes in the rubric, %d in the grade", len(asked), len(answered))
	}
	var met, unmet int
	for id, got := range answered {
		want := asked[id]
		if got.Requirements != want.Requirements || got.Weight != want.Weight || got.Category != want.Category || len(got.Parts) != len(want.Parts) {
			t.Errorf("%s is not what the rubric has: %q", id, got.Requirements)
		}
		if got.Score == nil || !got.Valid || got.Explanation == "" || math.Abs(*got.Score-got.mean()) > 1e-12 {
			t.Errorf("%s: score %v, valid %v, explanation %q", id, got.Score, got.Valid, got.Explanation)
			continue
		}
		switch {
		case len(got.Parts) > 0:
		case *got.Score == 1:
			met++
		case *got.Score == 0:
			unmet++
		}
	}
	if met != 12 || unmet != 8 || math.Abs(*graded.Score-2.0/3) > 1e-12 {
		t.Errorf("%d leaves met, %d not, score %v", met, unmet, *graded.Score)
	}
}

// TestDemoArchive reads the archive as a judge has to: what the reproduction wrote is not older than its log.
func TestDemoArchive(t *testing.T) {
	f, err := demo(t).JudgeEval()[0].OpenTar()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	times := make(map[string]int64)
	var started int64
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, "submission/")
		if !ok || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir || h.Uid != 0 || name != "" && !fs.ValidPath(strings.TrimSuffix(name, "/")) {
			t.Errorf("%s: %+v", h.Name, h)
		}
		if h.Typeflag == tar.TypeReg {
			times[name] = h.ModTime.Unix()
		}
		if name == "reproduce.log.creation_time" {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if started, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	var touched []string
	for name, at := range times {
		if at >= started {
			touched = append(touched, name)
		}
	}
	slices.Sort(touched)
	if want := []string{"reproduce.log", "reproduce.log.creation_time", "results/runs.csv", "results/table.md"}; started == 0 || !slices.Equal(touched, want) || len(times) != 11 {
		t.Errorf("%d files, and since %d: %q", len(times), started, touched)
	}
}

// blacklisted are the addresses that are forbidden for a paper.
func blacklisted(e datasets.Entry) ([]string, error) {
	if e.Blacklist == "" {
		return nil, nil
	}
	list, err := monitor.Read(e.FS, e.Blacklist)
	if err != nil {
		return nil, err
	}
	return list.Entries(), nil
}
