package openai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/openai"
)

// anywhere sends every connection to one server, whatever the host.
func anywhere(server *httptest.Server) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}}
}

func TestAzure(t *testing.T) {
	for base, tt := range map[string]struct{ url, endpoint, bearer, header string }{
		"http://x.openai.azure.com/openai/deployments/my-o3?api-version=2024-10-21": {
			"/openai/deployments/my-o3/chat/completions?api-version=2024-10-21", "http://x.openai.azure.com/openai/deployments/my-o3", "", key},
		"http://X.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21#top": {
			"/openai/deployments/d/chat/completions?api-version=2024-10-21", "http://x.openai.azure.com/openai/deployments/d", "", key},
		"http://x.openai.azure.com/openai/v1/":       {"/openai/v1/chat/completions", "http://x.openai.azure.com/openai/v1", "", key},
		"http://x.services.ai.azure.com/openai/v1":   {"/openai/v1/chat/completions", "http://x.services.ai.azure.com/openai/v1", "", key},
		"http://x.azure-api.net/v1":                  {"/v1/chat/completions", "http://x.azure-api.net/v1", "", key},
		"http://azure.com.example.org/v1":            {"/v1/chat/completions", "http://azure.com.example.org/v1", "Bearer " + key, ""},
		"http://gateway.example.org/v1?tenant=seven": {"/v1/chat/completions?tenant=seven", "http://gateway.example.org/v1", "Bearer " + key, ""},
	} {
		p := &picky{}
		server := httptest.NewServer(p)
		client := anywhere(server)
		c := openai.New(base, key, client)
		if _, err := llm.One(t.Context(), c, ask(llm.Model{Name: "m"}, 0, 1)); err != nil {
			t.Errorf("%s: %v", base, err)
		} else if p.urls[0] != tt.url || c.Endpoint() != tt.endpoint || p.heads[0].Get("Authorization") != tt.bearer || p.heads[0].Get("Api-Key") != tt.header {
			t.Errorf("%s: %s, %s, %v", base, p.urls[0], c.Endpoint(), p.heads[0])
		}
		client.CloseIdleConnections()
		server.Close()
	}
	server := httptest.NewServer(fixed(404, "", `{"error":{"code":"404","message":"Resource not found"}}`))
	defer server.Close()
	_, err := llm.One(t.Context(), openai.New("http://x.openai.azure.com/openai/deployments/d?secret=hunter2hunter2", key, anywhere(server)), ask(llm.Model{Name: "m"}, 0, 1))
	if llm.KindOf(err) != llm.NotAnAnswer || !strings.Contains(err.Error(), "api-version") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// TestAzureBatches checks the addresses of files and batches, and what is said there of deployment and endpoint.
func TestAzureBatches(t *testing.T) {
	for base, tt := range map[string]struct{ path, version, name, url string }{
		"http://x.openai.azure.com/openai/deployments/my-o3?api-version=2024-10-21": {"/openai", "api-version=2024-10-21", "my-o3", "/chat/completions"},
		"http://x.openai.azure.com/openai/v1/":                                      {"/openai/v1", "", "m", "/chat/completions"},
		"http://gateway.example.org/deployments/d":                                  {"/deployments/d", "", "m", "/v1/chat/completions"},
		"http://api.example.org/v1?tenant=seven":                                    {"/v1", "tenant=seven", "m", "/v1/chat/completions"},
	} {
		var seen []string
		states := []string{"pending", "processed"}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != strings.Trim(tt.version+"&limit=100", "&") && r.URL.RawQuery != tt.version {
				t.Errorf("%s: %s", base, r.URL)
			}
			seen = append(seen, r.Method+" "+strings.TrimPrefix(r.URL.Path, tt.path))
			body, _ := io.ReadAll(r.Body)
			switch {
			case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/batches") && !strings.Contains(string(body), `"endpoint":"`+tt.url+`"`):
				t.Errorf("%s: %s", base, body)
			case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/files/f"):
				fmt.Fprintf(w, `{"id":"f","status":%q}`, states[0])
				states = states[1:]
				return
			}
			_, _ = io.WriteString(w, `{"id":"f","status":"pending","data":[]}`)
		}))
		c := openai.New(base, key, anywhere(server))
		file, err := c.UploadBatch(t.Context(), "n", strings.NewReader("x"), 1)
		if err != nil || file != "f" || c.BatchPath() != tt.url {
			t.Fatalf("%s: %s, %s, %v", base, file, c.BatchPath(), err)
		}
		for tries := 0; ; tries++ {
			ready, err := c.Uploaded(t.Context(), file)
			if err != nil || tries > 1 {
				t.Fatalf("%s: %v after %d tries", base, err, tries)
			}
			if ready {
				break
			}
		}
		_, created := c.CreateBatch(t.Context(), file, nil)
		_, looked := c.Batch(t.Context(), "b")
		_, listed := c.Batches(t.Context(), time.Time{})
		read := c.File(t.Context(), "o", func(io.Reader) error { return nil })
		if err := errors.Join(created, looked, listed, read); err != nil {
			t.Errorf("%s: %v", base, err)
		}
		want := []string{"POST /files", "POST /batches", "GET /batches/b", "GET /batches", "GET /files/o/content"}
		if tt.url == "/chat/completions" {
			want = slices.Insert(want, 1, "GET /files/f", "GET /files/f")
		}
		if !slices.Equal(seen, want) {
			t.Errorf("%s: %q, want %q", base, seen, want)
		}
		body, err := c.BatchBody(openai.Lines{}, ask(llm.Model{Name: "m"}, 0, 1), 2)
		if err != nil || !strings.Contains(string(body), `"model":"`+tt.name+`"`) {
			t.Errorf("%s: %s, %v", base, body, err)
		}
		server.Close()
	}
}
