package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"papereval/ledger"
	"papereval/llm"
	"papereval/run"
)

// The exit codes of bench. 3 and 4 belong to gates.
const (
	exitFailed      = 1
	exitUsage       = 2 // wrong usage or configuration: nothing was started
	exitStopped     = 5 // at the budget; what was done is kept
	exitInterrupted = 130
)

// usageError is wrong usage or configuration, found before anything was started.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// usage marks an error as one of usage; nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// shownError is an error that the command has already shown, in its own words.
type shownError struct{ error }

// report prints an error and returns the exit code.
func report(ctx context.Context, w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "bench: interrupted; the same command continues where it was")
		return exitInterrupted
	}
	if !errors.As(err, new(shownError)) {
		fmt.Fprintln(w, "bench:", printable(err.Error()))
	}
	if errors.Is(err, syscall.ENOSPC) {
		fmt.Fprintln(w, "bench: the disk is full: make room or choose another --workspace; what was answered is kept, and the same command continues")
	}
	if errors.As(err, new(*usageError)) || errors.As(err, new(*run.ChangedError)) || errors.As(err, new(*ledger.NewerError)) {
		return exitUsage
	}
	if errors.As(err, new(*llm.OverBudget)) {
		return exitStopped
	}
	return exitFailed
}
