package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// child is what the processes that the tests start do: eight goroutines put calls until standard input
// ends, and print each key when PutCall has returned.
func child(dir, name string) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	l, err := Open(context.Background(), dir)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				c := testCall(fmt.Sprintf("%s %d %d", name, g, i))
				c.Text = strings.Repeat(c.Text, 100)
				if err := l.PutCall(context.Background(), c); err != nil {
					fmt.Println("error:", err)
					return
				}
				fmt.Println(c.Key)
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		fmt.Println("error:", err)
	}
}

type process struct {
	*exec.Cmd
	lines *bufio.Scanner
	stdin io.Closer
}

func start(t *testing.T, dir, name string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEDGER_TEST_CHILD="+dir, "LEDGER_TEST_NAME="+name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	noError(t, err)
	stdout, err := cmd.StdoutPipe()
	noError(t, err)
	noError(t, cmd.Start())
	return &process{cmd, bufio.NewScanner(stdout), stdin}
}

// keys reads n keys, or all that are left where n is negative.
func (p *process) keys(t *testing.T, n int) (keys []string) {
	t.Helper()
	for len(keys) != n && p.lines.Scan() {
		line := p.lines.Text()
		if strings.HasPrefix(line, "error:") {
			t.Fatal(line)
		}
		if len(line) == 64 { // a kill may cut the last line
			keys = append(keys, line)
		}
	}
	if n >= 0 && len(keys) < n {
		t.Fatalf("the process ended after %d keys", len(keys))
	}
	return keys
}

func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	var keys []string
	for i, n := range []int{1, 37, 300} { // the later ones meet what the earlier left
		p := start(t, dir, fmt.Sprint(i))
		keys = append(keys, p.keys(t, n)...)
		noError(t, p.Process.Kill())
		keys = append(keys, p.keys(t, -1)...)
		if err := p.Wait(); err == nil {
			t.Fatal("the process ended before it was killed")
		}
	}
	l := openTest(t, dir)
	for _, key := range keys {
		c, err := l.Call(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Messages(t.Context(), c.Key); err != nil {
			t.Fatal(err)
		}
	}
	var check string
	noError(t, l.sql.QueryRow("PRAGMA integrity_check").Scan(&check))
	if check != "ok" {
		t.Error(check)
	}
	t.Logf("%d calls", len(keys))
}

func TestSeveralProcesses(t *testing.T) {
	dir := t.TempDir()
	processes := make([]*process, 4) // all of which find no database
	for i := range processes {
		processes[i] = start(t, dir, fmt.Sprint(i))
	}
	var keys []string
	for _, p := range processes {
		keys = append(keys, p.keys(t, 5)...)
	}
	for _, p := range processes {
		noError(t, p.stdin.Close())
	}
	for _, p := range processes {
		keys = append(keys, p.keys(t, -1)...)
		noError(t, p.Wait())
	}
	l := openTest(t, dir)
	for _, key := range keys {
		if _, err := l.Call(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d calls", len(keys))
}
