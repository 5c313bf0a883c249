package run_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"papereval/datasets"
	"papereval/eval"
	"papereval/eval/judge"
	"papereval/eval/refbased"
	"papereval/eval/reffree"
	"papereval/generate"
	"papereval/generate/baseline"
	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/recording"
	"papereval/llm/sim"
	"papereval/paper"
	"papereval/run"
)

const (
	repository = "## Code: main.py\n```python\nprint('%s')\n```\n"
	judgement  = `{"critique_list": [], "score": 4}`
)

// endpoint is a simulated model over HTTP.
type endpoint struct {
	*sim.Server
	url string
}

func newEndpoint(t *testing.T, answer func(prompt string) string) *endpoint {
	e := &endpoint{Server: sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		return answer(req.Messages[len(req.Messages)-1].Content), true
	}))}
	server := httptest.NewServer(e.Server)
	t.Cleanup(server.Close)
	e.url = server.URL + "/v1"
	return e
}

func usual(prompt string) string {
	if strings.Contains(prompt, "critique_list") {
		return judgement
	}
	return fmt.Sprintf(repository, "hello")
}

// newRun is a run of the baseline `paper` over the papers of a dataset that the files make up.
func newRun(t *testing.T, e *endpoint, workspace string, files fstest.MapFS, ids ...string) *run.Run {
	t.Helper()
	client := openai.New(e.url, "", nil)
	model := llm.Model{Endpoint: client.Endpoint(), Name: "m", Context: llm.DefaultContext}
	g, err := baseline.NewPaper(baseline.Prompts())
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &run.Run{
		Config: run.Config{Dataset: "d", Revision: "r", Systems: []string{"paper"}, Model: run.Model(model), JudgeModel: run.Model(model),
			Evaluators: []string{"refbased", "reffree"}, Samples: 2, Seeds: []int{0}},
		Workspace: workspace, Ledger: l, Generators: []generate.Generator{g}, Prompts: generate.Prompts(),
		Evaluators: func(c llm.Client) []eval.Evaluator {
			settings := judge.Judge{Shared: judge.Prompts(), Client: c, Model: model, Samples: 2}
			return []eval.Evaluator{refbased.New(refbased.Prompts(), settings), reffree.New(reffree.Prompts(), settings)}
		},
		Endpoints: map[string]llm.Client{model.Endpoint: client}, Concurrency: 4,
		Events: func(run.Event) {}, Damage: func(error) {},
	}
	for _, id := range ids {
		entry := datasets.Entry{ID: id, FS: files, Files: map[paper.Form]string{paper.Markdown: id + ".md"}}
		if _, err := files.Stat("references/" + id); err == nil {
			entry.Reference = "references/" + id
		}
		r.Papers = append(r.Papers, entry)
		r.Config.Papers = append(r.Config.Papers, run.Paper{ID: id})
	}
	return r
}

func papers(names ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, n := range names {
		files[n+".md"] = &fstest.MapFile{Data: []byte("# " + n + "\n\n## Abstract\n\nAbout " + n + ".\n")}
	}
	return files
}

func execute(t *testing.T, r *run.Run) run.Totals {
	t.Helper()
	totals, err := r.Execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

// outcome is the state of every cell and the status and value of every score, by name.
func outcome(t *testing.T, r *run.Run) map[string]string {
	t.Helper()
	cells, err := r.Ledger.Cells(t.Context(), r.Config.ID())
	if err != nil {
		t.Fatal(err)
	}
	scores, err := r.Ledger.Scores(t.Context(), r.Config.ID())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, c := range cells {
		got[c.Paper] = c.State
	}
	for _, s := range scores {
		got[s.Paper+" "+s.Metric] = fmt.Sprintf("%s %g", s.Status, s.Value)
	}
	return got
}

func TestAnsweredOnce(t *testing.T) {
	e := newEndpoint(t, usual)
	files := papers("a", "b")
	files["references/a/main.py"] = &fstest.MapFile{Data: []byte("s = 'na\xefve'\n")} // not UTF-8
	files["references/a/x.bin"] = &fstest.MapFile{Data: []byte("\x00\x01")}
	workspace := t.TempDir()
	r := newRun(t, e, workspace, files, "a", "b")
	totals := execute(t, r)
	if totals.Sent != 8 || totals.Cells != 2 || totals.Failed != 0 {
		t.Errorf("%+v", totals)
	}
	want := map[string]string{"a": "done", "b": "done", "a refbased": "ok 4", "a reffree": "ok 4", "b refbased": "skipped 0", "b reffree": "ok 4"}
	if diff := cmp.Diff(want, outcome(t, r)); diff != "" {
		t.Error(diff)
	}
	requests := e.Requests()
	again := newRun(t, e, workspace, files, "a", "b")
	if totals := execute(t, again); totals.Sent != 0 || totals.Known != 8 || e.Requests() != requests {
		t.Errorf("once more: %+v, %d requests", totals, e.Requests()-requests)
	}
	if diff := cmp.Diff(want, outcome(t, again)); diff != "" {
		t.Error(diff)
	}
	content, err := os.ReadFile(filepath.Join(r.Dir(), "a", "paper--m--0", "repo", "main.py"))
	if err != nil || string(content) != "print('hello')\n" {
		t.Errorf("%q, %v", content, err)
	}
}

// TestWhoseFaultItIs tells a system that failed, which is a result, from a call that did, which is none.
func TestWhoseFaultItIs(t *testing.T) {
	e := newEndpoint(t, func(prompt string) string {
		if strings.Contains(prompt, "About refused.") || strings.HasPrefix(prompt, "Your last answer") {
			return "I would rather not."
		}
		return usual(prompt)
	})
	workspace := t.TempDir()
	r := newRun(t, e, workspace, papers("good", "refused"), "good", "refused", "absent")
	totals := execute(t, r)
	if totals.Cells != 3 || totals.Failed != 2 {
		t.Errorf("%+v", totals)
	}
	want := map[string]string{
		"good": "done", "good refbased": "skipped 0", "good reffree": "ok 4",
		"refused": "failed", "refused refbased": "skipped 0", "refused reffree": "system-failed 1",
		"absent": "broken",
	}
	if diff := cmp.Diff(want, outcome(t, r)); diff != "" {
		t.Error(diff)
	}
	answer, err := os.ReadFile(filepath.Join(r.Dir(), "refused", "paper--m--0", "unusable-answer.txt"))
	if err != nil || string(answer) != "I would rather not." {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestACallThatFailedIsNoResult tells an answer that was lost on its way from one that the model did not end.
func TestACallThatFailedIsNoResult(t *testing.T) {
	failed := map[string]string{"a": "failed", "a refbased": "skipped 0", "a reffree": "system-failed 1"}
	for name, test := range map[string]struct {
		fault sim.Fault
		want  map[string]string
	}{
		"refused": {sim.Fault{Status: http.StatusBadRequest}, map[string]string{"a": "broken"}},
		"cut":     {sim.Fault{Cut: true}, map[string]string{"a": "broken"}},
		"length":  {sim.Fault{Finish: "length"}, failed},
	} {
		e := newEndpoint(t, usual)
		e.Faults = func(int, *http.Request) sim.Fault { return test.fault }
		r := newRun(t, e, t.TempDir(), papers("a"), "a")
		if totals := execute(t, r); totals.Failed != 1 {
			t.Errorf("%s: %+v", name, totals)
		}
		if diff := cmp.Diff(test.want, outcome(t, r)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestACallsTimeLimitCostsItsCellOnly has a client that gave up; its error looks like that of a context.
func TestACallsTimeLimitCostsItsCellOnly(t *testing.T) {
	e := newEndpoint(t, usual)
	r := newRun(t, e, t.TempDir(), papers("slow", "good"), "slow", "good")
	limited := llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		if req.Label.Paper == "slow" { // as an HTTP client's time limit comes back after the last try
			return nil, &llm.Error{Kind: llm.Unanswered, Err: context.DeadlineExceeded}
		}
		return openai.New(e.url, "", nil).Complete(ctx, req)
	})
	for name := range r.Endpoints {
		r.Endpoints[name] = limited
	}
	if totals := execute(t, r); totals.Cells != 2 || totals.Failed != 1 {
		t.Errorf("%+v", totals)
	}
	if got := outcome(t, r); got["slow"] != "broken" || got["good"] != "done" {
		t.Errorf("%v", got)
	}
}

func TestAWrongKeyOfTheJudgeStopsTheRun(t *testing.T) {
	e := newEndpoint(t, usual)
	r := newRun(t, e, t.TempDir(), papers("a"), "a")
	for name, client := range r.Endpoints {
		r.Endpoints[name] = llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			if req.Label.Evaluator != "" {
				return nil, &llm.Error{Kind: llm.Unauthorized}
			}
			return client.Complete(ctx, req)
		})
	}
	if _, err := r.Execute(t.Context()); llm.KindOf(err) != llm.Unauthorized {
		t.Errorf("got %v", err)
	}
}

// TestARecordingThatCannotBeWrittenIsNoResult closes the recording behind the run's back.
func TestARecordingThatCannotBeWrittenIsNoResult(t *testing.T) {
	r := newRun(t, newEndpoint(t, usual), t.TempDir(), papers("a"), "a")
	var err error
	r.Record, err = recording.Create(filepath.Join(t.TempDir(), "r.jsonl"), recording.About{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Record.Abandon(); err != nil {
		t.Fatal(err)
	}
	_, err = r.Execute(t.Context())
	var failed *recording.WriteError
	if !errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
	if got := outcome(t, r); len(got) != 1 || got["a"] != "running" {
		t.Errorf("%v", got)
	}
}

func TestPendingIsWhatIsStillWaitedFor(t *testing.T) {
	r := newRun(t, newEndpoint(t, usual), t.TempDir(), papers("a"), "a")
	pending := func() []string {
		if _, err := r.Pending(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls, err := r.Ledger.Pending(t.Context(), r.Config.ID())
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, c := range calls {
			keys = append(keys, c.Key)
		}
		return keys
	}
	first := pending()
	if len(first) != 1 {
		t.Fatalf("%d calls are pending", len(first))
	}
	if err := r.Ledger.PutPending(t.Context(), r.Config.ID(), &ledger.Call{Key: strings.Repeat("0", 64)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, pending()); diff != "" {
		t.Error(diff)
	}
}

func TestAWrongKeyStopsTheRun(t *testing.T) {
	e := newEndpoint(t, usual)
	e.Faults = func(int, *http.Request) sim.Fault { return sim.Fault{Status: http.StatusUnauthorized} }
	r := newRun(t, e, t.TempDir(), papers("a", "b"), "a", "b")
	r.Concurrency = 1
	_, err := r.Execute(t.Context())
	if llm.KindOf(err) != llm.Unauthorized || e.Requests() != 1 {
		t.Errorf("%v after %d requests", err, e.Requests())
	}
}

func TestTwoProcesses(t *testing.T) {
	started, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e := newEndpoint(t, func(prompt string) string {
		once.Do(func() { close(started) })
		<-end
		return usual(prompt)
	})
	workspace := t.TempDir()
	first := newRun(t, e, workspace, papers("a"), "a")
	done := make(chan error, 1)
	go func() {
		_, err := first.Execute(t.Context())
		done <- err
	}()
	<-started
	_, err := newRun(t, e, workspace, papers("a"), "a").Execute(t.Context())
	var busy *run.BusyError
	if !errors.As(err, &busy) {
		t.Errorf("got %v", err)
	}
	close(end)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAChangedConfigurationIsRefused(t *testing.T) {
	e := newEndpoint(t, usual)
	workspace := t.TempDir()
	r := newRun(t, e, workspace, papers("a"), "a")
	execute(t, r)
	file := filepath.Join(r.Dir(), "run.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string]string{
		"another value": strings.Replace(string(data), "samples: 2", "samples: 3", 1),
		"unknown key":   string(data) + "more: 1\n",
		"no YAML":       "dataset: [",
		"empty":         "",
	} {
		if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := newRun(t, e, workspace, papers("a"), "a").Execute(t.Context())
		var refused *run.ChangedError
		if !errors.As(err, &refused) || refused.File != file {
			t.Errorf("%s: %v", name, err)
		}
	}
	moved := strings.Replace(string(data), "places: {}", "places:\n  data: /elsewhere", 1)
	if moved == string(data) {
		t.Fatalf("no places in\n%s", data)
	}
	if err := os.WriteFile(file, []byte(moved), 0o644); err != nil {
		t.Fatal(err)
	}
	execute(t, newRun(t, e, workspace, papers("a"), "a"))
}

// TestDamageIsPaidForAgain flips an answer in the database.
func TestDamageIsPaidForAgain(t *testing.T) {
	e := newEndpoint(t, usual)
	workspace := t.TempDir()
	execute(t, newRun(t, e, workspace, papers("a"), "a"))
	damage(t, filepath.Join(workspace, "ledger.db"))
	r := newRun(t, e, workspace, papers("a"), "a")
	var told atomic.Int32
	r.Damage = func(error) { told.Add(1) }
	if totals := execute(t, r); totals.Sent != 1 || told.Load() != 1 {
		t.Errorf("%+v, told %d times", totals, told.Load())
	}
	if totals := execute(t, newRun(t, e, workspace, papers("a"), "a")); totals.Sent != 0 {
		t.Errorf("it was not mended: %+v", totals)
	}
}

func damage(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE answers SET digest = zeroblob(32) WHERE request = (SELECT min(request) FROM answers)"); err != nil {
		t.Fatal(err)
	}
}
