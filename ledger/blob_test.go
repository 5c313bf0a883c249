package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestBlobRoundTrip(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("paper "), 1<<18)} {
		key, err := l.PutBlob(t.Context(), data)
		noError(t, err)
		path := filepath.Join(dir, "blobs", key[:2], key[2:])
		before, err := os.Stat(path)
		noError(t, err)
		again, err := l.PutBlob(t.Context(), data)
		noError(t, err)
		after, err := os.Stat(path)
		noError(t, err)
		if again != key || !os.SameFile(before, after) {
			t.Errorf("equal content was written again")
		}
		got, err := l.Blob(t.Context(), key)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: got %d, %v", len(data), len(got), err)
		}
	}
}

func TestBlobNotFound(t *testing.T) {
	l := openTest(t, t.TempDir())
	for _, key := range []string{digest(nil), "", "../../ledger.db", digest(nil)[:63] + "/", digest(nil) + "00"} {
		if _, err := l.Blob(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Whatever bit of the file is flipped, and wherever it is cut, the damage is noticed and can be mended.
func TestDamagedBlob(t *testing.T) {
	l := openTest(t, t.TempDir())
	data := []byte("import numpy as np\n\nprint(np.ones(3))\nprint(np.ones(3))\n")
	key, err := l.PutBlob(t.Context(), data)
	noError(t, err)
	path := l.blobPath(key)
	whole, err := os.ReadFile(path)
	noError(t, err)
	check := func(name string, content []byte) {
		noError(t, os.WriteFile(path, content, 0o644))
		got, err := l.Blob(t.Context(), key)
		var damaged *DamagedError
		if err == nil && bytes.Equal(got, data) {
			return // a bit that means nothing
		}
		if !errors.As(err, &damaged) || damaged.Key != key || damaged.Path != path {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for i := range whole {
		check(fmt.Sprint("cut at ", i), whole[:i])
		for bit := range 8 {
			content := bytes.Clone(whole)
			content[i] ^= 1 << bit
			check(fmt.Sprint("byte ", i, " bit ", bit), content)
		}
	}
	noError(t, os.WriteFile(path, whole[:5], 0o644))
	_, err = l.PutBlob(t.Context(), data)
	noError(t, err)
	if got, err := l.Blob(t.Context(), key); err != nil || !bytes.Equal(got, data) {
		t.Errorf("not mended: %v", err)
	}
}

func TestConcurrentBlobs(t *testing.T) {
	l := openTest(t, t.TempDir())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 10 {
				data := fmt.Append(nil, "blob ", i)
				key, err := l.PutBlob(t.Context(), data)
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := l.Blob(t.Context(), key); err != nil || !bytes.Equal(got, data) {
					t.Errorf("blob %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(l.blobs, "tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
