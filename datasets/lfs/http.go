package lfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const mediaType = "application/vnd.git-lfs+json"

// maxReply bounds the size of a reply to a batch, in bytes: objects come with addresses of a kilobyte or two.
const maxReply = 4 << 20

// reply is what a server says about one object.
type reply struct {
	OID           string `json:"oid"`
	Authenticated bool   `json:"authenticated"` // the download needs no credentials besides its header
	Actions       struct {
		Download struct {
			Href      string            `json:"href"`
			Header    map[string]string `json:"header"`
			ExpiresIn int64             `json:"expires_in"` // seconds; counts before ExpiresAt
			ExpiresAt time.Time         `json:"expires_at"`
		} `json:"download"`
	} `json:"actions"`
	Error *ObjectError `json:"error"`
}

// ObjectError is what a server says is wrong with an object.
type ObjectError struct {
	Code    int    `json:"code"` // like an HTTP status; 404: it is not there, 410: its owner has removed it
	Message string `json:"message"`
}

func (e *ObjectError) Error() string {
	return fmt.Sprintf("the LFS server does not give it: %d %s: %s", e.Code, http.StatusText(e.Code), e.Message)
}

func (r *reply) expired(now time.Time) bool {
	at := r.Actions.Download.ExpiresAt
	return !at.IsZero() && now.After(at)
}

// ask asks the server where objects are.
func (c *Client) ask(ctx context.Context, objects []Object) (map[string]reply, error) {
	type ref struct {
		OID  string `json:"oid"`
		Size int64  `json:"size"`
	}
	question := struct {
		Operation string   `json:"operation"`
		Transfers []string `json:"transfers"`
		Objects   []ref    `json:"objects"`
	}{"download", []string{"basic"}, nil}
	for _, o := range objects {
		question.Objects = append(question.Objects, ref(o.Pointer))
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint+"/objects/batch", bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address of the LFS server is none")
	}
	req.Header.Set("Accept", mediaType)
	req.Header.Set("Content-Type", mediaType)
	c.authorize(req)
	sent := time.Now()
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the LFS server of the repository: %w", answered(resp))
	}
	var answer struct {
		Transfer string  `json:"transfer"`
		HashAlgo string  `json:"hash_algo"`
		Objects  []reply `json:"objects"`
	}
	if body, err = io.ReadAll(io.LimitReader(resp.Body, maxReply)); err != nil {
		return nil, again(fmt.Errorf("the LFS server at %s broke off: %w", req.URL.Host, cause(err)))
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("what answers at %s is no LFS server: %w", req.URL.Host, err)
	}
	if answer.Transfer != "" && answer.Transfer != "basic" || answer.HashAlgo != "" && answer.HashAlgo != "sha256" {
		return nil, fmt.Errorf("the LFS server at %s wants the transfer %q with %q, and not basic with sha256, which was asked for",
			req.URL.Host, answer.Transfer, answer.HashAlgo)
	}
	replies := make(map[string]reply)
	for _, r := range answer.Objects {
		if d := &r.Actions.Download; d.ExpiresIn != 0 {
			d.ExpiresAt = sent.Add(time.Duration(d.ExpiresIn) * time.Second)
		}
		replies[r.OID] = r
	}
	return replies, nil
}

// get requests an object from a byte on.
func (c *Client) get(ctx context.Context, r reply, from int64) (*http.Response, error) {
	download := r.Actions.Download
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, download.Href, nil)
	if err != nil {
		return nil, errors.New("the LFS server gives an address for it that is none")
	}
	if !r.Authenticated {
		c.authorize(req)
	}
	for name, value := range download.Header {
		req.Header.Set(name, value)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	return c.do(req)
}

// authorize adds the credentials to what goes to the server that they are for.
func (c *Client) authorize(req *http.Request) {
	server, err := url.Parse(c.Endpoint)
	if c.Auth == nil || err != nil || req.URL.Scheme != server.Scheme || req.URL.Host != server.Host {
		return
	}
	password, _ := c.Auth.Password()
	req.SetBasicAuth(c.Auth.Username(), password)
}

func (c *Client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, again(fmt.Errorf("%s does not answer: %w", req.URL.Host, cause(err)))
	}
	return resp, nil
}

// cause is an error without the address in it, which may hold a permission.
func cause(err error) error {
	if u := new(url.Error); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// start is the byte that a response begins with; not ok is a response without content.
func start(resp *http.Response) (at int64, ok bool) {
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, true
	case http.StatusPartialContent:
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &at)
		if err != nil {
			at = -1
		}
		return at, true
	case http.StatusRequestedRangeNotSatisfiable:
		return -1, true
	default:
		return 0, false
	}
}

// answered is the error that a response stands for.
func answered(resp *http.Response) error {
	text := fmt.Sprintf("%s answers %s", resp.Request.URL.Host, resp.Status)
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // an explanation may be missing
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		text += ": " + strings.TrimSpace(said.Message)
	}
	switch code := resp.StatusCode; {
	case code == 507, code == 509: // quotas
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return &transient{errors.New(text), askedWait(resp.Header.Get("Retry-After"), time.Now())}
	}
	return errors.New(text)
}

// askedWait is how long a server asks to wait, nil where it does not.
func askedWait(header string, now time.Time) *backoff.RetryAfterError {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return &backoff.RetryAfterError{Duration: time.Duration(seconds) * time.Second}
	}
	if at, err := http.ParseTime(header); err == nil {
		return &backoff.RetryAfterError{Duration: max(0, at.Sub(now))}
	}
	return nil
}

// transient is an error that may be gone at the next try.
type transient struct {
	error
	wait *backoff.RetryAfterError // what the server asks for, or nil
}

func (e *transient) Unwrap() []error {
	if e.wait == nil {
		return []error{e.error}
	}
	return []error{e.error, e.wait}
}

func again(err error) error { return &transient{error: err} }

// retry tries again after transient errors, as long as that can be expected to help.
func (c *Client) retry(ctx context.Context, name string, try func() error) error {
	var delays backoff.BackOff = &backoff.ExponentialBackOff{InitialInterval: time.Second, RandomizationFactor: 0.5,
		Multiplier: 2, MaxInterval: time.Minute}
	if c.delays != nil {
		delays = c.delays
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := try()
		if e := new(transient); !errors.As(err, &e) || e.wait != nil && e.wait.Duration > maxWait {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(delays), backoff.WithMaxTries(maxTries), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			if c.Waits != nil {
				c.Waits(name, pause, err)
			}
		}))
	return err
}
