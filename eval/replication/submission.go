package replication

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"papereval/eval"
	"papereval/repo"
)

// Bounds on what is read of an archive, in bytes.
const (
	largestFile    = 32 << 20
	largestArchive = 1 << 30
)

// ReadSubmission reads the archive of a submission as PaperBench's reproduction leaves it: a tar of the folder
// submission/, or of what is in it. What the reproduction touched is told as the published program does: by files not
// older than the time in reproduce.log.creation_time, in seconds since 1970, or else not older than reproduce.log. Without that log
// nothing was reproduced, and the reproduction is nil. Files that are left out are named with the reason.
func ReadSubmission(archive io.Reader) (*repo.Tree, *eval.Reproduction, []repo.Skipped, error) {
	tree := &repo.Tree{}
	times := make(map[string]time.Time)
	var skipped []repo.Skipped
	total := int64(0)
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("the archive of the submission cannot be read: %w", err)
		}
		name := strings.TrimPrefix(path.Clean(strings.TrimPrefix(h.Name, "./")), "submission/")
		skip := func(reason string) { skipped = append(skipped, repo.Skipped{Path: name, Reason: reason}) }
		switch {
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg:
			skip("is no regular file")
			continue
		case name == ".git" || strings.HasPrefix(name, ".git/") || strings.Contains(name, "/.git/"):
			continue
		}
		var file io.Reader = r
		if h.Size > largestFile { // as much of it as is ever shown
			skip("is larger than 32 MiB; only its beginning was read")
			file, h.Size = io.LimitReader(r, maxFile+1), maxFile+1
		}
		if total += h.Size; total > largestArchive {
			return nil, nil, nil, errors.New("the archive of the submission holds more than 1 GiB; make it smaller")
		}
		content, err := io.ReadAll(file)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("the archive of the submission cannot be read: %s: %w", name, err)
		}
		if err := tree.Put(name, content); err != nil {
			skip(err.Error())
			continue
		}
		times[name] = h.ModTime
	}
	if tree.Len() == 0 {
		return nil, nil, nil, errors.New("the archive of the submission holds no file")
	}
	reproduction, err := reproduction(tree, times)
	return tree, reproduction, skipped, err
}

func reproduction(tree *repo.Tree, times map[string]time.Time) (*eval.Reproduction, error) {
	const logFile, timeFile = "reproduce.log", "reproduce.log.creation_time"
	content, ok := tree.Get(logFile)
	if !ok {
		return nil, nil
	}
	log, _, _ := repo.Text(content)
	since := times[logFile]
	if text, ok := tree.Get(timeFile); ok {
		seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s in the archive of the submission holds %.40q, which is no time in seconds since 1970", timeFile, text)
		}
		since = time.Unix(seconds, 0)
	}
	r := &eval.Reproduction{Log: log, Touched: make(map[string]bool)}
	for name, at := range times {
		if !at.Before(since) && name != timeFile {
			r.Touched[name] = true
		}
	}
	return r, nil
}
