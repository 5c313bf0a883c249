package recording_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"papereval/llm"
	"papereval/llm/recording"
	"papereval/tokens"
)

// shared is the folder with real data.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("PAPEREVAL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(root, "data", name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data is missing: %v", err)
		}
		t.Skipf("real data is missing (set PAPEREVAL_SHARED): %v", err)
	}
	return path
}

func labelled(stage, file string) *llm.Request {
	return &llm.Request{Label: llm.Label{Paper: "Transformer", System: "papercoder", Stage: stage, File: file}}
}

func TestRealTranscripts(t *testing.T) {
	for name, tt := range map[string]struct {
		model string
		plan  llm.Usage
		files int
	}{
		"transformer-o3-mini":             {"o3-mini-2025-01-31", llm.Usage{Prompt: 10872, Completion: 5366, Reasoning: 2368}, 7},
		"transformer-r1-distill-qwen-14b": {"deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", llm.Usage{Prompt: 11210, Completion: 1986}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shared(t, filepath.Join("transcripts", name))
			tr, err := recording.OpenAny(dir)
			if err != nil {
				t.Fatal(err)
			}
			if tr.About().Model != tt.model || !strings.HasPrefix(tr.Endpoint(), "replay:") || len(tr.Endpoint()) != 23 {
				t.Errorf("%s, %s", tr.About().Model, tr.Endpoint())
			}
			plan, err := llm.One(t.Context(), tr, labelled("overall-plan", ""))
			if err != nil || plan.Usage != tt.plan || plan.Snapshot != tt.model || plan.Source != llm.Recorded || plan.Finish != "stop" {
				t.Errorf("%+v, %v", plan, err)
			}
			for _, stage := range []string{"architecture", "logic", "config"} {
				if s, err := llm.One(t.Context(), tr, labelled(stage, "")); err != nil || s.Text == "" || s.Text == plan.Text {
					t.Errorf("%s: %v", stage, err)
				}
			}
			files, err := filepath.Glob(filepath.Join(dir, "coding_artifacts", "*"))
			if err != nil || len(files) != tt.files {
				t.Fatalf("%d files, %v", len(files), err)
			}
			for _, path := range files {
				file := strings.TrimSuffix(filepath.Base(path), "_coding.txt")
				s, err := llm.One(t.Context(), tr, labelled("coding", file))
				if err != nil || s.Text != string(contents(t, path)) || s.Usage != (llm.Usage{Completion: tokens.Count(s.Text)}) {
					t.Errorf("coding %s: %v", file, err)
				}
				if s, err := llm.One(t.Context(), tr, labelled("analysis", file)); err != nil || s.Usage.Prompt == 0 {
					t.Errorf("analysis of %s: %v", file, err)
				}
			}
			for _, r := range []*llm.Request{labelled("coding", "other.py"), labelled("paper", ""), labelled("analysis", "")} {
				_, err := llm.One(t.Context(), tr, r)
				if llm.KindOf(err) != llm.Unanswered || !strings.Contains(err.Error(), "config; analysis of ") || !strings.Contains(err.Error(), "trainer.py") {
					t.Errorf("%s: %v", r.Label, err)
				}
			}
		})
	}
}

// write makes a folder of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func turn(text string) string {
	return `{"model":"m-1","choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"` + text + `"}}]}`
}

func TestTranscriptHasOneAnswerOfEach(t *testing.T) {
	tr, err := recording.OpenTranscript(write(t, map[string]string{
		"planning_response.json":                     "[" + turn("p") + "," + turn("a") + "]",
		"src_model.py_simple_analysis_response.json": "[" + turn("analysed") + "]",
		"coding_artifacts/src_model.py_coding.txt":   "coded",
		"coding_artifacts/notes.md":                  "something else",
	}))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.Complete(t.Context(), &llm.Request{Label: labelled("analysis", "src/model.py").Label, Samples: 2})
	if err != nil || resp.Samples[0].Text != "analysed" || resp.Samples[1].Index != 1 || llm.KindOf(resp.Samples[1].Err) != llm.Unanswered {
		t.Errorf("%+v, %v", resp, err)
	}
	for what, change := range map[string]func(*llm.Request){
		"one answer only":    func(r *llm.Request) { r.Label.Again = true },
		"answers of a judge": func(r *llm.Request) { r.Label.Evaluator = "refbased" },
		"sample 0 only":      func(r *llm.Request) { r.First = 3 },
		"it has overall-plan; architecture; analysis of src_model.py; coding of src_model.py": func(r *llm.Request) {
			r.Label.Stage, r.Label.File = "logic", ""
		},
	} {
		r := labelled("coding", "src/model.py")
		if s, err := llm.One(t.Context(), tr, r); err != nil || s.Text != "coded" || s.Snapshot != "m-1" {
			t.Fatalf("%+v, %v", s, err)
		}
		change(r)
		if _, err := llm.One(t.Context(), tr, r); llm.KindOf(err) != llm.Unanswered || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBrokenTranscripts(t *testing.T) {
	for says, files := range map[string]map[string]string{
		"an output folder of the published program has it":     {"x": ""},
		"planning_response.json: line 2, column 3":             {"planning_response.json": "[\n {]"},
		"planning_response.json: it is no list":                {"planning_response.json": "{}"},
		"planning_response.json: the list of answers is empty": {"planning_response.json": "[]"},
		"planning_response.json: answer 1 has no choices":      {"planning_response.json": "[{}]"},
		"there are 5 answers where planning has 4":             {"planning_response.json": "[" + strings.Repeat(turn("x")+",", 4) + turn("x") + "]"},
		"a.py_simple_analysis_response.json: the list":         {"planning_response.json": "[" + turn("x") + "]", "a.py_simple_analysis_response.json": "[]"},
	} {
		dir := write(t, files)
		if _, err := recording.OpenTranscript(dir); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}
