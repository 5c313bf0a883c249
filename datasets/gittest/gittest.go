// Package gittest serves git repositories and their LFS objects on loopback, for tests: git's own smart HTTP
// and the LFS server that git-lfs itself is tested with, behind a proxy that does what networks do.
package gittest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"papereval/datasets/lfs"
)

// User and Password are what the LFS server takes; it answers 401 without. Repositories are given to everybody.
const (
	User     = "user"
	Password = "pass"
)

// Server is a git server with LFS. Its methods may be called while it serves.
type Server struct {
	URL string // of the proxy; a repository is URL/NAME.git

	real    string // the address of what the proxy is for
	folder  string // of the repositories
	process *exec.Cmd
	proxy   *httptest.Server
	state   state
}

// Start builds the server's program into a folder of the caller's, in which it also keeps the repositories,
// and starts it. It needs git, and the Go tool with its module proxy.
func Start(dir string) (*Server, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{folder: filepath.Join(dir, "repositories")}
	program := filepath.Join(dir, "lfstest-gitserver")
	if err := errors.Join(os.MkdirAll(s.folder, 0o755), build(program)); err != nil {
		return nil, err
	}
	address, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer address.Close()
	s.process = exec.Command(program)
	s.process.Dir = dir // it leaves files with its keys there
	s.process.ExtraFiles = []*os.File{end}
	s.process.Env = append(os.Environ(), "LFSTEST_DIR="+s.folder, "LFSTEST_URL=/dev/fd/3")
	err = s.process.Start()
	if err := errors.Join(err, end.Close()); err != nil {
		return nil, err
	}
	buffer := make([]byte, 128)
	n, err := address.Read(buffer)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the git server gave no address: %w", err), s.stop())
	}
	s.real = string(buffer[:n])
	s.state.news = make(chan struct{})
	handler, err := s.handler()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.proxy = httptest.NewServer(handler)
	s.URL = s.proxy.URL
	return s, nil
}

// build compiles the server out of git-lfs's sources, which tools/go.mod pins. It is a file of its own in a
// folder with several programs, so that `go tool` cannot run it.
func build(program string) error {
	root, err := output("", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	pinned := "-modfile=" + filepath.Join(strings.TrimSpace(root), "tools", "go.mod")
	described, err := output("", "go", "mod", "download", pinned, "-json", "github.com/git-lfs/git-lfs/v3")
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(described), &module); err != nil {
		return err
	}
	_, err = output("", "go", "build", pinned, "-tags", "testtools", "-o", program,
		filepath.Join(module.Dir, "t", "cmd", "lfstest-gitserver.go"))
	return err
}

// output runs a program with a text as its input.
func output(stdin, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w: %s", c, err, exit.Stderr)
	}
	return string(out), err
}

// Close ends the server.
func (s *Server) Close() error {
	s.proxy.CloseClientConnections() // of whoever hangs
	s.proxy.Close()
	return s.stop()
}

func (s *Server) stop() error {
	err := s.process.Process.Kill()
	_ = s.process.Wait() // it was killed, and says so
	return err
}

// Commit puts a commit on the branch main of a repository and returns its hash. The repository is made if it
// is not there. The commit has exactly these files; a name that ends in @ is a symbolic link to its content,
// one that ends in # a submodule at the commit that is its content.
func (s *Server) Commit(repository string, files map[string]string) (hash string, err error) {
	dir := filepath.Join(s.folder, repository+".git")
	if _, err := os.Stat(dir); err != nil {
		if _, err := output("", "git", "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
			return "", err
		}
		for _, allowed := range []string{"uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"} { // as GitHub does
			if _, err := output("", "git", "-C", dir, "config", allowed, "true"); err != nil {
				return "", err
			}
		}
	}
	var in bytes.Buffer
	fmt.Fprint(&in, "commit refs/heads/main\ncommitter Test <test@example.org> 1700000000 +0000\ndata 4\ntest\n")
	if _, err := output("", "git", "-C", dir, "rev-parse", "--verify", "--quiet", "refs/heads/main"); err == nil {
		fmt.Fprint(&in, "from refs/heads/main^0\n")
	}
	fmt.Fprint(&in, "deleteall\n")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, plain := files[name], strings.TrimRight(name, "@#")
		switch name[len(plain):] {
		case "#":
			fmt.Fprintf(&in, "M 160000 %s %s\n", content, plain)
			continue
		case "@":
			fmt.Fprintf(&in, "M 120000 inline %s\n", plain)
		default:
			fmt.Fprintf(&in, "M 100644 inline %s\n", plain)
		}
		fmt.Fprintf(&in, "data %d\n%s\n", len(content), content)
	}
	if _, err := output(in.String(), "git", "-C", dir, "fast-import", "--quiet"); err != nil {
		return "", err
	}
	hash, err = output("", "git", "-C", dir, "rev-parse", "refs/heads/main")
	return strings.TrimSpace(hash), err
}

// Store gives a repository an LFS object and returns the pointer to it.
func (s *Server) Store(repository, content string) (pointer string, err error) {
	p := Pointer(content)
	req, err := http.NewRequest(http.MethodPut, s.real+"/storage/"+p.OID+"?r="+repository, strings.NewReader(content)) //nolint:noctx // the test's own server
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the LFS server answers %s", resp.Status)
	}
	return p.String(), nil
}

// Pointer is the pointer to a content, which need not be stored.
func Pointer(content string) lfs.Pointer {
	return lfs.Pointer{OID: fmt.Sprintf("%x", sha256.Sum256([]byte(content))), Size: int64(len(content))}
}
