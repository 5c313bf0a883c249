package recording_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/recording"
	"papereval/llm/sim"
)

var about = recording.About{Model: "some-model", Note: "answers of a test"}

// live is a model over HTTP which answers with what it was asked.
func live(t *testing.T) llm.Client {
	t.Helper()
	server := httptest.NewServer(sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		return fmt.Sprintf("<answer %d> to %s", req.First, req.Messages[len(req.Messages)-1].Content), true
	})))
	t.Cleanup(server.Close)
	return openai.New(server.URL+"/v1", "", server.Client())
}

// steady takes out of the samples what is different every time.
func steady(next llm.Client) llm.Client {
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		resp, err := next.Complete(ctx, req)
		if err == nil {
			for i := range resp.Samples {
				resp.Samples[i].Elapsed = 0
			}
		}
		return resp, err
	})
}

func ask(stage, file, prompt string, samples int) *llm.Request {
	return &llm.Request{
		Model: llm.Model{Endpoint: "https://a/v1", Name: "some-model"}, Samples: samples,
		Messages: []llm.Message{{Role: llm.System, Content: "The paper & its formulas\n$a<b$\n"}, {Role: llm.User, Content: prompt}},
		Label:    llm.Label{Run: "r1", Paper: "P", System: "papercoder", Stage: stage, File: file},
	}
}

var requests = []*llm.Request{
	ask("plan", "", "make a plan", 1),
	ask("coding", "b.py", "write\nb.py\nnow", 1),
	ask("coding", "a.py", "write\na.py\nnow", 1),
	ask("judge", "", "judge it", 3),
}

// record records requests in the given order, several times over, and returns the file.
func record(t *testing.T, name string, order []int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	w, err := recording.Create(path, about)
	if err != nil {
		t.Fatal(err)
	}
	c := recording.Record(steady(live(t)), w)
	var wg sync.WaitGroup
	for _, i := range order {
		wg.Go(func() {
			if _, err := c.Complete(t.Context(), requests[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := os.Stat(path + recording.Partial); !os.IsNotExist(err) {
		t.Errorf("the partial file: %v", err)
	}
	return path
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReplay(t *testing.T) {
	for _, name := range []string{"r.jsonl", "r.jsonl.zst"} {
		p, err := recording.Open(record(t, name, []int{0, 1, 2, 3}))
		if err != nil {
			t.Fatal(err)
		}
		if p.About() != about || !strings.HasPrefix(p.Endpoint(), "replay:") || len(p.Endpoint()) != 7+16 {
			t.Errorf("%+v, %s", p.About(), p.Endpoint())
		}
		for _, r := range requests {
			other := *r
			other.Model = llm.Model{Endpoint: p.Endpoint(), Name: "other", MaxTokens: 3} // does not matter
			other.Label = llm.Label{}
			resp, err := p.Complete(t.Context(), &other)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range resp.Samples {
				want := fmt.Sprintf("<answer %d> to %s", i, r.Messages[1].Content)
				if s.Err != nil || s.Text != want || s.Index != i || s.Source != llm.Recorded || s.Finish != "stop" ||
					s.Snapshot != "some-model" || s.Usage.Completion == 0 {
					t.Errorf("%s: %+v", r.Label, s)
				}
			}
		}
	}
}

func TestSameAnswersGiveTheSameBytes(t *testing.T) {
	for _, name := range []string{"r.jsonl", "r.jsonl.zst"} {
		first := contents(t, record(t, name, []int{0, 1, 2, 3}))
		for range 5 {
			order := append(rand.Perm(len(requests)), rand.Perm(len(requests))...)
			if !bytes.Equal(first, contents(t, record(t, name, order))) {
				t.Fatalf("%s: order %v gave other bytes", name, order)
			}
		}
	}
	plain := contents(t, record(t, "r.jsonl", []int{0, 1, 2, 3}))
	if n := bytes.Count(plain, []byte("its formulas")); n != 1 {
		t.Errorf("a text that recurs is there %d times", n)
	}
	if bytes.Contains(plain, []byte("https://a")) || bytes.Contains(plain, []byte("r1")) || !bytes.Contains(plain, []byte("$a<b$")) {
		t.Errorf("%s", plain)
	}
	if bytes.Index(plain, []byte(`"a.py"`)) > bytes.Index(plain, []byte(`"b.py"`)) {
		t.Error("the files are not in order")
	}
	a, _ := recording.Open(record(t, "r.jsonl", []int{0}))
	b, _ := recording.Open(record(t, "r.jsonl.zst", []int{0}))
	c, _ := recording.Open(record(t, "r.jsonl", []int{1}))
	if a.Endpoint() != b.Endpoint() || a.Endpoint() == c.Endpoint() {
		t.Error("the identity is not that of the content")
	}
}

func TestACallOfTwoSystemsIsWrittenOnce(t *testing.T) {
	var files [2][]byte
	for i, systems := range [][]string{{"papercoder", "papercoder-analysis"}, {"papercoder-analysis", "papercoder"}} {
		path := filepath.Join(t.TempDir(), "r")
		w, err := recording.Create(path, about)
		if err != nil {
			t.Fatal(err)
		}
		c := recording.Record(steady(live(t)), w)
		for _, system := range systems {
			r := *requests[0]
			r.Label.System = system
			if _, err := c.Complete(t.Context(), &r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		files[i] = contents(t, path)
	}
	if !bytes.Equal(files[0], files[1]) || bytes.Count(files[0], []byte(`{"call":`)) != 1 {
		t.Errorf("%s\n%s", files[0], files[1])
	}
}

func TestRerecordingAReplay(t *testing.T) {
	path := record(t, "r.jsonl", []int{0, 1, 2, 3})
	p, err := recording.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var twice [2][]byte
	for i := range twice {
		again := filepath.Join(t.TempDir(), "again.jsonl")
		w, err := recording.Create(again, about)
		if err != nil {
			t.Fatal(err)
		}
		c := recording.Record(p, w)
		for _, r := range requests {
			if _, err := c.Complete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		twice[i] = contents(t, again)
		if p, err = recording.Open(again); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(twice[0], twice[1]) {
		t.Error("a replay of a replay differs")
	}
}

func TestNothingIsLostWhenKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl.zst")
	w, err := recording.Create(path, about)
	if err != nil {
		t.Fatal(err)
	}
	c := recording.Record(live(t), w)
	for _, r := range requests[:3] {
		if _, err := c.Complete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := recording.Create(path, about); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("two at once: %v", err)
	}
	// Killed here, in the middle of the last line.
	if err := recording.Kill(w); err != nil {
		t.Fatal(err)
	}
	data := contents(t, path+recording.Partial)
	if err := os.WriteFile(path+recording.Partial, data[:len(data)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := recording.Open(path + recording.Partial)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range requests[:3] {
		if _, err := llm.One(t.Context(), p, r); (err == nil) != (i < 2) {
			t.Errorf("%s: %v", r.Label, err)
		}
	}
	if _, err := recording.Create(path, about); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + recording.Partial + ".old"); err != nil {
		t.Errorf("what was killed is gone: %v", err)
	}
}

func TestAbandonKeepsWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	if err := os.WriteFile(path, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := recording.Create(path, about)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recording.Record(live(t), w).Complete(t.Context(), requests[0]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Abandon(), w.Close()); err != nil {
		t.Error(err)
	}
	if got := string(contents(t, path)); got != "whole" {
		t.Errorf("got %q", got)
	}
	if _, err := recording.Open(path + recording.Partial); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("the lock stayed")
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "no", "such", "folder.jsonl")} {
		if _, err := recording.Create(path, about); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	w, err := recording.Create(filepath.Join(dir, "r"), about)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := recording.Record(live(t), w).Complete(t.Context(), requests[0]); err == nil {
		t.Error("a closed recording takes answers")
	}
	if _, err := recording.Open(filepath.Join(dir, "r")); err != nil {
		t.Errorf("a recording without calls: %v", err)
	}
}

func TestFailedSamplesAreNotRecorded(t *testing.T) {
	dir := t.TempDir()
	p, err := recording.Open(record(t, "r", []int{0}))
	if err != nil {
		t.Fatal(err)
	}
	w, err := recording.Create(filepath.Join(dir, "again"), about)
	if err != nil {
		t.Fatal(err)
	}
	more := *requests[0]
	more.Samples = 2
	if _, err := recording.Record(p, w).Complete(t.Context(), &more); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if data := contents(t, filepath.Join(dir, "again")); !bytes.Contains(data, []byte(`{"end":{"calls":1}}`)) {
		t.Errorf("%s", data)
	}
}

func TestSimulatedAnswersStaySo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := recording.Create(path, about)
	if err != nil {
		t.Fatal(err)
	}
	simulated := llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		resp, err := live(t).Complete(ctx, req)
		if err == nil {
			resp.Samples[0].Source = llm.Simulated
		}
		return resp, err
	})
	if _, err := recording.Record(simulated, w).Complete(t.Context(), requests[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := recording.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := llm.One(t.Context(), p, requests[0]); err != nil || s.Source != llm.Simulated {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestDamagedRecordings(t *testing.T) {
	whole := string(contents(t, record(t, "r", []int{0, 1})))
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	packed := contents(t, record(t, "r.zst", []int{0, 1}))
	for name, tt := range map[string]struct{ data, says string }{
		"empty":            {"", "it is empty"},
		"another file":     {"name: value\n", "line 1: this is no recording"},
		"other JSON":       {"{\"a\":1}\n", "line 1: this is no recording"},
		"newer":            {strings.Replace(whole, `"bench_recording":1`, `"bench_recording":2`, 1), "version is 2"},
		"cut in a line":    {whole[:len(whole)-len(lines[len(lines)-1])-30], "cut in the middle of line 6"},
		"cut after a line": {strings.Join(lines[:3], ""), "cut after line 3"},
		"cut, compressed":  {string(packed[:len(packed)-20]), "cut in the middle of line"},
		"broken line":      {strings.Replace(whole, lines[2], "{\"call\":\n", 1), "line 3: broken JSON"},
		"unknown line":     {strings.Replace(whole, lines[2], "{\"x\":1}\n", 1), "line 3: neither"},
		"missing call":     {strings.Replace(whole, lines[3], "", 1), "2 calls were recorded and 1 are here"},
		"missing text":     {strings.Replace(whole, lines[1], "", 1), "line 3: a text with the digest"},
		"changed text":     {strings.Replace(whole, "formulas", "Formulas", 1), "line 2: the text is not the one"},
		"more":             {whole + "{}\n", "something follows"},
	} {
		_, err := recording.OpenFS(fstest.MapFS{"f": {Data: []byte(tt.data)}}, "f")
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "recording f") {
			t.Errorf("%s: got %v, want %q", name, err, tt.says)
		}
	}
	if _, err := recording.OpenAny(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is opened")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("{\"bench_recording\":1,\"about\":{\"model\":\"m\"}}\n{\"call\":{\"messages\":[]}}\n{\"end\":{\"calls\":1}}\n"))
	f.Add([]byte("{\"bench_recording\":1,\"about\":{}}\n{\"text\":\"x\",\"content\":\"\"}\n"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := recording.OpenFS(fstest.MapFS{"f": {Data: data}}, "f")
		if err != nil {
			return
		}
		resp, err := p.Complete(t.Context(), requests[0])
		if err != nil || len(resp.Samples) != 1 {
			t.Errorf("%v, %v", resp, err)
		}
	})
}
