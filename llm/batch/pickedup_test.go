package batch_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"papereval/llm"
	"papereval/llm/batch"
)

// TestPickedUp ends a sender at each place between submission and result and starts another, with samples in one line
// and in lines of their own, whose records are those of earlier versions.
func TestPickedUp(t *testing.T) {
	for _, model := range []string{"m", "o9"} {
		for _, place := range []string{"under way", "created, not on record", "wanted by nobody"} {
			t.Run(model+" "+place, func(t *testing.T) { pickedUp(t, model, place) })
		}
	}
}

func pickedUp(t *testing.T, model, place string) {
	e, dir, keep := serve(t, "batchdelay=300ms"), t.TempDir(), newStore()
	keep.budget = true
	first := start(t, e, dir, keep, nil)
	created := make(chan struct{})
	if place == "created, not on record" {
		e.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == "/v1/batches" && r.Method == http.MethodPost {
				next.ServeHTTP(httptest.NewRecorder(), r)
				close(created)
				first.cancel()
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}
	req := request("p0", 2)
	req.Model.Name = model
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := first.Complete(ctx, req)
		ended <- err
	}()
	if place == "created, not on record" {
		<-created
	}
	for place != "created, not on record" && len(first.Open()) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	first.cancel()
	if err := <-ended; err == nil {
		t.Error("it was answered before it ended")
	}
	first.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) != 1 {
		t.Fatalf("on record: %v", files)
	}
	if record, err := os.ReadFile(files[0]); err != nil || strings.Contains(string(record), "counts") != (model == "m") {
		t.Errorf("%s, %v", record, err)
	}
	e.spoil(nil)
	if n := keep.open(); n != 2 {
		t.Errorf("%d reservations are open", n)
	}
	keep.limit = func(context.Context, *llm.Request) error { return errors.New("it is reserved already") }

	second := start(t, e, dir, keep, nil)
	if place == "wanted by nobody" {
		for len(second.Open()) > 0 {
			time.Sleep(time.Millisecond)
		}
	} else if resp, err := second.Complete(t.Context(), req); err != nil || resp.Samples[0].Text != "to p0, 0" || resp.Samples[1].Text != "to p0, 1" {
		t.Errorf("%+v, %v", resp, err)
	}
	if e.submitted() != 1 || len(keep.answered) != 2 || *second.live != 0 {
		t.Errorf("%d batches, %d stored, %d singly", e.submitted(), len(keep.answered), *second.live)
	}
	second.Close()
	empty(t, dir)
	if keep.taken != 2 || keep.spent != 2 || keep.open() != 0 {
		t.Errorf("%d reservations taken over, %d calls paid for, %d open", keep.taken, keep.spent, keep.open())
	}
}

func TestABrokenRecord(t *testing.T) {
	for _, content := range []string{"{", `{"token":"t","keys":[]}`, `{"token":"t","keys":["a","b"],"counts":[1]}`,
		`{"token":"t","keys":["a","b"],"counts":[3]}`, `{"token":"t","keys":["a","b"],"counts":[2,0]}`, `{"token":"t","keys":["a","b"],"reserved":[1]}`, `{"token":"t","keys":["a"],"counts":[-1,2]}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "batch_1.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := batch.NewSender(batch.Options{Dir: dir}).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no record of a batch") {
			t.Errorf("%s: %v", content, err)
		}
	}
}
