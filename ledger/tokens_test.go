package ledger

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	var counted atomic.Int64
	count := func(text string) int {
		counted.Add(1)
		return len(text)
	}
	var wg sync.WaitGroup
	for i := range 100 { // ten texts, each asked for ten times at once
		wg.Go(func() {
			text := fmt.Sprint("text ", i%10)
			if n, err := l.Tokens(t.Context(), text, count); n != len(text) || err != nil {
				t.Errorf("%d %v", n, err)
			}
		})
	}
	wg.Wait()
	if n := counted.Load(); n != 10 {
		t.Errorf("counted %d times", n)
	}
	if n, err := l.Tokens(t.Context(), "", count); n != 0 || err != nil {
		t.Errorf("the empty text: %d %v", n, err)
	}
	noError(t, l.Close())

	l = openTest(t, dir)
	counted.Store(0)
	for i := range 10 {
		if n, err := l.Tokens(t.Context(), fmt.Sprint("text ", i), count); n != 6 || err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	if n := counted.Load(); n != 0 {
		t.Errorf("counted %d times after opening again", n)
	}
	noError(t, l.Close())
	if _, err := l.Tokens(t.Context(), "new", count); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("closed: %v", err)
	}
}
