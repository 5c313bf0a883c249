package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/recording"
	"papereval/llm/sim"
)

// transcriptServer answers over HTTP what the published run of PaperCoder answered, and counts how often each
// call came.
type transcriptServer struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int // by prompt
}

func serveTranscript(t *testing.T, think func()) *transcriptServer {
	dir := filepath.Join(sharedData(), "transcripts", "transformer-o3-mini")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the shared data is not at ", sharedData())
	}
	transcript, err := recording.OpenTranscript(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &transcriptServer{calls: make(map[string]int)}
	s.Server = httptest.NewServer(sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		prompt := req.Messages[len(req.Messages)-1].Content
		s.mu.Lock()
		s.calls[prompt]++
		s.mu.Unlock()
		think()
		req.Label = labelOf(prompt)
		sample, err := llm.One(context.Background(), transcript, req)
		if err != nil {
			t.Error(err)
			return "", false
		}
		return sample.Text, true
	})))
	t.Cleanup(s.Close)
	return s
}

// asked is how often each call came so far.
func (s *transcriptServer) asked() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// labelOf tells a call by its prompt: labels do not cross HTTP.
func labelOf(prompt string) llm.Label {
	for stage, heading := range map[string]string{"overall-plan": ": the overall plan\n", "architecture": ": the architecture\n",
		"logic": ": the logic of each file\n", "config": ": the configuration\n"} {
		if strings.Contains(prompt, heading) {
			return llm.Label{Stage: stage}
		}
	}
	for stage, heading := range map[string]string{"analysis": "# Your task: analyse ", "coding": "# Your task: write "} {
		if _, rest, ok := strings.Cut(prompt, heading); ok {
			file, _, _ := strings.Cut(rest, "\n")
			return llm.Label{Stage: stage, File: file}
		}
	}
	return llm.Label{}
}

// TestKilled ends a run with SIGKILL at random moments and starts it again until it gets through. No call whose
// answer was in the ledger may be sent again: each kill can cost at most the calls that were in flight.
func TestKilled(t *testing.T) {
	server := serveTranscript(t, func() {})
	workspace := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	args := []string{"run", "--data", filepath.Join(sharedData(), "paper2code"), "--papers", "Transformer", "--model", "o3-mini",
		"--eval", "none", "--concurrency", "2", "--workspace", workspace}
	start := func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("bench", args...)
		cmd.Env = append(os.Environ(), "OPENAI_BASE_URL="+server.URL+"/v1", "OPENAI_API_KEY=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &stderr
	}
	kept := make(map[string]int) // prompts whose answer was in the ledger at a start, with how often they had been asked
	kills := 0
	for kills < 10 {
		for _, prompt := range answered(t, workspace) {
			if _, ok := kept[prompt]; !ok {
				kept[prompt] = server.asked()[prompt]
			}
		}
		cmd, _ := start()
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-time.After(time.Duration(random.IntN(300)) * time.Millisecond):
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			<-done //nolint:errcheck // it was killed
		case err := <-done: // it got through before the kill: from here on nothing is asked for
			if err != nil {
				t.Fatal(err)
			}
		}
		kills++
	}
	cmd, stderr := start()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	repos, err := filepath.Glob(filepath.Join(workspace, "runs", "*", "Transformer", "*", "repo"))
	if err != nil || len(repos) != 1 {
		t.Fatalf("%v, %v", repos, err)
	}
	check := exec.Command("sha256sum", "-c", "--quiet", filepath.Join(sharedData(), "transcripts/transformer-o3-mini/expected_repo.sha256"))
	check.Dir = repos[0]
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	asked, sent := server.asked(), 0
	for _, n := range asked {
		sent += n
	}
	for prompt, n := range kept {
		if asked[prompt] != n {
			t.Errorf("%+v was asked %d times more after its answer was kept", labelOf(prompt), asked[prompt]-n)
		}
	}
	const concurrency = 2
	if most := len(asked) + kills*concurrency; len(asked) != 18 || sent > most {
		t.Errorf("%d different calls were sent %d times; 18 different ones at most %d times were due", len(asked), sent, most)
	}
	t.Logf("%d calls sent for %d answers over %d kills", sent, len(asked), kills)

	cmd, stderr = start()
	if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), fmt.Sprintf("; 0 answers asked for, %d were in the ledger", 18)) {
		t.Errorf("once more: %v\n%s", err, stderr)
	}
}

// answered are the prompts whose answers are in the ledger.
func answered(t *testing.T, workspace string) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(workspace, "ledger.db")); err != nil {
		return nil
	}
	l, err := ledger.Open(t.Context(), workspace) // also repairs what the kill left
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db, err := sql.Open("sqlite", filepath.Join(workspace, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT lower(hex(requests.key)) FROM answers JOIN requests ON requests.id = answers.request")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var prompts []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		messages, err := l.Messages(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		prompts = append(prompts, messages[len(messages)-1].Content)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return prompts
}

// TestInterrupted ends a run as Ctrl-C does: it stops at once with exit code 130, and the next one continues.
func TestInterrupted(t *testing.T) {
	ended := make(chan struct{})
	asked := make(chan struct{}, 1)
	server := serveTranscript(t, func() {
		asked <- struct{}{}
		<-ended
	})
	t.Cleanup(func() { close(ended) })
	cmd := exec.Command("bench", "run", "--data", filepath.Join(sharedData(), "paper2code"), "--papers", "Transformer", "--model", "o3-mini",
		"--eval", "none", "--workspace", t.TempDir())
	cmd.Env = append(os.Environ(), "OPENAI_BASE_URL="+server.URL+"/v1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-asked:
	case err := <-done:
		t.Fatalf("it ended by itself: %v\n%s", err, stderr.String())
	}
	started := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-done; !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if !strings.Contains(stderr.String(), "the same command continues") {
		t.Error(stderr.String())
	}
}
