package main

import (
	"bytes"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"papereval/llm/sim"
)

// TestBatchesKilled ends runs with SIGKILL at random moments, most of them between the submission of a batch and its
// result. Nothing is submitted twice: every line is answered once. The budget has room for what one wave may cost, and
// counts it once.
func TestBatchesKilled(t *testing.T) {
	options, err := sim.ParseOptions("batchdelay=600ms")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := sim.New(options, answerers(0)...)
	server := httptest.NewServer(endpoint)
	defer server.Close()
	workspace := t.TempDir()
	prices := filepath.Join(workspace, "prices.yaml")
	if err := os.WriteFile(prices, []byte("models:\n  sim: {input: 2, output: 16}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	start := func(workspace string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("bench", "run", "--papers", "phase-restart", "--system", "paper", "--samples", "3", "--batch",
			"--model", "sim?at="+server.URL+"/v1", "--workspace", workspace, "--prices", prices, "--budget", "4")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &stderr
	}
	picked := 0
	for range 8 {
		cmd, _ := start(workspace)
		time.Sleep(time.Duration(400+random.IntN(500)) * time.Millisecond) // a random moment is what it is about
		_ = cmd.Process.Signal(syscall.SIGKILL)                            // it may have ended
		_ = cmd.Wait()                                                     // it was killed
		if files, err := filepath.Glob(filepath.Join(workspace, "runs/*/batches/*.json")); err == nil && len(files) > 0 {
			picked++
		}
	}
	cmd, stderr := start(workspace)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	spent := regexp.MustCompile(`; (\S+) of the budget of \$4.00 are spent\.`)
	killed := spent.FindStringSubmatch(stderr.String())
	if counts := endpoint.Counts() + ","; !strings.Contains(counts, "POST /v1/batches 2,") || !strings.Contains(counts, "answered in batches 3,") || endpoint.Requests() != 0 {
		t.Error(counts)
	}
	cmd, stderr = start(t.TempDir())
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if undisturbed := spent.FindStringSubmatch(stderr.String()); killed == nil || undisturbed == nil || killed[1] != undisturbed[1] {
		t.Errorf("%q spent, undisturbed %q", killed, undisturbed)
	}
	t.Logf("%d times a batch was under way; %s", picked, endpoint.Counts())
}
