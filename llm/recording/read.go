package recording

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Open reads a recording. A compressed one is known by its content. In a partial one, whose name ends in
// .partial, the end may be missing and a last line that is cut is left out.
func Open(path string) (*Player, error) {
	return OpenFS(os.DirFS(filepath.Dir(path)), filepath.Base(path))
}

// OpenFS is [Open] in a file system.
func OpenFS(fsys fs.FS, name string) (*Player, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening the recording: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	p, err := read(f, strings.HasSuffix(name, Partial))
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", name, err)
	}
	return p, nil
}

// reader takes a recording apart, line by line.
type reader struct {
	player  *Player
	partial bool
	number  int // of the line
	ended   bool
}

func read(f io.Reader, partial bool) (*Player, error) {
	in := bufio.NewReader(f)
	if magic, _ := in.Peek(4); bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		in = bufio.NewReader(z)
	}
	r := &reader{partial: partial, player: &Player{contents: map[string]string{}, calls: map[string][]*call{}}}
	sum := sha256.New()
	for {
		data, err := in.ReadBytes('\n')
		if err != nil && len(data) == 0 && errors.Is(err, io.EOF) {
			break
		}
		r.number++
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if !partial || r.number == 1 {
				return nil, fmt.Errorf("it is cut in the middle of line %d: copy the file again, or record again", r.number)
			}
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", r.number, err)
		default:
			if err := r.line(data); err != nil {
				return nil, fmt.Errorf("line %d: %w", r.number, err)
			}
		}
		sum.Write(data)
		if err != nil {
			break
		}
	}
	switch {
	case r.number == 0:
		return nil, errors.New("it is empty")
	case !r.ended && !partial:
		return nil, fmt.Errorf("it is cut after line %d: its end is missing; copy the file again, or record again", r.number)
	}
	r.player.endpoint = "replay:" + hex.EncodeToString(sum.Sum(nil))[:16]
	return r.player, nil
}

func (r *reader) line(data []byte) error {
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		if r.number == 1 {
			return errors.New("this is no recording: the first line of one is {\"bench_recording\":1,...}")
		}
		return fmt.Errorf("broken JSON: %w; record again, or take the line out with those that need it", err)
	}
	switch {
	case r.number == 1:
		if l.Recording > version {
			return fmt.Errorf("the recording's version is %d, this bench reads up to %d: use a newer bench", l.Recording, version)
		}
		if l.Recording < 1 || l.About == nil {
			return errors.New("this is no recording: the first line of one is {\"bench_recording\":1,...}")
		}
		r.player.about = *l.About
	case r.ended:
		return errors.New("something follows the recording's end")
	case l.Text != "" && l.Content != nil:
		if digest(*l.Content) != l.Text {
			return fmt.Errorf("the text is not the one with the digest %.12s: it was changed", l.Text)
		}
		r.player.contents[l.Text] = *l.Content
	case l.Call != nil:
		for _, m := range l.Call.Messages {
			if _, ok := r.player.contents[m.Text]; !ok {
				return fmt.Errorf("a text with the digest %.12s is referred to and not there before", m.Text)
			}
		}
		r.player.add(l.Call)
	case l.End != nil:
		if r.ended = true; l.End.Calls != r.player.count {
			return fmt.Errorf("%d calls were recorded and %d are here: lines are missing", l.End.Calls, r.player.count)
		}
	default:
		return errors.New("neither a text nor a call nor the end")
	}
	return nil
}
