package openai_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
