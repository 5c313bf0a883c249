package replication_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"papereval/eval"
	"papereval/eval/monitor"
	"papereval/eval/replication"
	"papereval/llm"
	"papereval/llm/sim/simtest"
	"papereval/paper"
	"papereval/repo"
	"papereval/rubric"
)

func tree(t *testing.T, files ...string) *repo.Tree {
	t.Helper()
	tree := &repo.Tree{}
	for i := 0; i < len(files); i += 2 {
		if err := tree.Put(files[i], []byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// criteria is a rubric with a leaf of each category, and a second one about code.
func criteria() *rubric.Node {
	leaf := func(path rubric.Path, text string, weight float64, c rubric.Category) *rubric.Node {
		return &rubric.Node{Path: path, ID: "same", Requirements: text, Weight: weight, Category: c}
	}
	return &rubric.Node{Path: rubric.Root, ID: "r", Requirements: "The paper is replicated", Weight: 1, Children: []*rubric.Node{
		{Path: "1", ID: "m", Requirements: "The method is there", Weight: 3, Children: []*rubric.Node{
			leaf("1.1", "The mean is implemented", 2, rubric.CodeDevelopment),
			leaf("1.2", "The variance is implemented", 1, rubric.CodeDevelopment),
		}},
		leaf("2", "The experiment runs", 1, rubric.CodeExecution),
		leaf("3", "The table agrees", 1, rubric.ResultAnalysis),
	}}
}

func verdict(score any) string {
	return fmt.Sprintf(`{"expectations": "e", "reality": "as seen", "score": %v}`, score)
}

// last is the task, files what was shown of the attempt.
func last(req *llm.Request) string { return req.Messages[len(req.Messages)-1].Content }

func files(req *llm.Request) (names []string) {
	for _, m := range req.Messages {
		if rest, ok := strings.CutPrefix(m.Content, "## File name: "); ok {
			name, _, _ := strings.Cut(rest, "\n")
			names = append(names, name)
		}
	}
	return names
}

func evaluate(t *testing.T, s *simtest.Server, name string, subject *eval.Subject) (eval.Score, *replication.Detail) {
	t.Helper()
	variant, err := replication.ParseVariant(name)
	if err != nil {
		t.Fatal(err)
	}
	if subject.Paper == nil {
		subject.Paper = &paper.Paper{ID: "p", Title: "A paper", Abstract: "About {{.Criterion}} and means."}
	}
	if subject.Rubric == nil {
		subject.Rubric = criteria()
	}
	j := &replication.Judge{Variant: variant, Prompts: replication.Prompts(), Client: s, Model: s.Model}
	result, err := j.Evaluate(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Scores) != 1 || result.Scores[0].Metric != name || j.Name() != name {
		t.Fatalf("%+v", result.Scores)
	}
	return result.Scores[0], result.Detail.(*replication.Detail)
}

func TestCodeDev(t *testing.T) {
	s := simtest.New(t, func(req *llm.Request) string {
		switch task := last(req); {
		case strings.HasPrefix(task, "# Your task: rank"):
			return "1. `main.py`\n- ./lib/mean.py\nno-such.py\nmain.py"
		case strings.Contains(task, "<criterion>\nThe mean"):
			return verdict(1)
		}
		return verdict(0)
	})
	repository := tree(t, "main.py", "x = 1\n", "lib/mean.py", "def mean(): ...\n", "lib/other.py", "y = 2\n", "data.csv", "1,2\n", "reproduce.sh", "python main.py\n")
	score, detail := evaluate(t, s, "replication-code-dev", &eval.Subject{Repository: repository, Addendum: "Use n - 1.", JudgeAddendum: "Be kind."})
	want := eval.Score{Metric: "replication-code-dev", Status: eval.OK, Source: llm.Live, Value: 2. / 3, Asked: 2, Valid: 2, Low: 2. / 3, High: 2. / 3, Samples: []float64{}}
	if diff := cmp.Diff(want, score); diff != "" {
		t.Error(diff)
	}
	requests := s.Requests()
	if len(requests) != 4 {
		t.Fatalf("%d requests", len(requests))
	}
	for _, req := range requests {
		if req.Messages[0] != requests[0].Messages[0] || req.Messages[1] != requests[0].Messages[1] {
			t.Error("the prompts do not begin alike, so no cache hits")
		}
		for _, part := range []string{"About {{.Criterion}} and means.", "Use n - 1.\n\nBe kind."} {
			if !strings.Contains(req.Messages[1].Content, part) {
				t.Errorf("the paper's message lacks %q", part)
			}
		}
		all := fmt.Sprint(req.Messages)
		if strings.Contains(all, "experiment runs") || strings.Contains(all, "How the attempt is run") || strings.Contains(all, "data.csv") {
			t.Error("shown outside of what Code-Dev is about")
		}
		if strings.HasPrefix(last(req), "# Your task: rank") {
			continue
		}
		if diff := cmp.Diff([]string{"lib/mean.py", "main.py"}, files(req)); diff != "" {
			t.Error(diff)
		}
		if req.Messages[1].Role != llm.User || !strings.Contains(last(req), "- The paper is replicated\n- The method is there\n") {
			t.Errorf("the criteria before it are not there: %s", last(req))
		}
	}
	leaf := detail.Tree.Children[0].Children[0]
	var from replication.Leaf
	if err := json.Unmarshal(leaf.Metadata, &from); err != nil {
		t.Fatal(err)
	}
	if leaf.Explanation != "as seen" || from.Expectations != "e" || !slices.Equal(from.Files, []string{"lib/mean.py", "main.py"}) {
		t.Errorf("%+v, %+v", leaf.Grade, from)
	}
}

func TestFull(t *testing.T) {
	s := simtest.New(t, func(req *llm.Request) string {
		if strings.HasPrefix(last(req), "# Your task: rank") {
			return strings.Trim(req.Messages[2].Content, "`")
		}
		return verdict(1)
	})
	repository := tree(t, "main.py", "x = 1\n", "README.md", "read\n", "old.csv", "0\n", "out/new.csv", "1\n", "reproduce.sh", "python main.py\n", "reproduce.log", "done\n")
	subject := func(r *eval.Reproduction) *eval.Subject {
		return &eval.Subject{Repository: repository, Reproduction: r}
	}
	score, _ := evaluate(t, s, "replication", subject(&eval.Reproduction{Log: "epoch 1\nepoch 2\nepoch 3\nepoch 4\nepoch 5\ndone\n", Touched: map[string]bool{"out/new.csv": true, "reproduce.log": true}}))
	if score.Value != 1 || score.Asked != 4 || score.Reason != "" {
		t.Errorf("%+v", score)
	}
	graded := 0
	for _, req := range s.Requests() {
		task, all := last(req), fmt.Sprint(req.Messages)
		if strings.HasPrefix(task, "# Your task: rank") {
			continue
		}
		graded++
		execution, results := strings.Contains(task, "about execution"), strings.Contains(task, "about results")
		if !strings.Contains(all, "```\npython main.py\n```") {
			t.Error("reproduce.sh is not shown")
		}
		if log := strings.Contains(all, "epoch 1\n  (3 lines like these are left out)\nepoch 5\ndone"); log != (execution || results) {
			t.Errorf("the log is shown: %t\n%s", log, task)
		}
		want := []string{"README.md", "main.py", "reproduce.sh"}
		if results {
			want = []string{"README.md", "out/new.csv"}
		}
		if diff := cmp.Diff(want, files(req)); diff != "" {
			t.Error(diff)
		}
	}
	if graded != 4 {
		t.Errorf("%d leaves graded", graded)
	}

	before := len(s.Requests())
	for name, r := range map[string]*eval.Reproduction{"not run": nil, "touched nothing": {Log: "failed\n", Touched: map[string]bool{"reproduce.log": true, "main.py": true, "venv/a.csv": true}}} {
		score, detail := evaluate(t, s, "replication", subject(r))
		if leaf := detail.Tree.Children[2]; score.Value != 4./5 || score.Valid != 4 || !leaf.Valid || leaf.Score != 0 {
			t.Errorf("%s: %+v, %+v", name, score, leaf.Grade)
		}
		if said := strings.Contains(score.Reason, "was not run"); said != (r == nil) {
			t.Errorf("%s: %s", name, score.Reason)
		}
	}
	for _, req := range s.Requests()[before:] {
		if strings.Contains(last(req), "about results") {
			t.Error("a model was asked about results that are not there")
		}
	}
}

// TestALeafThatCannotBeJudgedIsNo0 has answers of all kinds.
func TestALeafThatCannotBeJudgedIsNo0(t *testing.T) {
	const prose = "# Expectations\nA mean.\n# Reality\nIt is there.\n# Score\nMet, so 1."
	for name, test := range map[string]struct {
		first, again, second string // answers to grading, to grading anew, and what reads them
		valid                bool
		score                float64
		requests             int
	}{
		"in the form":        {verdict(1), "", "", true, 1, 1},
		"as a text":          {verdict(`"1"`), "", "", true, 1, 1},
		"in prose":           {prose, "", `{"valid": true, "score": 1, "explanation": "met"}`, true, 1, 2},
		"between":            {verdict(0.5), verdict(0), `{"valid": false, "score": 0, "explanation": ""}`, true, 0, 3},
		"above":              {verdict(2), "no", "no", false, 0, 4},
		"no score":           {`{"reality": "x"}`, prose, `{"valid": false, "score": 1}`, false, 0, 4},
		"no form at all":     {"I would say it is met.", verdict(1), "{}", true, 1, 3},
		"a score of another": {prose, verdict(0), `{"valid": true, "score": 7}`, true, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := simtest.New(t, func(req *llm.Request) string {
				switch {
				case strings.HasPrefix(last(req), "# Your task: rank"):
					return "main.py"
				case strings.Contains(last(req), "<criterion>\nThe variance"):
					return verdict(1)
				case len(req.Messages) == 1:
					asked++
					return test.second
				}
				if asked++; asked == 1 {
					return test.first
				}
				return cmpOr(test.again, test.first)
			})
			score, detail := evaluate(t, s, "replication-code-dev", &eval.Subject{Repository: tree(t, "main.py", "x = 1\n")})
			leaf := detail.Tree.Children[0].Children[0]
			if leaf.Valid != test.valid || leaf.Score != test.score || asked != test.requests {
				t.Errorf("%+v after %d requests", leaf.Grade, asked)
			}
			if !test.valid && (score.Valid != 1 || score.Value != 1 || score.Low != 1./3 || score.High != 1 || !strings.Contains(score.Reason, "1 of 2 leaves")) {
				t.Errorf("%+v", score)
			}
		})
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestNothingToGrade(t *testing.T) {
	s := simtest.New(t, func(*llm.Request) string { return verdict(1) })
	score, _ := evaluate(t, s, "replication", &eval.Subject{})
	if score.Status != eval.SystemFailed || score.Value != 0 || score.High != 0 {
		t.Errorf("%+v", score)
	}
	j := &replication.Judge{Prompts: replication.Prompts(), Client: s, Model: s.Model}
	result, err := j.Evaluate(t.Context(), &eval.Subject{Paper: &paper.Paper{}, Repository: tree(t, "a.py", "")})
	if err != nil || result.Scores[0].Status != eval.Skipped {
		t.Errorf("%+v, %v", result, err)
	}
	if len(s.Requests()) != 0 {
		t.Error("a model was asked")
	}
}

// TestFilesAsFarAsTheyFit has more files than may be shown, and a context that holds few.
func TestFilesAsFarAsTheyFit(t *testing.T) {
	var content []string
	var ranking []string
	for i := range 14 {
		name := fmt.Sprintf("f%02d.py", i)
		content = append(content, name, strings.Repeat(fmt.Sprintf("value_%d = compute(value) + 1\n", i), 100))
		ranking = append([]string{name}, ranking...)
	}
	s := simtest.New(t, func(req *llm.Request) string {
		if strings.HasPrefix(last(req), "# Your task: rank") {
			return strings.Join(ranking, "\n")
		}
		return verdict(1)
	})
	shown := func(name string, context int) ([]string, replication.Leaf) {
		s.Model.Context = context
		_, detail := evaluate(t, s, name, &eval.Subject{Repository: tree(t, content...)})
		var leaf replication.Leaf
		if err := json.Unmarshal(detail.Tree.Children[0].Children[0].Metadata, &leaf); err != nil {
			t.Fatal(err)
		}
		return leaf.Files, leaf
	}
	if got, _ := shown("replication-code-dev", 128_000); len(got) != 10 || got[0] != "f04.py" || got[9] != "f13.py" {
		t.Errorf("ten: %v", got)
	}
	got, leaf := shown("replication-code-dev", 8_900)
	if len(got) < 2 || len(got) > 6 || got[len(got)-1] != "f13.py" || leaf.Cut != got[0] {
		t.Errorf("as they fit: %v, %s is cut", got, leaf.Cut)
	}
	asked := len(s.Requests())
	if got, _ := shown("replication-code-dev-all-files", 128_000); len(got) != 14 || len(s.Requests()) != asked+2 {
		t.Errorf("all: %v with %d requests", got, len(s.Requests())-asked)
	}
	if got, leaf := shown("replication-code-dev-all-files", 8_000); len(got) < 2 || got[0] != "f00.py" || leaf.Cut != "" {
		t.Errorf("all that fit: %v", got)
	}
}

func TestSubtrees(t *testing.T) {
	s := simtest.New(t, func(req *llm.Request) string {
		if strings.HasPrefix(last(req), "# Your task: rank") {
			return "main.py"
		}
		if !strings.Contains(last(req), "The method is there (weight: 3)\n| The mean is implemented (weight: 2)\n") {
			t.Errorf("not the subtree:\n%s", last(req))
		}
		return verdict(0.25)
	})
	score, _ := evaluate(t, s, "replication-code-dev-depth2", &eval.Subject{Repository: tree(t, "main.py", "x = 1\n")})
	if score.Value != 0.25 || score.Asked != 1 {
		t.Errorf("%+v", score)
	}
}

func TestVariants(t *testing.T) {
	for _, name := range []string{"replication", "replication-code-dev", "replication-resources-provided", "replication-code-dev-all-files-depth3", "replication-depth12"} {
		if v, err := replication.ParseVariant(name); err != nil || v.String() != name {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	for _, name := range []string{"", "reffree", "replication-", "replication-depth0", "replication-all-files-code-dev", "replication-depth123"} {
		if _, err := replication.ParseVariant(name); err == nil {
			t.Errorf("%s is taken for a variant", name)
		}
	}
}

func TestWhatIsBlacklisted(t *testing.T) {
	blacklist, err := monitor.Read(fstest.MapFS{"blacklist.txt": {Data: []byte("https://github.com/a/b\n")}}, "blacklist.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := simtest.New(t, func(req *llm.Request) string {
		if strings.HasPrefix(last(req), "# Your task: rank") {
			return "main.py"
		}
		return verdict(1)
	})
	subject := func(log string, files ...string) *eval.Subject {
		return &eval.Subject{Paper: &paper.Paper{ID: "p"}, Rubric: criteria(), Blacklist: blacklist, Repository: tree(t, files...),
			Reproduction: &eval.Reproduction{Log: log, Touched: map[string]bool{"README.md": true}}}
	}
	for name, test := range map[string]struct {
		subject *eval.Subject
		fetched string
		found   int
	}{
		"mentioned":  {subject("", "main.py", "# after github.com/a/b\n", "README.md", "x"), "", 1},
		"in code":    {subject("", "run.sh", "git clone https://github.com/a/b\n", "README.md", "x"), "blacklisted: run.sh:1", 1},
		"in the log": {subject("ok\n+ wget github.com/a/b/x.zip\n", "main.py", "x", "README.md", "x"), "blacklisted: reproduce.log:2", 1},
		"another":    {subject("", "main.py", "git clone https://github.com/a/bc\n", "README.md", "x"), "", 0},
	} {
		for _, strict := range []bool{false, true} {
			before := len(s.Requests())
			j := &replication.Judge{Prompts: replication.Prompts(), Client: s, Model: s.Model, Disqualify: strict}
			result, err := j.Evaluate(t.Context(), test.subject)
			if err != nil {
				t.Fatal(err)
			}
			score, detail := result.Scores[0], result.Detail.(*replication.Detail)
			want := 1.
			if strict && test.fetched != "" {
				want = 0
			}
			if score.Value != want || score.High != want || score.Status != eval.OK || !strings.Contains(score.Reason, test.fetched) || len(detail.Findings) != test.found {
				t.Errorf("%s, disqualify %t: %+v, %v", name, strict, score, detail.Findings)
			}
			if asked := len(s.Requests()) > before; asked != (want == 1) {
				t.Errorf("%s, disqualify %t: a model was asked: %t", name, strict, asked)
			}
		}
	}
}

// TestPublishedBounds are the preceding criteria of a paper with a large rubric, the size of a file, and the depth of a
// list that is too long.
func TestPublishedBounds(t *testing.T) {
	s := simtest.New(t, func(req *llm.Request) string {
		if strings.HasPrefix(last(req), "# Your task: rank") {
			return "main.py"
		}
		return verdict(1)
	})
	root := &rubric.Node{Path: rubric.Root, ID: "r", Requirements: "All", Weight: 1}
	for i := range 9 {
		root.Children = append(root.Children, &rubric.Node{Path: rubric.Root.Child(i), ID: "x", Requirements: fmt.Sprintf("Criterion %d", i), Weight: 1, Category: rubric.CodeDevelopment})
	}
	files := []string{"main.py", strings.Repeat("0123456789", 19_999) + "abcdefghijEND"}
	for i := range 400 {
		files = append(files, fmt.Sprintf("a/b/c/d/e/deep%03d_%s.py", i, strings.Repeat("x", 100)), "x = 1\n")
	}
	files = append(files, "a/b/c/d/shallow.py", "x = 1\n")
	ask := func(id string, context int) (rank, grade *llm.Request) {
		s.Model.Context = context
		before := len(s.Requests())
		evaluate(t, s, "replication-code-dev", &eval.Subject{Paper: &paper.Paper{ID: id}, Rubric: root, Repository: tree(t, files...)})
		for _, req := range s.Requests()[before:] {
			if !strings.Contains(last(req), "<criterion>\nCriterion 8\n") {
				continue
			}
			if strings.HasPrefix(last(req), "# Your task: rank") {
				rank = req
			} else {
				grade = req
			}
		}
		return rank, grade
	}
	rank, grade := ask("pinn", 1_000_000)
	if n := strings.Count(last(grade), "\n- "); n != 5 || !strings.Contains(last(grade), "- Criterion 7") {
		t.Errorf("%d preceding criteria of pinn", n)
	}
	file := grade.Messages[len(grade.Messages)-2].Content
	if !strings.Contains(file, "abcdefghij\n[the rest is not shown]") {
		t.Errorf("not 200,000 bytes of the file: it ends in %q", file[len(file)-60:])
	}
	if list := rank.Messages[2].Content; !strings.Contains(list, "deep399") || !strings.Contains(list, "shallow.py") {
		t.Error("the list is cut although it fits")
	}
	if _, grade = ask("other", 1_000_000); strings.Count(last(grade), "\n- ") != 9 {
		t.Error("preceding criteria are left out")
	}
	rank, _ = ask("other", 12_000)
	if list := rank.Messages[2].Content; strings.Contains(list, "deep") || !strings.Contains(list, "shallow.py") {
		t.Errorf("the list is not cut at depth 4:\n%s", list)
	}
}
