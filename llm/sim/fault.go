package sim

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
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
	// Hang never answers. It ends when the client leaves.
	Hang bool
	// Reset ends the connection before anything was sent, Cut in the middle of the answer; Stall sends
	// nothing more from there on, until the client leaves.
	Reset, Cut, Stall bool
	// BadJSON breaks the JSON of the response.
	BadJSON bool
	// Finish replaces the finish reason of the first choice; "length" halves its text.
	Finish string
	// Empty leaves the text of the first choice out.
	Empty bool
	// WrongUsage reports tokens that cannot be.
	WrongUsage bool
	// IgnoreN answers with one choice, however many were asked for.
	IgnoreN bool
}

// faultOf is the fault in transport of that name.
func faultOf(name string) Fault {
	switch name {
	case "rate429":
		return Fault{Status: http.StatusTooManyRequests, Code: "rate_limit_exceeded", Message: "Rate limit reached: simulated. Please try again later."}
	case "rate429after":
		return Fault{Status: http.StatusTooManyRequests, Code: "rate_limit_exceeded", Message: "Rate limit reached: simulated. Please try again in 1s.", RetryAfter: "1"}
	case "rate500":
		return Fault{Status: http.StatusInternalServerError, Message: "The server had an error while processing your request: simulated."}
	case "rate502html":
		return Fault{Status: http.StatusBadGateway, HTML: true}
	case "timeout":
		return Fault{Hang: true}
	case "stall":
		return Fault{Stall: true}
	case "cut":
		return Fault{Cut: true}
	case "reset":
		return Fault{Reset: true}
	case "badjson":
		return Fault{BadJSON: true}
	}
	return Fault{}
}

// page is what a gateway in front of an endpoint likes to send.
const page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"

// before carries out what happens instead of an answer and says whether that was all.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
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
		refusal(f.Status, f.Code, message).send(w)
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

// stop ends an answer in its middle, after the part of it that was written.
func (f *Fault) stop(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).Flush() // else nothing at all would arrive
	if f.Stall {
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// broken is JSON that no parser takes.
func broken(data []byte) []byte {
	i := max(bytes.IndexByte(data, ':'), 0)
	return append(append(append([]byte(nil), data[:i]...), ",,"...), data[i:]...)
}

// spoil does to a sample's text what the fault of that name does; draw is the sample's own number from 0 to 1.
func spoil(name, text string, draw float64) string {
	switch name {
	case "empty":
		return ""
	case "truncated":
		trimmed := strings.TrimSpace(text)
		for _, start := range []string{"{", "[", "```json"} {
			if strings.HasPrefix(trimmed, start) {
				return strings.ToValidUTF8(trimmed[:int(float64(len(trimmed))*(0.2+0.6*draw))], "")
			}
		}
	case "badscore":
		values := []string{"0", "6", "11", "-3", "3.7", `"excellent"`, "null", "1e9"}
		return score.ReplaceAllString(text, `${1}`+values[int(draw*float64(len(values)))])
	}
	return text
}

// score is the entry of a judge's answer.
var score = regexp.MustCompile(`("score"\s*:\s*)-?[0-9.]+`)
