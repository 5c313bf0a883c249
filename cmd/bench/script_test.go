package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"papereval/llm"
	"papereval/llm/recording"
	"papereval/llm/sim"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bench": main})
}

// TestScripts runs the commands of testdata/script as a user would. Scripts that need the shared data are
// skipped where it is absent.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values["upstreams"] = new(upstreams)
			env.Setenv("SHARED", sharedData())
			env.Setenv("OPENAI_API_KEY", "")
			env.Setenv("OPENAI_BASE_URL", "")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "shared" {
				return false, errors.New("no such condition")
			}
			_, err := os.Stat(sharedData())
			if err != nil && os.Getenv("CI") == "true" {
				return false, errors.New("the shared data is not at " + sharedData())
			}
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"serve":    serve,
			"answer":   answerBatch,
			"rounds":   rounds,
			"upstream": upstream,
			"fault":    fault,
			"asked":    askedFor,
		},
	})
}

// sharedData is the folder with real papers and answers, beside the repository.
func sharedData() string {
	if dir := os.Getenv("PAPEREVAL_SHARED"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs("../../../shared/data")
	if err != nil {
		panic(err)
	}
	return dir
}

// exits CODE COMMAND... runs a command that has to end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// serve starts an OpenAI-compatible endpoint that answers what the bundled recording can answer, and sets
// OPENAI_BASE_URL to it, and SERVED without the /v1.
func serve(ts *testscript.TestScript, _ bool, _ []string) {
	player, err := recording.Bundled("paper2code")
	ts.Check(err)
	server := httptest.NewServer(sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		sample, err := llm.One(context.Background(), player, req)
		if err != nil {
			return "", false
		}
		return sample.Text, true
	})))
	ts.Defer(server.Close)
	ts.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
	ts.Setenv("SERVED", server.URL)
}

// answer CALLS ANSWERS does what a batch endpoint does with a file of calls: it asks the endpoint of serve.
func answerBatch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: answer CALLS ANSWERS")
	}
	var out bytes.Buffer
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var call struct {
			CustomID string          `json:"custom_id"`
			URL      string          `json:"url"`
			Body     json.RawMessage `json:"body"`
		}
		ts.Check(json.Unmarshal([]byte(line), &call))
		resp, err := http.Post(ts.Getenv("SERVED")+call.URL, "application/json", bytes.NewReader(call.Body)) //nolint:noctx // the test's own server
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		ts.Check(errors.Join(err, resp.Body.Close()))
		answer := map[string]any{"custom_id": call.CustomID, "response": map[string]any{"status_code": resp.StatusCode, "body": json.RawMessage(body)}}
		ts.Check(json.NewEncoder(&out).Encode(answer))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o644))
}

// rounds N exports, answers and imports the calls of the workspace's one run until nothing is left, which has
// to be the case after N rounds.
func rounds(ts *testscript.TestScript, _ bool, args []string) {
	limit, err := strconv.Atoi(args[0])
	ts.Check(err)
	runs, err := os.ReadDir(ts.MkAbs(".bench/runs"))
	ts.Check(err)
	for range limit {
		ts.Check(ts.Exec("bench", "batch", "export", "--run", runs[0].Name(), "-o", "round.jsonl"))
		if ts.ReadFile("round.jsonl") == "" {
			return
		}
		answerBatch(ts, false, []string{"round.jsonl", "answers.jsonl"})
		ts.Check(ts.Exec("bench", "batch", "import", "answers.jsonl"))
	}
	ts.Fatalf("calls are left after %d rounds", limit)
}
