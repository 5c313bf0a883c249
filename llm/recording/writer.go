package recording

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/zstd"

	"papereval/llm"
)

// Partial is added to a recording's name while it is being written.
const Partial = ".partial"

// Writer writes a recording. It is safe for concurrent use.
type Writer struct {
	path  string
	about About

	mu       sync.Mutex
	partial  *os.File
	lock     *flock.Flock
	contents map[string]string // by digest
	calls    map[string]*call  // by identity
	closed   bool
}

// Create begins a recording. While it goes on, every answer is appended to path.partial, uncompressed, so
// that it is kept whatever happens; Close writes the file itself, in an order that does not depend on that
// of the calls, so that the same answers give the same bytes, and removes path.partial. One that an earlier,
// killed process left is renamed to path.partial.old.
func Create(path string, about About) (*Writer, error) {
	var lock *flock.Flock
	fail := func(err error) (*Writer, error) {
		if lock != nil {
			_ = lock.Close() // the error says what matters
		}
		return nil, fmt.Errorf("recording to %s: %w; name a file in a folder that can be written", path, err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fail(errors.New("it is a folder"))
	}
	lock = flock.New(path + ".lock")
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return fail(err)
	case !locked:
		return nil, fmt.Errorf("recording to %s: another process is recording to it; wait for it, or name another file", path)
	}
	if err := os.Rename(path+Partial, path+Partial+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	f, err := os.OpenFile(path+Partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fail(err)
	}
	w := &Writer{path: path, about: about, partial: f, lock: lock, contents: map[string]string{}, calls: map[string]*call{}}
	if err := w.append(line{Recording: version, About: &about}); err != nil {
		return fail(errors.Join(err, f.Close()))
	}
	return w, nil
}

// Record returns a client that writes every sample with an answer that passes to w, known ones too. An
// answer that cannot be written is an error.
func Record(next llm.Client, w *Writer) llm.Client {
	return llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		resp, err := next.Complete(ctx, req)
		if err != nil {
			return nil, err
		}
		for i := range resp.Samples {
			if s := &resp.Samples[i]; s.Err == nil {
				if err := w.add(req, s); err != nil {
					return nil, err
				}
			}
		}
		return resp, nil
	})
}

// add writes one answer to the partial file. Of several labels for the same call the first in the file's
// order is kept.
func (w *Writer) add(req *llm.Request, s *llm.Sample) error {
	c, contents := newCall(req, s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return &WriteError{w.path, os.ErrClosed}
	}
	if old := w.calls[c.identity()]; old != nil {
		if compare(c, old) < 0 {
			old.Label = c.Label
		}
		return nil
	}
	var lines []line
	for i, m := range c.Messages {
		if _, ok := w.contents[m.Text]; !ok {
			w.contents[m.Text] = contents[i]
			lines = append(lines, line{Text: m.Text, Content: &contents[i]})
		}
	}
	w.calls[c.identity()] = c
	return w.append(append(lines, line{Call: c})...)
}

func (w *Writer) append(lines ...line) error {
	var all []byte
	for _, l := range lines {
		data, err := encode(l)
		if err != nil {
			return fmt.Errorf("recording to %s: %w", w.path, err)
		}
		all = append(all, data...)
	}
	if _, err := w.partial.Write(all); err != nil {
		return &WriteError{w.path, err}
	}
	return nil
}

// WriteError is a recording that cannot be written.
type WriteError struct {
	Path string
	Err  error
}

func (e *WriteError) Error() string { return fmt.Sprintf("recording to %s: %v", e.Path, e.Err) }

func (e *WriteError) Unwrap() error { return e.Err }

// Abandon ends a recording that is not whole: what was written stays in the partial file, which can be
// replayed, and a file that was there before stays as it is.
func (w *Writer) Abandon() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	return errors.Join(w.partial.Close(), w.unlock())
}

// Close writes the recording. Where that fails the partial file stays. A second Close does nothing.
func (w *Writer) Close() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	defer func() { err = errors.Join(err, w.unlock()) }()
	closing := w.partial.Close()
	f, err := os.CreateTemp(filepath.Dir(w.path), filepath.Base(w.path)+".tmp*")
	if err != nil {
		return fmt.Errorf("writing the recording: %w; the answers are in %s", err, w.path+Partial)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // best effort: the error says what matters
			err = fmt.Errorf("writing the recording %s: %w; the answers are in %s", w.path, err, w.path+Partial)
		}
	}()
	err = errors.Join(w.write(f), f.Chmod(0o644), f.Sync(), f.Close(), closing)
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), w.path); err != nil {
		return err
	}
	return os.Remove(w.path + Partial)
}

func (w *Writer) unlock() error {
	return errors.Join(os.Remove(w.lock.Path()), w.lock.Close())
}

func (w *Writer) write(f io.Writer) error {
	if !strings.HasSuffix(w.path, ".zst") {
		b := bufio.NewWriter(f)
		return errors.Join(w.lines(b), b.Flush())
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	return errors.Join(w.lines(z), z.Close())
}

// lines writes the whole recording in its final order.
func (w *Writer) lines(out io.Writer) error {
	calls := make([]*call, 0, len(w.calls))
	for _, c := range w.calls {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, compare)
	all := []line{{Recording: version, About: &w.about}}
	written := map[string]bool{}
	for _, c := range calls {
		for _, m := range c.Messages {
			if !written[m.Text] {
				written[m.Text] = true
				content := w.contents[m.Text]
				all = append(all, line{Text: m.Text, Content: &content})
			}
		}
		all = append(all, line{Call: c})
	}
	for _, l := range append(all, line{End: &end{Calls: len(calls)}}) {
		data, err := encode(l)
		if err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	return nil
}
