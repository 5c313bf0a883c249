package gittest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Fault is what happens to a request in place of its answer, or to the answer.
type Fault struct {
	Path    string // a part of the address of the requests that it happens to
	Times   int    // to how many of them; 0 is to all
	Status  int    // is answered instead, unless 0
	Header  string // goes with Status: "Name: value"
	Body    string // goes with Status
	Without string // is in the server's answer and is made unreadable, unless empty
	Cut     int    // the connection ends after so many bytes of the answer's body, unless 0
	Hang    bool   // the connection does not end there, but nothing more comes
}

// state is what the proxy does and what it has seen.
type state struct {
	mu     sync.Mutex
	faults []Fault
	asked  []string
	news   chan struct{} // closed and made anew at every request
}

// Break sets what goes wrong from now on, in place of what was set before.
func (s *Server) Break(faults ...Fault) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.faults = slices.Clone(faults)
}

// Asked is what was requested since the last call: "GET /storage/OID?r=NAME", and behind it "range BYTES" and
// "with credentials" where these were sent.
func (s *Server) Asked() []string {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	asked := s.state.asked
	s.state.asked = nil
	return asked
}

// Await returns when a request was made that a regular expression matches; what [Server.Asked] has returned
// does not count.
func (s *Server) Await(ctx context.Context, request *regexp.Regexp) error {
	for {
		s.state.mu.Lock()
		found, news := slices.ContainsFunc(s.state.asked, request.MatchString), s.state.news
		s.state.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("no request matched %s: %w", request, context.Cause(ctx))
		}
	}
}

// note remembers a request and says what happens to it.
func (st *state) note(r *http.Request) Fault {
	line := r.Method + " " + r.URL.RequestURI()
	if asked := r.Header.Get("Range"); asked != "" {
		line += " range " + asked
	}
	if r.Header.Get("Authorization") != "" {
		line += " with credentials"
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.asked = append(st.asked, line)
	close(st.news)
	st.news = make(chan struct{})
	for i, f := range st.faults {
		if !strings.Contains(r.URL.RequestURI(), f.Path) {
			continue
		}
		if f.Times == 1 {
			st.faults = slices.Delete(st.faults, i, i+1)
		} else if f.Times > 1 {
			st.faults[i].Times--
		}
		return f
	}
	return Fault{}
}

// handler is the proxy. What the server says about its own address is said about the proxy's instead.
func (s *Server) handler() (http.Handler, error) {
	to, err := url.Parse(s.real)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		ErrorLog:      log.New(io.Discard, "", 0), // broken connections are what it is for
		FlushInterval: -1,                         // what a server that breaks off has sent comes through
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(resp *http.Response) error {
			if !strings.HasSuffix(resp.Request.URL.Path, "/objects/batch") {
				return nil
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			body = bytes.ReplaceAll(body, []byte(s.real), []byte(s.URL))
			resp.Body = io.NopCloser(bytes.NewReader(body))
			resp.ContentLength = int64(len(body))
			resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := s.state.note(r)
		if f.Status != 0 {
			if name, value, ok := strings.Cut(f.Header, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(f.Status)
			_, _ = io.WriteString(w, f.Body) // whoever does not read it misses it
			return
		}
		if f.Without != "" {
			recorded := httptest.NewRecorder()
			proxy.ServeHTTP(recorded, r)
			_, _ = io.WriteString(w, strings.ReplaceAll(recorded.Body.String(), f.Without, strings.Repeat("x", len(f.Without))))
			return
		}
		if f.Cut > 0 || f.Hang {
			w = &cut{ResponseWriter: w, left: f.Cut, hang: f.Hang, gone: r.Context().Done()}
		}
		proxy.ServeHTTP(w, r)
	}), nil
}

// cut is an answer that breaks off.
type cut struct {
	http.ResponseWriter
	left int
	hang bool
	gone <-chan struct{}
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	if c.hang {
		<-c.gone
	}
	panic(http.ErrAbortHandler)
}
