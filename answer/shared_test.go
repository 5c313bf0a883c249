package answer_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// transcripts returns the folder of real answers. Fuzz tests do without it; other tests skip.
func transcripts(tb testing.TB) string {
	tb.Helper()
	shared := os.Getenv("PAPEREVAL_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	dir := filepath.Join(shared, "data", "transcripts")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("%s is absent; real answers must be tested in CI", dir)
		}
		if _, fuzz := tb.(*testing.F); !fuzz {
			tb.Skipf("%s is absent: the real answers are not tested", dir)
		}
		return ""
	}
	return dir
}

// model is one model's transcript.
type model struct {
	name     string
	planning []string          // the four turns
	analysis map[string]string // by file
	coding   map[string]string // by file
	digests  map[string]string // SHA-256 of the files that were written
}

func models(tb testing.TB) []model {
	tb.Helper()
	dir := transcripts(tb)
	if dir == "" {
		return nil
	}
	var out []model
	for _, name := range []string{"transformer-o3-mini", "transformer-r1-distill-qwen-14b"} {
		m := model{name: name, analysis: map[string]string{}, coding: map[string]string{}, digests: map[string]string{}}
		folder := filepath.Join(dir, name)
		m.planning = responses(tb, filepath.Join(folder, "planning_response.json"))
		for _, file := range glob(tb, folder, "*_simple_analysis_response.json") {
			m.analysis[strings.TrimSuffix(filepath.Base(file), "_simple_analysis_response.json")] = responses(tb, file)[0]
		}
		for _, file := range glob(tb, folder, "coding_artifacts/*_coding.txt") {
			m.coding[strings.TrimSuffix(filepath.Base(file), "_coding.txt")] = string(read(tb, file))
		}
		s := bufio.NewScanner(strings.NewReader(string(read(tb, filepath.Join(folder, "expected_repo.sha256")))))
		for s.Scan() {
			digest, file, _ := strings.Cut(s.Text(), "  ")
			m.digests[file] = digest
		}
		if len(m.planning) != 4 || len(m.digests) < 6 || len(m.coding)+1 != len(m.digests) {
			tb.Fatalf("%s: %d planning turns, %d coding answers, %d digests", name, len(m.planning), len(m.coding), len(m.digests))
		}
		out = append(out, m)
	}
	return out
}

func responses(tb testing.TB, file string) []string {
	tb.Helper()
	var turns []struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(read(tb, file), &turns); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	var out []string
	for _, turn := range turns {
		out = append(out, turn.Choices[0].Message.Content)
	}
	return out
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func glob(tb testing.TB, folder, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(files) == 0 {
		tb.Fatalf("%s/%s: no files (%v)", folder, pattern, err)
	}
	return files
}

// all is every real answer, for seed corpora.
func all(tb testing.TB) []string {
	tb.Helper()
	var out []string
	for _, m := range models(tb) {
		out = append(out, m.planning...)
		for _, text := range m.analysis {
			out = append(out, text)
		}
		for _, text := range m.coding {
			out = append(out, text)
		}
	}
	return out
}
