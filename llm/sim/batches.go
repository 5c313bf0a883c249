package sim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
)

// batch is a batch as the protocol shows it, and what is known of it beside.
type batch struct {
	ID         string            `json:"id"`
	Object     string            `json:"object"`
	Endpoint   string            `json:"endpoint"`
	Errors     map[string]any    `json:"errors"`
	Input      string            `json:"input_file_id"`
	Window     string            `json:"completion_window"`
	Status     string            `json:"status"`
	Output     *string           `json:"output_file_id"`
	Failures   *string           `json:"error_file_id"`
	Created    int64             `json:"created_at"`
	InProgress *int64            `json:"in_progress_at"`
	Expires    int64             `json:"expires_at"`
	Finalizing *int64            `json:"finalizing_at"`
	Completed  *int64            `json:"completed_at"`
	Failed     *int64            `json:"failed_at"`
	Expired    *int64            `json:"expired_at"`
	Cancelling *int64            `json:"cancelling_at"`
	Cancelled  *int64            `json:"cancelled_at"`
	Counts     batchCounts       `json:"request_counts"`
	Metadata   map[string]string `json:"metadata"`

	started time.Time
	input   []byte
	work    *batchWork // nil until it was validated
	late    bool       // it expires
}

type batchCounts struct {
	Total     int `json:"total"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
}

// batches registers the files and batches protocols. The faults in transport befall them as they do completions.
func (s *Server) batches() {
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) reply{
		"POST /v1/files":               s.upload,
		"GET /v1/files":                s.listFiles,
		"GET /v1/files/{id}":           s.showFile,
		"GET /v1/files/{id}/content":   s.download,
		"DELETE /v1/files/{id}":        s.deleteFile,
		"POST /v1/batches":             s.createBatch,
		"GET /v1/batches":              s.listBatches,
		"GET /v1/batches/{id}":         s.showBatch,
		"POST /v1/batches/{id}/cancel": s.cancelBatch,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			digest := hash(r.Method, r.URL.Path)
			name := s.options.fault(transport, s.draw("transport", digest, s.try(digest)))
			fault := faultOf(name)
			s.count(r.Pattern)
			if name != "" {
				s.count(name)
			}
			if !fault.before(w, r) {
				handle(w, r).sendWith(&fault, w, r)
			}
		})
	}
}

func (s *Server) createBatch(_ http.ResponseWriter, r *http.Request) reply {
	var in struct {
		Input    string            `json:"input_file_id"`
		Endpoint string            `json:"endpoint"`
		Window   string            `json:"completion_window"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return refusal(http.StatusBadRequest, "invalid_json", "The request is not the JSON of a batch: "+err.Error())
	}
	switch {
	case in.Endpoint != chatPath:
		return refusal(http.StatusBadRequest, "invalid_value", "The simulated endpoint has batches for "+chatPath+", not "+strconv.Quote(in.Endpoint)+".")
	case in.Window != "24h":
		return refusal(http.StatusBadRequest, "invalid_value", "The completion_window is 24h, not "+strconv.Quote(in.Window)+".")
	}
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	f := s.shelf.file(in.Input)
	if f == nil {
		return missing("File", in.Input)
	}
	now := time.Now()
	s.shelf.made++
	b := &batch{ID: "batch_sim" + strconv.Itoa(s.shelf.made), Object: "batch", Endpoint: in.Endpoint, Input: in.Input, Window: in.Window,
		Status: "validating", Created: now.Unix(), Expires: now.Add(24 * time.Hour).Unix(), Metadata: in.Metadata, started: now, input: f.content}
	digest := xxhash.Sum64(b.input)
	b.late = s.draw("batchexpire", digest, s.try(digest)) < s.options.Rates["batchexpire"]
	s.shelf.batches = append(s.shelf.batches, b)
	return jsonReply(http.StatusOK, b)
}

func (s *Server) listBatches(_ http.ResponseWriter, r *http.Request) reply {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	limit, err := strconv.Atoi(cmp.Or(r.FormValue("limit"), "20"))
	if err != nil || limit < 1 || limit > 100 {
		return refusal(http.StatusBadRequest, "invalid_value", "limit lies between 1 and 100.")
	}
	after := r.FormValue("after")
	var shown []*batch
	more := false
	for i := len(s.shelf.batches) - 1; i >= 0; i-- { // the newest first
		b := s.shelf.batches[i]
		switch {
		case after != "":
			if b.ID == after {
				after = ""
			}
		case len(shown) == limit:
			more = true
		default:
			s.advance(b)
			shown = append(shown, b)
		}
	}
	answer := list(shown...)
	answer["has_more"] = more
	if len(shown) > 0 {
		answer["first_id"], answer["last_id"] = shown[0].ID, shown[len(shown)-1].ID
	}
	return jsonReply(http.StatusOK, answer)
}

func (s *Server) showBatch(_ http.ResponseWriter, r *http.Request) reply {
	return s.withBatch(r, func(b *batch) { s.advance(b) })
}

func (s *Server) cancelBatch(_ http.ResponseWriter, r *http.Request) reply {
	refused := false
	answer := s.withBatch(r, func(b *batch) {
		s.advance(b)
		switch b.Status {
		case "validating", "in_progress", "finalizing":
			b.Status, b.Cancelling = "cancelling", moment()
		case "cancelling":
		default:
			refused = true
		}
	})
	if refused {
		return refusal(http.StatusConflict, "batch_ended", "The batch has ended already and cannot be cancelled.")
	}
	return answer
}

func (s *Server) withBatch(r *http.Request, do func(*batch)) reply {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	for _, b := range s.shelf.batches {
		if b.ID == r.PathValue("id") {
			do(b)
			return jsonReply(http.StatusOK, b)
		}
	}
	return missing("Batch", r.PathValue("id"))
}

func moment() *int64 {
	now := time.Now().Unix()
	return &now
}

// advance carries a batch on to where it is by now: nobody works on it while nobody looks. The shelf is locked.
func (s *Server) advance(b *batch) {
	delay := cmp.Or(s.options.BatchDelay, defaultBatchDelay)
	passed := float64(time.Since(b.started)) / float64(delay)
	switch b.Status {
	case "completed", "failed", "expired", "cancelled":
		return
	case "cancelling":
		s.finish(b, "cancelled", "batch_cancelled", "This request was not executed because the batch was cancelled.")
		return
	}
	const validating, working = 0.2, 0.9 // the shares of the time when these end
	if passed < validating {
		return
	}
	if b.work == nil {
		work, problems := s.validate(b.input)
		if problems != nil {
			b.Status, b.Failed, b.Errors = "failed", moment(), list(problems...)
			delete(b.Errors, "has_more")
			return
		}
		b.work, b.Status, b.InProgress = work, "in_progress", moment()
		b.Counts.Total = len(work.lines)
	}
	due := min(int((passed-validating)/(working-validating)*float64(len(b.work.lines))), len(b.work.lines))
	if b.late {
		due = min(due, len(b.work.lines)/2)
	}
	s.process(b, due)
	switch {
	case passed >= 1 && b.late:
		s.finish(b, "expired", "batch_expired", "This request could not be executed before the completion window expired.")
	case passed >= 1:
		s.finish(b, "completed", "", "")
	case passed >= working && !b.late && b.Finalizing == nil:
		b.Status, b.Finalizing = "finalizing", moment()
	}
}
