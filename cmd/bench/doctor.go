package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"papereval/datasets"
	"papereval/ledger"
	"papereval/llm/recording"
)

// finding is what doctor found out about one thing.
type finding struct {
	mark  string // ok, missing or broken
	about string
	text  string
}

func newDoctor(a *app) *cobra.Command {
	var where workspace
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what works on this machine and what is missing",
		Long: `Doctor looks at the bundled papers and recording, the workspace, bench.yaml and the model
endpoint. It opens the workspace's ledger as a run would and asks no model; of a live
endpoint it asks for the list of models, which costs nothing. Exit code 1 if something is broken; what is
only missing is no fault.`,
		Example: `  bench doctor
  OPENAI_BASE_URL=http://localhost:8000/v1 bench doctor`,
	}
	where.register(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		broken := 0
		for _, check := range []func(context.Context) finding{checkPapers, checkRecording, where.check, checkEndpoint} {
			f := check(c.Context())
			fmt.Fprintf(a.stdout, "%-8s %-10s %s\n", f.mark, f.about, printable(f.text))
			if f.mark == "broken" {
				broken++
			}
		}
		if broken > 0 {
			return fmt.Errorf("%d of these are broken", broken)
		}
		return nil
	}
	return c
}

func checkPapers(context.Context) finding {
	var counts []string
	for _, name := range datasetNames {
		ds, err := openDataset(name, "")
		if err != nil {
			return finding{"broken", "papers", err.Error()}
		}
		entries, err := datasets.Select(ds, demoSplit, nil)
		if err != nil {
			return finding{"broken", "papers", err.Error()}
		}
		for _, e := range entries {
			if _, err := e.Paper(""); err != nil {
				return finding{"broken", "papers", err.Error()}
			}
		}
		counts = append(counts, fmt.Sprintf("%d of %s", len(entries), name))
	}
	return finding{"ok", "papers", strings.Join(counts, " and ") + " are bundled; others come with `bench dataset pull` or --data FOLDER"}
}

func checkRecording(context.Context) finding {
	for _, dataset := range datasetNames {
		if _, err := recording.Bundled(dataset); err != nil {
			return finding{"broken", "recording", err.Error()}
		}
	}
	return finding{"ok", "recording", "bundled answers serve the bundled papers: `bench run` works without a key"}
}

// check looks at the workspace without making one.
func (w *workspace) check(ctx context.Context) finding {
	const about = "workspace"
	if _, err := os.Stat(filepath.Join(w.dir, "ledger.db")); err != nil {
		parent := filepath.Clean(w.dir)
		for {
			if _, err := os.Stat(parent); err == nil || filepath.Dir(parent) == parent {
				break
			}
			parent = filepath.Dir(parent)
		}
		probe, err := os.CreateTemp(parent, ".bench-doctor-*")
		if err != nil {
			return finding{"broken", about, fmt.Sprintf("%s cannot be made: %v; choose another folder with --workspace", w.dir, err)}
		}
		_ = probe.Close()
		_ = os.Remove(probe.Name())
		return finding{"missing", about, w.dir + " is not there yet: `bench run` makes it"}
	}
	l, err := ledger.Open(ctx, w.dir)
	if err != nil {
		return finding{"broken", about, err.Error()}
	}
	defer l.Close()
	runs, err := l.Runs(ctx)
	if err != nil {
		return finding{"broken", about, err.Error()}
	}
	return finding{"ok", about, fmt.Sprintf("%s holds %d runs", w.dir, len(runs))}
}

// checkEndpoint asks the endpoint for its models, which shows whether it is there and takes the key.
func checkEndpoint(ctx context.Context) finding {
	const about = "endpoint"
	base, key := os.Getenv("OPENAI_BASE_URL"), os.Getenv("OPENAI_API_KEY")
	if base == "" && key == "" {
		return finding{"missing", about, "no OPENAI_API_KEY and no OPENAI_BASE_URL: --model NAME has nobody to ask"}
	}
	if base == "" {
		base = defaultBaseURL
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/models", nil)
	if err != nil {
		return finding{"broken", about, fmt.Sprintf("OPENAI_BASE_URL=%s is no address: %v", base, err)}
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return finding{"broken", about, fmt.Sprintf("%s does not answer: %v", base, err)}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return finding{"broken", about, base + " refuses the key in OPENAI_API_KEY"}
	case resp.StatusCode != http.StatusOK:
		return finding{"broken", about, fmt.Sprintf("%s answers %s to a request for its models; OPENAI_BASE_URL usually ends in /v1", base, resp.Status)}
	}
	return finding{"ok", about, base + " answers"}
}
