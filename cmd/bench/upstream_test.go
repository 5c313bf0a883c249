package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"papereval/datasets/gittest"
)

// upstreams is the git server of a script, from its first upstream on.
type upstreams struct{ server *gittest.Server }

func upstreamOf(ts *testscript.TestScript) *upstreams { return ts.Value("upstreams").(*upstreams) }

// upstream REPOSITORY FOLDER serves a folder as a commit of a git repository, and sets FROM to its address with
// the LFS server's credentials, ANONYMOUS to that without, and COMMIT. A file NAME.lfs is a Git-LFS object, of
// which the commit has the pointer NAME; NAME.gone is one that the LFS server does not have; files below
// NAME.zip/ are an archive. UPSTREAM in a file is the server's address.
func upstream(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: upstream REPOSITORY FOLDER")
	}
	u, repository := upstreamOf(ts), args[0]
	if u.server == nil {
		server, err := gittest.Start(ts.MkAbs("upstream"))
		ts.Check(err)
		ts.Defer(func() { _ = server.Close() })
		u.server = server
	}
	files := make(map[string]string)
	archives := make(map[string]*bytes.Buffer)
	writers := make(map[string]*zip.Writer)
	folder := os.DirFS(ts.MkAbs(args[1]))
	ts.Check(fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, name)
		text := strings.ReplaceAll(string(content), "UPSTREAM", u.server.URL)
		if archive, inside, ok := strings.Cut(name, ".zip/"); ok {
			archive += ".zip"
			if writers[archive] == nil {
				archives[archive] = new(bytes.Buffer)
				writers[archive] = zip.NewWriter(archives[archive])
			}
			w, err := writers[archive].Create(inside)
			if err == nil {
				_, err = w.Write([]byte(text))
			}
			return err
		}
		if plain, ok := strings.CutSuffix(name, ".lfs"); ok {
			files[plain], err = u.server.Store(repository, text)
		} else if plain, ok := strings.CutSuffix(name, ".gone"); ok {
			files[plain] = gittest.Pointer(text).String()
		} else {
			files[name] = text
		}
		return err
	}))
	for name, w := range writers {
		ts.Check(w.Close())
		files[name] = archives[name].String()
	}
	commit, err := u.server.Commit(repository, files)
	ts.Check(err)
	address := u.server.URL + "/" + repository + ".git"
	ts.Setenv("ANONYMOUS", address)
	ts.Setenv("FROM", strings.Replace(address, "://", "://"+gittest.User+":"+gittest.Password+"@", 1))
	ts.Setenv("COMMIT", commit)
}

// fault PATH STATUS lets the git server answer a status, fault PATH hang BYTES lets it send so many bytes and
// then nothing more, and fault alone ends all faults.
func fault(ts *testscript.TestScript, _ bool, args []string) {
	server := upstreamOf(ts).server
	switch {
	case len(args) == 0:
		server.Break()
	case len(args) == 2:
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		server.Break(gittest.Fault{Path: args[0], Status: status})
	case len(args) == 3 && args[1] == "hang":
		bytes, err := strconv.Atoi(args[2])
		ts.Check(err)
		server.Break(gittest.Fault{Path: args[0], Cut: bytes, Hang: true})
	default:
		ts.Fatalf("usage: fault [PATH STATUS | PATH hang BYTES]")
	}
}

// asked REGEXP waits until the git server was asked for something; ! asked REGEXP demands that it was not. Only
// what came since the last asked counts.
func askedFor(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: asked REGEXP")
	}
	server, request := upstreamOf(ts).server, regexp.MustCompile(args[0])
	if neg {
		if all := strings.Join(server.Asked(), "\n"); request.MatchString(all) {
			ts.Fatalf("the git server was asked for:\n%s", all)
		}
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("it took a minute"))
	defer cancel()
	ts.Check(server.Await(ctx, request))
	server.Asked()
}
