// Bench measures systems that turn a research paper into a code repository: see `bench help`.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first interrupt the default takes over again: a second one ends bench at once.
	context.AfterFunc(ctx, stop)
	// Hundreds of prompts of 100 KB may be in flight, and collecting garbage takes little of the time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40)
	}
	os.Exit(bench(ctx, os.Stdout, os.Stderr, os.Args[1:]))
}

// bench is the testable main: it returns the exit code.
func bench(ctx context.Context, stdout, stderr io.Writer, args []string) int {
	root := newRoot(&app{stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	// What a command starts ends with it; ctx itself tells whether it was interrupted.
	own, end := context.WithCancel(ctx)
	defer end()
	err := root.ExecuteContext(own)
	return report(ctx, stderr, err)
}
