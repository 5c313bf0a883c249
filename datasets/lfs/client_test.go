package lfs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"papereval/datasets/gittest"
	"papereval/datasets/lfs"
)

const repository = "frontier"

func start(t *testing.T) *gittest.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a git server; without -short")
	}
	s, err := gittest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fetching is a client and what it got.
type fetching struct {
	*lfs.Client
	mu    sync.Mutex
	got   map[string]string // by name: the content, or what went wrong
	bytes int64
	waits []string
}

func newFetching(t *testing.T, s *gittest.Server) *fetching {
	f := &fetching{got: make(map[string]string)}
	f.Client = &lfs.Client{
		Endpoint: lfs.Endpoint(s.URL + "/" + repository + ".git"), Auth: url.UserPassword(gittest.User, gittest.Password),
		HTTP: &http.Client{}, Parts: t.TempDir(),
		Came: func(n int64) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.bytes += n
		},
		Waits: func(name string, _ time.Duration, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.waits = append(f.waits, name+": "+err.Error())
		},
	}
	f.Hurry()
	return f
}

func (f *fetching) fetch(ctx context.Context, objects ...lfs.Object) error {
	return f.Fetch(ctx, objects, func(o lfs.Object, file string, err error) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if err != nil {
			f.got[o.Name] = "error: " + err.Error()
			return nil
		}
		content, err := os.ReadFile(file)
		f.got[o.Name] = string(content)
		return errors.Join(err, os.Remove(file))
	})
}

// object stores a content and is the object to fetch.
func object(t *testing.T, s *gittest.Server, name, content string) lfs.Object {
	t.Helper()
	if _, err := s.Store(repository, content); err != nil {
		t.Fatal(err)
	}
	return lfs.Object{Pointer: gittest.Pointer(content), Name: name}
}

func count(lines []string, pattern string) int {
	re := regexp.MustCompile(pattern)
	return len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !re.MatchString(l) }))
}

func TestFetch(t *testing.T) {
	s := start(t)
	long := strings.Repeat("0123456789", 20_000)
	paper := object(t, s, "paper.md", "# A paper\n")
	for name, test := range map[string]struct {
		content string // an object's, which is fetched beside the paper
		absent  bool   // the server does not have it
		setUp   func(*fetching)
		faults  []gittest.Fault
		want    string // what came; its content where it is empty
		paper   string // likewise
		asked   map[string]int
	}{
		"undisturbed": {content: long, asked: map[string]int{"batch": 1, "GET": 2, "range": 0}},
		"cut, and continued": { // the real server cuts this content, and continues no other
			content: "storage-download-retry-range", asked: map[string]int{"batch": 2, "GET": 3, "range bytes=14- ": 1}},
		"cut, and refused to continue": { // likewise
			content: "storage-download-retry-range-rejected", asked: map[string]int{"batch": 3, "GET": 4, "range bytes=18- ": 1}},
		"cut, and from the start": {content: long + "c", faults: []gittest.Fault{{Path: gittest.Pointer(long + "c").OID, Times: 1, Cut: 70_000}},
			asked: map[string]int{"batch": 2, "GET": 3, "range bytes=70000- ": 1}},
		"too often": {content: long, faults: []gittest.Fault{{Path: gittest.Pointer(long).OID, Cut: 10}},
			want: "error: .* broke off after 10 of 200000 bytes: unexpected EOF", asked: map[string]int{"GET": 7}},
		"another file": {content: long, faults: []gittest.Fault{{Path: gittest.Pointer(long).OID, Status: 200, Body: strings.ToUpper(long[:199_999] + "x")}},
			want: "error: what came is another file: it has the sha256 [0-9a-f]{64} and not " + gittest.Pointer(long).OID, asked: map[string]int{"GET": 2}},
		"more than there is": {content: long, faults: []gittest.Fault{{Path: gittest.Pointer(long).OID, Status: 200, Body: long + "x", Header: "Transfer-Encoding: chunked"}},
			want: "error: what came is another file: it has 200001 bytes and not 200000"},
		"an error page": {content: long, faults: []gittest.Fault{{Path: gittest.Pointer(long).OID, Status: 200, Body: "<html>"}},
			want: "error: .* gives another file: it has 6 bytes and not 200000", asked: map[string]int{"GET": 2}},
		"corrupted on the server":  {content: "storage-download-corrupt", want: "error: what came is another file"},
		"busy":                     {content: long, faults: []gittest.Fault{{Path: "/storage/", Times: 3, Status: 429, Header: "Retry-After: 0"}}, asked: map[string]int{"GET": 5}},
		"busy for too long":        {content: long, faults: []gittest.Fault{{Path: gittest.Pointer(long).OID, Status: 429, Header: "Retry-After: 86400"}}, want: "error: .* answers 429 Too Many Requests", asked: map[string]int{"GET": 2}},
		"broken for a moment":      {content: long, faults: []gittest.Fault{{Path: "batch", Times: 2, Status: 503}}, asked: map[string]int{"batch": 3}},
		"broken":                   {content: long, faults: []gittest.Fault{{Path: gittest.Pointer(long).OID, Status: 500, Body: `{"message":"disk on fire"}`}}, want: "error: .* answers 500 Internal Server Error: disk on fire", asked: map[string]int{"GET": 7}},
		"an object that is absent": {content: "never stored", absent: true, want: "error: the LFS server does not give it: 404 Not Found: Object [0-9a-f]+ does not exist", asked: map[string]int{"batch": 1, "GET": 1}},
		"an object that is gone":   {content: "status-storage-404", absent: true, want: "error: .*404"},
		"no credentials": {content: long, setUp: func(f *fetching) { f.Auth = nil },
			want: "error: .* answers 401 Unauthorized", paper: "error: .* answers 401 Unauthorized", asked: map[string]int{"batch": 1, "GET": 0}},
		"quota": {content: long, faults: []gittest.Fault{{Path: "batch", Status: 403, Body: `{"message":"This repository exceeded its LFS budget."}`}},
			want: "error: .*403 Forbidden: This repository exceeded", paper: "error: .*403", asked: map[string]int{"batch": 1}},
		"no LFS server": {content: long, faults: []gittest.Fault{{Path: "batch", Status: 200, Body: "<html>"}},
			want: "error: what answers at .* is no LFS server", paper: "error: what answers"},
		"another protocol": {content: long, faults: []gittest.Fault{{Path: "batch", Status: 200, Body: `{"transfer":"tus"}`}},
			want: `error: .*"tus"`, paper: "error: "},
		"no reply about it": {content: long, faults: []gittest.Fault{{Path: "batch", Status: 200, Body: `{"objects":[]}`}},
			want: "error: .*neither where", paper: "error: .*neither where"},
		"expired": {content: "return-expired-action-forever", asked: map[string]int{"batch": 2, "GET": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			o := lfs.Object{Pointer: gittest.Pointer(test.content), Name: "object"}
			if !test.absent {
				object(t, s, "object", test.content)
			}
			s.Break(test.faults...)
			s.Asked()
			f := newFetching(t, s)
			if test.setUp != nil {
				test.setUp(f)
			}
			if err := f.fetch(t.Context(), o, paper); err != nil {
				t.Fatal(err)
			}
			bytes := int64(0)
			for name, w := range map[string]struct{ want, content string }{"object": {test.want, test.content}, "paper.md": {test.paper, "# A paper\n"}} {
				if w.want == "" {
					bytes += int64(len(w.content))
					if f.got[name] != w.content {
						t.Errorf("%s is %.200q", name, f.got[name])
					}
				} else if !regexp.MustCompile(w.want).MatchString(f.got[name]) {
					t.Errorf("%s: %.200q, want %s", name, f.got[name], w.want)
				}
			}
			if test.want == "" && f.bytes != bytes {
				t.Errorf("%d bytes were counted, there are %d", f.bytes, bytes)
			}
			asked := s.Asked()
			for pattern, want := range test.asked {
				if got := count(asked, pattern); got != want {
					t.Errorf("%d requests for %s, want %d:\n%s", got, pattern, want, strings.Join(asked, "\n"))
				}
			}
			left, err := filepath.Glob(filepath.Join(f.Parts, "*"))
			if cut := name == "too often"; err != nil || len(left) > 0 != cut {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

func TestManyObjects(t *testing.T) {
	s := start(t)
	f := newFetching(t, s)
	var objects []lfs.Object
	for i := range 201 {
		objects = append(objects, object(t, s, fmt.Sprint(i), fmt.Sprint("content ", i)))
	}
	if err := f.fetch(t.Context(), objects...); err != nil {
		t.Fatal(err)
	}
	for i, o := range objects {
		if got := f.got[o.Name]; got != fmt.Sprint("content ", i) {
			t.Errorf("object %d is %q", i, got)
		}
	}
	if asked := s.Asked(); count(asked, "batch with credentials") != 3 || count(asked, "GET /storage") != 201 {
		t.Errorf("%d requests for batches", count(asked, "batch"))
	}
}

func TestInterrupted(t *testing.T) {
	s := start(t)
	f := newFetching(t, s)
	const content = "storage-download-retry-range" // the one content that the server continues
	whole, part := object(t, s, "whole", "finished before"), object(t, s, "part", content)
	leave := func(_ lfs.Object, _ string, err error) error { return err }
	if err := f.Fetch(t.Context(), []lfs.Object{whole}, leave); err != nil {
		t.Fatal(err)
	}
	s.Break(gittest.Fault{Path: part.OID, Cut: 5, Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	f.Came = func(n int64) {
		if n == 5 {
			cancel()
		}
	}
	if err := f.Fetch(ctx, []lfs.Object{whole, part}, leave); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.Break()
	s.Asked()
	f.Came = nil
	if err := f.fetch(t.Context(), whole, part); err != nil || f.got["whole"] != "finished before" || f.got["part"] != content {
		t.Errorf("%q, %v", f.got, err)
	}
	if asked := s.Asked(); count(asked, "GET") != 1 || count(asked, "range bytes=5- ") != 1 {
		t.Errorf("requests %q", asked)
	}
}

// TestLocalErrors: what the disk and the caller object to ends everything.
func TestLocalErrors(t *testing.T) {
	s := start(t)
	o := object(t, s, "object", "content")
	f := newFetching(t, s)
	mine := errors.New("mine")
	if err := f.Fetch(t.Context(), []lfs.Object{o}, func(lfs.Object, string, error) error { return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
	f = newFetching(t, s)
	if err := os.Mkdir(filepath.Join(f.Parts, o.OID), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.fetch(t.Context(), o); err == nil || !strings.Contains(err.Error(), "object: ") {
		t.Errorf("%v; %q", err, f.got)
	}
}

// TestSecrets: the credentials go to the server that they are for, what a reply gives for a download goes with
// it, and neither is in an error.
func TestSecrets(t *testing.T) {
	s := start(t)
	f := newFetching(t, s)
	pointer := gittest.Pointer("content")
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Permission") != "granted" {
			t.Errorf("headers %v", r.Header)
		}
		http.Redirect(w, r, "http://127.0.0.1:1/?signature=SECRET", http.StatusFound)
	}))
	t.Cleanup(storage.Close)
	body := fmt.Sprintf(`{"objects":[{"oid":%q,"size":7,"actions":{"download":{"href":"%s?signature=SECRET","header":{"X-Permission":"granted"},"expires_in":-1}}}]}`,
		pointer.OID, storage.URL)
	s.Break(gittest.Fault{Path: "batch", Status: 200, Body: body})
	if err := f.fetch(t.Context(), lfs.Object{Pointer: pointer, Name: "object"}); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(append(f.waits, f.got["object"]), "\n")
	if !strings.Contains(all, "refused") || strings.Contains(all, "SECRET") || strings.Contains(all, gittest.Password) {
		t.Error(all)
	}
	if asked := s.Asked(); count(asked, "batch with credentials") < 2 {
		t.Errorf("requests %q", asked)
	}
}
