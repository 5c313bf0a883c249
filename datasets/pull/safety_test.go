package pull

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"papereval/datasets/gittest"
	"papereval/datasets/lock"
)

func matches(pattern, text string) bool {
	return regexp.MustCompile("^" + pattern + "$").MatchString(text)
}

func TestUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "datasets")
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"unknown":     {Options{Name: "imagenet"}, "only paper2code, paperbench"},
		"references":  {Options{Name: "paperbench", References: true}, "no part of paperbench"},
		"commit":      {Options{Name: "paperbench", Commit: "51052ce"}, "all 40 hexadecimal digits"},
		"no address":  {Options{Name: "paperbench", From: "https://user:sesame@host:port/x"}, "https://HOST/PATH"},
		"a path":      {Options{Name: "paperbench", From: "/home/user/clone"}, "bench dataset add"},
		"ssh":         {Options{Name: "paperbench", From: "ssh://git@github.com/x/y"}, "https://HOST/PATH"},
		"a query":     {Options{Name: "paperbench", From: "https://github.com/x/y?token=sesame"}, "https://HOST/PATH"},
		"git's short": {Options{Name: "paperbench", From: "git@github.com:x/y"}, "https://HOST/PATH"},
	} {
		test.o.Dir = dir
		_, err := Dataset(t.Context(), test.o)
		if !errors.As(err, new(*UsageError)) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was started")
	}
}

// TestOwnFolder: what was added is not pulled over, and two pulls do not meet.
func TestOwnFolder(t *testing.T) {
	dir := t.TempDir()
	l, err := lock.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir}); err == nil || !strings.Contains(err.Error(), "another bench") {
		t.Error(err)
	}
	if err := errors.Join(l.Put(lock.Dataset{Name: "paperbench", Kind: lock.PaperBench, Folder: "/mine", At: time.Now()}), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir}); !errors.As(err, new(*UsageError)) || !strings.Contains(err.Error(), "/mine") {
		t.Error(err)
	}
}

// TestSecrets: a server that repeats the credentials finds no way for them into errors, steps or the lock.
func TestSecrets(t *testing.T) {
	s := start(t)
	const repository = "requirecreds-x" // the server repeats wrong credentials for such a name
	files := map[string]string{data + "judge_eval/x": "", "project/paperbench/experiments/splits/all.txt": "",
		data + "papers/rice/paper.md": gittest.Pointer("# Rice").String()}
	hash := commit(t, s, repository, files)
	for _, test := range []struct{ user, message, secrets string }{
		{"requirecreds:p%2Fss", "", "p/ss p%2Fss " + base64.StdEncoding.EncodeToString([]byte("requirecreds:p/ss"))},
		{"ghp_token", `{"message":"bad token ghp_token, Z2hwX3Rva2VuOg=="}`, "ghp_token Z2hwX3Rva2VuOg=="},
	} {
		s.Break()
		if test.message != "" {
			s.Break(gittest.Fault{Path: "batch", Times: 1, Status: 500, Header: "Retry-After: 0", Body: test.message},
				gittest.Fault{Path: "batch", Status: 403, Body: test.message})
		}
		dir := t.TempDir()
		h := &heard{}
		from := strings.Replace(s.URL, "://", "://"+test.user+"@", 1) + "/" + repository + ".git"
		_, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir, From: from, Commit: hash, Progress: h})
		incomplete := new(IncompleteError)
		if !errors.As(err, &incomplete) {
			t.Fatal(err)
		}
		texts := []string{strings.Join(h.steps, "\n"), err.Error(), contents(t, dir)[lock.Name]}
		for _, f := range incomplete.Failures {
			texts = append(texts, f.Err.Error())
		}
		all := strings.Join(texts, "\n")
		for secret := range strings.FieldsSeq(test.secrets) {
			if strings.Contains(all, secret) {
				t.Errorf("%s: %s is in %s", test.user, secret, all)
			}
		}
		if !strings.Contains(all, "***") {
			t.Errorf("%s: nothing was to be hidden in %s", test.user, all)
		}
	}
}

// TestLinksLeadNowhere: a link in the workspace does not lead a pull out of it.
func TestLinksLeadNowhere(t *testing.T) {
	s := start(t)
	there, _ := paperBench(t, s, "frontier")
	hash := commit(t, s, "frontier", there)
	dir, outside := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "paperbench"), 0o755), os.Symlink(outside, filepath.Join(dir, "paperbench", "papers"))); err != nil {
		t.Fatal(err)
	}
	_, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: dir, From: address(s, "frontier"), Commit: hash, Progress: &heard{}})
	if err == nil || !strings.Contains(err.Error(), "papers/rice") || len(contents(t, outside)) != 0 {
		t.Errorf("%v; %v", err, contents(t, outside))
	}
}

// TestHostileNames: what a tree calls its files does not lead out of the dataset either.
func TestHostileNames(t *testing.T) {
	s := start(t)
	for _, name := range []string{"papers/rice/a\\b", "papers/rice/con", "papers/rice/a:b"} {
		there, _ := paperBench(t, s, "frontier")
		there[data+name] = "x"
		hash := commit(t, s, "frontier", there)
		_, err := Dataset(t.Context(), Options{Name: "paperbench", Dir: t.TempDir(), From: address(s, "frontier"), Commit: hash, Progress: &heard{}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStalled: a server of which nothing comes any more is given up.
func TestStalled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begun" {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	client := newClient(50 * time.Millisecond)
	t.Cleanup(client.CloseIdleConnections)
	get := func(ctx context.Context, path string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(resp.Body)
		return string(body), errors.Join(err, resp.Body.Close())
	}
	if _, err := get(t.Context(), "/"); !errors.Is(err, errStalled) {
		t.Error(err)
	}
	if body, err := get(t.Context(), "/begun"); body != "some" || !errors.Is(err, errStalled) {
		t.Errorf("%s, %v", body, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := get(ctx, "/"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
