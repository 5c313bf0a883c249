package pull

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// stallLimit is for how long nothing may come.
const stallLimit = 2 * time.Minute

var errStalled = errors.New("nothing came for two minutes")

// newClient makes an HTTP client that gives up where nothing comes any more. Downloads take as long as they
// take.
func newClient(limit time.Duration) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // lengths and ranges are those of the files
	return &http.Client{Transport: &impatient{t, limit}}
}

type impatient struct {
	*http.Transport
	limit time.Duration
}

func (i *impatient) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(i.limit, func() { cancel(errStalled) })
	resp, err := i.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	resp.Body = &watched{resp.Body, cancel, timer, i.limit}
	return resp, nil
}

// watched is a body that has to go on.
type watched struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err == nil {
		w.timer.Reset(w.limit)
	} else {
		w.timer.Stop()
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	defer w.cancel(nil)
	return w.ReadCloser.Close()
}
