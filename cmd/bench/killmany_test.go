package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"papereval/ledger"
	"papereval/llm/sim"
)

// TestKilledManyTimes ends a run of about 1,000 calls with SIGKILL at 50 random moments. The server sees no more
// calls than there were, and those that were in flight, 4 at each kill; the scores are those of a run that was
// left alone.
func TestKilledManyTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const kills, concurrency = 50, 4
	serve := func() (*sim.Server, string) {
		s := sim.New(sim.Options{}, answerers(0)...)
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		return s, server.URL + "/v1"
	}
	command := func(url, workspace string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("bench", "run", "--dataset", "paper2code", "--model", "sim?at="+url, "--system", "papercoder,paper",
			"--seeds", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19", "--samples", "4", "--concurrency", "4",
			"--workspace", workspace)
		cmd.Env = append(os.Environ(), "OPENAI_BASE_URL=", "OPENAI_API_KEY=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		return cmd, &stderr
	}

	alone, url := serve()
	undisturbed := t.TempDir()
	cmd, stderr := command(url, undisturbed)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	calls := alone.Requests()
	t.Logf("%d calls in a run that is left alone", calls)

	server, url := serve()
	workspace := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range kills {
		cmd, stderr := command(url, workspace)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-time.After(time.Duration(random.IntN(500)) * time.Millisecond):
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			<-done //nolint:errcheck // it was killed
		case err := <-done:
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
		}
	}
	cmd, stderr = command(url, workspace)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	seen := server.Requests()
	t.Logf("%d calls seen over %d kills", seen, kills)
	if most := calls + kills*concurrency; seen > most {
		t.Errorf("%d calls were seen; %d and at most %d at each kill were due", seen, calls, concurrency)
	}
	if diff := cmp.Diff(scores(t, undisturbed), scores(t, workspace)); diff != "" {
		t.Error(diff)
	}
}

// scores are those of the workspace's one run.
func scores(t *testing.T, workspace string) []ledger.Score {
	t.Helper()
	l, err := ledger.Open(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	run, err := l.Run(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	scores, err := l.Scores(t.Context(), run.ID)
	if err != nil || len(scores) != 3*2*20*2 {
		t.Fatalf("%d scores, %v", len(scores), err)
	}
	return scores
}
