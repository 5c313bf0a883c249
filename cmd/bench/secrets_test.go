package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestSecretsStayOut lets endpoints repeat the key in every way that they can refuse with it, and greps for it in
// everything that a run prints and leaves, the compressed answers and a crash's dump of all goroutines included.
func TestSecretsStayOut(t *testing.T) {
	const key = "an-0ld-fashioned.key/without+shape=" // unlike sk-..., which is recognised anyway
	refuse := func(status int, kind, form string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("X-Request-Id", r.Header.Get("Authorization"))
			w.WriteHeader(status)
			fmt.Fprintf(w, form, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}
	}
	const object, page = `{"error": {"message": "the key %s will not do", "type": "x", "code": "x"}}`, "<html><body>You sent %s</body></html>"
	hang := make(chan struct{})
	arrived := make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		crash   bool
	}{
		"wrong key":   {refuse(http.StatusUnauthorized, "application/json", object), false},
		"bad request": {refuse(http.StatusBadRequest, "application/json", object), false},
		"a page":      {refuse(http.StatusForbidden, "text/html", page), false},
		"a crash": {func(_ http.ResponseWriter, r *http.Request) {
			arrive()
			<-hang
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.handler)
			t.Cleanup(server.Close)
			dir := t.TempDir()
			bench := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
				cmd := exec.Command("bench", args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "OPENAI_BASE_URL="+server.URL+"/v1", "OPENAI_API_KEY="+key, "GOTRACEBACK=all")
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				return cmd, &out
			}
			cmd, printed := bench("run", "--papers", "phase-restart", "--system", "paper", "--model", "o3-mini", "--samples", "1", "--record", "calls.jsonl")
			if test.crash {
				<-arrived
				if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the run is told as done")
			}
			if test.crash {
				close(hang)
			}
			if !strings.Contains(printed.String(), map[bool]string{true: "goroutine 1", false: "o3-mini"}[test.crash]) {
				t.Errorf("not the output that is expected:\n%s", printed)
			}
			export, exported := bench("ledger", "export", "-o", "ledger.jsonl")
			if err := export.Wait(); err != nil {
				t.Errorf("%v: %s", err, exported)
			}
			clean(t, "the output", printed.Bytes(), key)
			err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				data, err := os.ReadFile(filepath.Join(dir, name))
				clean(t, name, data, key)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func clean(t *testing.T, name string, data []byte, key string) {
	t.Helper()
	for _, form := range []string{key, "an-0ld-fashioned", "0ld-fashioned.key%2F"} {
		if at := bytes.Index(data, []byte(form)); at >= 0 {
			t.Errorf("%s holds the key: %q", name, data[max(0, at-80):min(len(data), at+80)])
		}
	}
}
