package sim

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say how a simulated endpoint behaves. The zero value answers everything at once, without faults.
type Options struct {
	Seed uint64
	// Latency passes before an answer begins, give or take up to Jitter.
	Latency, Jitter time.Duration
	// RPM and TPM are the requests and the tokens that are let through in a minute; 0 is no limit.
	RPM, TPM int
	// N says what becomes of requests for several samples: "" answers them, "ignore" gives one, "refuse" none.
	N string
	// RefuseSchema refuses a response_format.
	RefuseSchema bool
	// ExactUsage counts the tokens of long prompts, too; else four bytes of them are a token.
	ExactUsage bool
	// Cache reports the prompt tokens that an earlier request began with as cached, as OpenAI does. Usage then depends on
	// the order of requests.
	Cache bool
	// BatchDelay is how long a batch takes; a file may have up to BatchLines lines and BatchBytes bytes.
	BatchDelay             time.Duration
	BatchLines, BatchBytes int
	// Rates are the shares, 0 to 1, of requests that each fault befalls, by the names of [FaultNames].
	Rates map[string]float64
}

// The limits of a batch at OpenAI.
const (
	defaultBatchLines = 50_000
	defaultBatchBytes = 200_000_000
	defaultBatchDelay = time.Second
)

// The faults. Those in transport come instead of an answer or damage it on its way, at most one of them to a
// request; those in content are in what the model says, at most one to a sample.
var (
	transport = []string{"rate429", "rate429after", "rate500", "rate502html", "timeout", "stall", "cut", "reset", "badjson"}
	content   = []string{"truncated", "empty", "badscore"}
	others    = []string{"wrongusage", "batchfail", "batchexpire"}
)

// FaultNames are the options that give a fault's rate.
func FaultNames() []string { return slices.Concat(transport, content, others) }

// OptionNames are the names of all options.
func OptionNames() []string {
	return append([]string{"seed", "latency", "jitter", "rpm", "tpm", "n", "schema", "usage", "cache", "batchdelay", "batchlines", "batchbytes"}, FaultNames()...)
}

// ParseOptions reads options as they are written behind "sim?": "latency=200ms&rate429=0.05".
func ParseOptions(query string) (Options, error) {
	o := Options{Rates: map[string]float64{}}
	values, err := url.ParseQuery(query)
	if err != nil {
		return o, fmt.Errorf("options of the simulated model are written option=value&option=value: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return o, fmt.Errorf("option %s of the simulated model is given %d times", name, len(values[name]))
		}
		if err := o.set(name, values[name][0]); err != nil {
			return o, fmt.Errorf("option %s=%s of the simulated model: %w", name, values[name][0], err)
		}
	}
	if o.Jitter > o.Latency {
		return o, fmt.Errorf("option jitter=%s of the simulated model: it is at most the latency, %s", o.Jitter, o.Latency)
	}
	for _, group := range [][]string{transport, content} {
		if sum := o.sum(group); sum > 1+1e-9 {
			return o, fmt.Errorf("the rates of the simulated model's faults %s add up to %g, more than 1: only one of them befalls a request",
				strings.Join(group, ", "), sum)
		}
	}
	return o, nil
}

func (o *Options) set(name, value string) (err error) {
	switch name {
	case "seed":
		o.Seed, err = strconv.ParseUint(value, 10, 64)
		err = say(err, "it is a whole number from 0")
	case "latency":
		o.Latency, err = duration(value)
	case "jitter":
		o.Jitter, err = duration(value)
	case "batchdelay":
		if o.BatchDelay, err = duration(value); o.BatchDelay == 0 {
			o.BatchDelay = time.Nanosecond
		}
	case "rpm":
		o.RPM, err = positive(value)
	case "tpm":
		o.TPM, err = positive(value)
	case "batchlines":
		o.BatchLines, err = positive(value)
	case "batchbytes":
		o.BatchBytes, err = positive(value)
	case "n":
		o.N, err = value, oneOf(value, "ignore", "refuse")
	case "schema":
		o.RefuseSchema, err = true, oneOf(value, "refuse")
	case "usage":
		o.ExactUsage, err = value == "exact", oneOf(value, "exact", "estimate")
	case "cache":
		o.Cache, err = value == "on", oneOf(value, "on", "off")
	default:
		if !slices.Contains(FaultNames(), name) {
			return fmt.Errorf("no such option; there are %s", strings.Join(OptionNames(), ", "))
		}
		var rate float64
		if rate, err = strconv.ParseFloat(value, 64); err != nil || !(rate >= 0 && rate <= 1) { // NaN neither
			err = fmt.Errorf("it is a rate from 0 to 1")
		}
		o.Rates[name] = rate
	}
	return err
}

func (o *Options) sum(group []string) (sum float64) {
	for _, name := range group {
		sum += o.Rates[name]
	}
	return sum
}

// fault picks one of a group by a number from 0 to 1, or "".
func (o *Options) fault(group []string, u float64) string {
	for _, name := range group {
		if u -= o.Rates[name]; u < 0 {
			return name
		}
	}
	return ""
}

func say(err error, text string) error {
	if err != nil {
		return fmt.Errorf("%s", text)
	}
	return nil
}

func duration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("it is a time such as 200ms or 1.5s")
	}
	return d, nil
}

func positive(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("it is a whole number from 1")
	}
	return n, nil
}

func oneOf(value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("it is %s", strings.Join(allowed, " or "))
	}
	return nil
}
