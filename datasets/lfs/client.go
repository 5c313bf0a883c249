package lfs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"
)

const (
	// batchSize is how many objects are asked for at once; servers may refuse more than 100.
	batchSize = 100
	// parallel is how many objects are fetched at the same time; git-lfs fetches as many.
	parallel = 8
	// maxTries bounds how often the same is asked for. With the delays of retry, the tries span a minute.
	maxTries = 6
	// maxWait is the longest wait that a server may ask for. It is better to stop and say so than to seem to hang.
	maxWait = 5 * time.Minute
)

// Client fetches objects from an LFS server.
type Client struct {
	Endpoint string        // the server's address, without /objects/batch; see [Endpoint]
	Auth     *url.Userinfo // sent to that server and to no other; may be nil
	HTTP     *http.Client
	// Parts is a folder for what has come of each object, under its OID. What an interrupted
	// [Client.Fetch] leaves there is where the next one continues.
	Parts string
	// Came is told of the bytes that are there, as they come, and with a negative number of those that have
	// to come again. Waits is told of each pause before another try. Each may be nil and must be safe for
	// concurrent use.
	Came  func(bytes int64)
	Waits func(name string, pause time.Duration, err error)

	delays backoff.BackOff // in tests
}

// Object is what is fetched.
type Object struct {
	Pointer
	Name string // for messages
}

// Endpoint is the LFS server that belongs to a git remote, by the convention of all servers.
func Endpoint(remote string) string {
	return strings.TrimSuffix(strings.TrimRight(remote, "/"), ".git") + ".git/info/lfs"
}

// Fetch fetches objects, each of another OID. When it is known what became of one, done is called: with the
// file in Parts that holds it, its content proven, for done to move away; or with an error. Calls of done may
// overlap. Fetch ends with done's own error, with one of the disk and with the context's; everything else that
// goes wrong is between done and the objects that it concerns.
func (c *Client) Fetch(ctx context.Context, objects []Object, done func(o Object, file string, err error) error) error {
	if err := os.MkdirAll(c.Parts, 0o755); err != nil {
		return err
	}
	var refused error // of the server as a whole
	for group := range slices.Chunk(objects, batchSize) {
		var missing []Object
		for _, o := range group {
			if c.prove(o.Pointer) == nil {
				c.came(o.Size)
				if err := done(o, c.part(o.Pointer), nil); err != nil {
					return err
				}
			} else {
				missing = append(missing, o)
			}
		}
		var replies map[string]reply
		if len(missing) > 0 && refused == nil {
			refused = c.retry(ctx, "the LFS server", func() (err error) { replies, err = c.ask(ctx, missing); return err })
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(parallel)
		for _, o := range missing {
			g.Go(func() error {
				err := refused
				if err == nil {
					err = c.fetch(ctx, o, replies[o.OID])
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if errors.As(err, new(*fs.PathError)) {
					return fmt.Errorf("%s: %w", o.Name, err)
				}
				return done(o, c.part(o.Pointer), err)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// fetch fetches one object by the server's reply about it. A later try begins with a reply of its own, because
// permissions run out.
func (c *Client) fetch(ctx context.Context, o Object, r reply) error {
	first, counted := true, int64(0)
	count := func(at int64) { c.came(at - counted); counted = at }
	return c.retry(ctx, o.Name, func() error {
		if !first || r.expired(time.Now()) {
			replies, err := c.ask(ctx, []Object{o})
			if err != nil {
				return err
			}
			r = replies[o.OID]
		}
		first = false
		if r.Error != nil {
			return r.Error
		}
		if r.Actions.Download.Href == "" {
			return errors.New("the LFS server says neither where the object is nor what is wrong with it")
		}
		return c.download(ctx, o.Pointer, r, count)
	})
}

// download goes on with an object where its file ends, and tells count how much of it is there.
func (c *Client) download(ctx context.Context, p Pointer, r reply, count func(at int64)) error {
	had := int64(0)
	if info, err := os.Stat(c.part(p)); err == nil {
		had = info.Size()
	}
	count(had)
	resp, err := c.get(ctx, r, had)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	at, ok := start(resp)
	flags := os.O_APPEND
	switch {
	case !ok:
		return answered(resp)
	case at == 0: // also where it was asked to go on, and does not
		flags = os.O_TRUNC
	case at != had:
		count(0)
		return errors.Join(again(fmt.Errorf("%s cannot go on after %d bytes", resp.Request.URL.Host, had)), os.Remove(c.part(p)))
	}
	if n := resp.ContentLength; n >= 0 && at+n != p.Size {
		return fmt.Errorf("%s gives another file: it has %d bytes and not %d, as the pointer says", resp.Request.URL.Host, at+n, p.Size)
	}
	count(at)
	f, err := os.OpenFile(c.part(p), os.O_WRONLY|os.O_CREATE|flags, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, &counting{io.LimitReader(resp.Body, p.Size-at+1), &at, count})
	if local := errors.Join(f.Sync(), f.Close()); local != nil || errors.As(err, new(*fs.PathError)) {
		return errors.Join(err, local)
	}
	if at < p.Size {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return again(fmt.Errorf("%s broke off after %d of %d bytes: %w", resp.Request.URL.Host, at, p.Size, cause(err)))
	}
	if err = c.prove(p); err == nil {
		return nil
	}
	if had > 0 {
		err = again(err) // the older part may be what is wrong
	}
	count(0)
	return errors.Join(err, os.Remove(c.part(p)))
}

func (c *Client) part(p Pointer) string { return filepath.Join(c.Parts, p.OID) }

// prove proves that an object's file is whole and right.
func (c *Client) prove(p Pointer) error {
	f, err := os.Open(c.part(p))
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return err
	} else if info.Size() != p.Size {
		return fmt.Errorf("what came is another file: it has %d bytes and not %d, as the pointer says", info.Size(), p.Size)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != p.OID {
		return fmt.Errorf("what came is another file: it has the sha256 %s and not %s, as the pointer says", got, p.OID)
	}
	return nil
}

func (c *Client) came(n int64) {
	if c.Came != nil && n != 0 {
		c.Came(n)
	}
}

// counting tells how far a body has been read.
type counting struct {
	io.Reader
	at    *int64
	count func(int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.at += int64(n)
	c.count(*c.at)
	return n, err
}
