package tokens

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for text, want := range map[string]int{
		"":                          0,
		"hello world":               2,
		"Attention Is All You Need": 5,
		strings.Repeat("a", 8):      1,
		"\n\n\n\n":                  1,
	} {
		if got := Count(text); got != want {
			t.Errorf("Count(%q) = %d, want %d", text, got, want)
		}
	}
}

func whole(t *testing.T, text string) int {
	n, err := vocabulary().Count(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPiecesAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"the ", "model", "\n", "\n\n  ", "= 512", ", ", "é ", "漢字 ", "x_i\t", "don't ", "/\n", "   ", "1234567 ", "\u0301 "}
	for range 5 {
		var b strings.Builder
		for b.Len() < 30_000 {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		if got, want := Count(b.String()), whole(t, b.String()); got != want {
			t.Fatalf("Count = %d, the whole text has %d tokens", got, want)
		}
	}
}

func TestPiecesAddUpOnPapers(t *testing.T) {
	shared := os.Getenv("PAPEREVAL_SHARED")
	if shared == "" {
		shared = "../../shared"
	}
	papers, _ := filepath.Glob(filepath.Join(shared, "data/paperbench/papers/*/paper.md"))
	if len(papers) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no papers in %s", shared)
		}
		t.Skipf("no papers in %s: set PAPEREVAL_SHARED", shared)
	}
	for _, name := range papers[:min(len(papers), 4)] {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Count(string(content)), whole(t, string(content)); got != want {
			t.Errorf("%s: Count = %d, the whole text has %d tokens", name, got, want)
		}
	}
}

func TestLinearTime(t *testing.T) {
	Count("loads the vocabulary")
	r := rand.New(rand.NewPCG(1, 1))
	letters := make([]byte, 100_000)
	for i := range letters {
		letters[i] = byte('a' + r.IntN(26))
	}
	for name, text := range map[string]string{
		"prose":           strings.Repeat("The quick brown fox, d_model = 512 jumps. \n", 2_500),
		"one letter":      strings.Repeat("a", 100_000),
		"letters":         string(letters),
		"spaces":          strings.Repeat(" ", 100_000) + "x",
		"empty lines":     strings.Repeat(" \n", 20_000),
		"tabs":            strings.Repeat(" \t", 50_000),
		"ideographs":      strings.Repeat("漢", 33_000),
		"combining marks": strings.Repeat("\u0301", 50_000),
		"not UTF-8":       strings.Repeat("\xff\x80", 50_000),
		"continuation":    strings.Repeat("\x80", 100_000),
	} {
		start := time.Now()
		n := Count(text)
		elapsed := time.Since(start)
		t.Logf("%s: %d bytes, %d tokens, %v", name, len(text), n, elapsed)
		// Generous for a slow machine under the race detector; quadratic time takes minutes.
		if elapsed > 30*time.Second {
			t.Errorf("%s: took %v", name, elapsed)
		}
		if n < len(text)/200 || n > len(text) {
			t.Errorf("%s: %d tokens in %d bytes", name, n, len(text))
		}
	}
}

func TestConcurrent(t *testing.T) {
	text := strings.Repeat("In this work we propose the Transformer. ", 500)
	want := Count(text)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := Count(text); got != want {
				t.Errorf("Count = %d, want %d", got, want)
			}
		})
	}
	wg.Wait()
}
