package llm

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// ErrUnknown is wrapped by the error that a [Store] returns for a sample that it does not have, or has in a
// form that cannot be read any more.
var ErrUnknown = errors.New("sample is not known")

// Kind says what went wrong with a request, as far as anybody has to decide on it.
type Kind string

// The kinds of errors that a client returns.
const (
	RateLimited   Kind = "rate limited"
	Overloaded    Kind = "endpoint is overloaded"
	Network       Kind = "endpoint cannot be reached"
	Server        Kind = "endpoint failed"
	Unauthorized  Kind = "not authorised"
	OutOfCredit   Kind = "out of credit"
	UnknownModel  Kind = "unknown model"
	PromptTooLong Kind = "prompt is too long"
	BadRequest    Kind = "request was refused"
	CutShort      Kind = "answer was cut short" // on its way
	Length        Kind = "answer reached its limit of tokens"
	Empty         Kind = "answer is empty"
	Filtered      Kind = "answer was withheld"
	NotAnAnswer   Kind = "not an answer"
	Unanswered    Kind = "no answer is there yet"
)

// mends says what the user can do about each kind.
var mends = map[Kind]string{
	RateLimited:   "lower --concurrency, or run the same command again later: what was answered is kept",
	Overloaded:    "run the same command again later: what was answered is kept",
	Network:       "check the network and OPENAI_BASE_URL, then run the same command again",
	Server:        "run the same command again later: what was answered is kept",
	Unauthorized:  "check that OPENAI_API_KEY is a valid key for this endpoint and model",
	OutOfCredit:   "add credit to the account or raise its limit, then run the same command again",
	UnknownModel:  "check the name given with --model, and OPENAI_BASE_URL",
	PromptTooLong: "use a model with a larger context window, or state the real one with --model NAME?context=TOKENS",
	BadRequest:    "check the options after the ? of --model: not every model takes each of them",
	CutShort:      "run the same command again: what was answered is kept",
	Length:        "run the same command again, with a larger max_tokens if one was given",
	Empty:         "run the same command again; a reasoning model may need a larger max_tokens",
	Filtered:      "the endpoint's policy decides this: try another model",
	NotAnAnswer:   "check OPENAI_BASE_URL: it usually ends in /v1",
}

// Hopeless tells whether an error of this kind would meet every other call of the same model, too.
func Hopeless(k Kind) bool { return k == Unauthorized || k == OutOfCredit || k == UnknownModel }

// Error is why a request, or one sample of it, has no answer. Its text never contains an API key.
type Error struct {
	Kind     Kind
	Endpoint string // may be empty where there is none
	Model    string
	Status   int // the HTTP status; 0 where no answer came
	// RetryAfter is how long the endpoint asks to wait; 0 where it says nothing.
	RetryAfter time.Duration
	// Message is what the endpoint said, or what was seen.
	Message string
	// Usage is what the failed try cost: as the endpoint reported it, or as estimated where it may have
	// charged for what never arrived. It is zero where nothing was paid for.
	Usage Usage
	// Estimated is true where Usage is an estimate, because nobody knows what the endpoint charged for: it may
	// be more.
	Estimated bool
	// Batched is true where Usage is that of a batch: see [Price.Cost].
	Batched bool
	Err     error
}

// Error says who was asked, what went wrong and what can be done.
func (e *Error) Error() string {
	var s strings.Builder
	if e.Model != "" {
		s.WriteString(e.Model)
	}
	if e.Endpoint != "" {
		if s.Len() > 0 {
			s.WriteString(" at ")
		}
		s.WriteString(e.Endpoint)
	}
	if s.Len() > 0 {
		s.WriteString(": ")
	}
	s.WriteString(string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&s, " (HTTP %d)", e.Status)
	}
	switch {
	case e.Message != "":
		s.WriteString(": " + e.Message)
	case e.Err != nil:
		s.WriteString(": " + e.Err.Error())
	}
	if mend := mends[e.Kind]; mend != "" {
		s.WriteString("; " + mend)
	}
	return Redact(s.String())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error, or "" where it is none of this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// UsageOf is what a failed try cost; see [Error].Usage.
func UsageOf(err error) Usage {
	var e *Error
	if errors.As(err, &e) {
		return e.Usage
	}
	return Usage{}
}

// What API keys look like; endpoints like to repeat the key that they refuse, in part or in full.
var keyShape = regexp.MustCompile(`(?i)\bbearer\s+[^\s"',;]+|\b(?:sk|pk|gsk|xai|hf|r8)[-_][A-Za-z0-9_*.\-]{8,}`)

// Redact replaces the given secrets, and what looks like an API key, by "[key]".
func Redact(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[key]")
		}
	}
	return keyShape.ReplaceAllString(s, "[key]")
}
