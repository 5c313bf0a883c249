package sim

import (
	"fmt"
	"net"
	"net/http"
)

// Fault is what goes wrong with one response; the zero value is none.
type Fault struct {
	// Status is sent instead of an answer, with Code and Message in OpenAI's error object, or with an HTML
	// page if HTML is set.
	Status        int
	Code, Message string
	// RetryAfter is the header of that name: seconds or a date.
	RetryAfter string
	// HTML sends a page; with Status 0 it comes as if all were well.
	HTML bool
	// Reset ends the connection before anything was sent, Cut in the middle of the answer.
	Reset, Cut bool
	// Finish replaces the finish reason of the first choice; "length" halves its text.
	Finish string
	// Empty leaves the text of the first choice out.
	Empty bool
	// IgnoreN answers with one choice, however many were asked for.
	IgnoreN bool
}

// page is what a gateway in front of an endpoint likes to send.
const page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"

// before carries out what happens instead of an answer and says whether that was all.
func (f Fault) before(w http.ResponseWriter) bool {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	switch {
	case f.Reset:
		reset(w)
	case f.HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(max(f.Status, http.StatusOK))
		fmt.Fprint(w, page)
	case f.Status != 0:
		message := f.Message
		if message == "" {
			message = "simulated: " + http.StatusText(f.Status)
		}
		refuse(w, f.Status, f.Code, message)
	default:
		return false
	}
	return true
}

// reset closes the connection so that the other side sees a reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // best effort: without it the connection ends politely
	}
	_ = conn.Close()
}
