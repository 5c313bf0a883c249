package sim_test

import (
	"strings"
	"testing"
	"time"

	"papereval/llm/sim"
)

func TestParseOptions(t *testing.T) {
	o, err := sim.ParseOptions("seed=7&latency=200ms&jitter=50ms&rpm=60&tpm=1000&n=ignore&schema=refuse&usage=exact&cache=on&rate429=0.05&badscore=1&batchlines=3")
	if err != nil || o.Seed != 7 || o.Latency != 200*time.Millisecond || o.Jitter != 50*time.Millisecond || o.RPM != 60 || o.TPM != 1000 ||
		o.N != "ignore" || !o.RefuseSchema || !o.ExactUsage || !o.Cache || o.Rates["rate429"] != 0.05 || o.Rates["badscore"] != 1 || o.BatchLines != 3 {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := sim.ParseOptions(""); err != nil {
		t.Error(err)
	}
	for _, name := range sim.FaultNames() {
		if o, err := sim.ParseOptions(name + "=0.5"); err != nil || o.Rates[name] != 0.5 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for query, says := range map[string]string{
		"rate429=2":             "a rate from 0 to 1",
		"rate429=NaN":           "a rate from 0 to 1",
		"cut=half":              "a rate from 0 to 1",
		"latency=200":           "a time such as 200ms",
		"latency=-1s":           "a time such as 200ms",
		"jitter=1s":             "at most the latency",
		"rpm=0":                 "a whole number from 1",
		"seed=-1":               "a whole number from 0",
		"n=2":                   "it is ignore or refuse",
		"schema=yes":            "it is refuse",
		"usage=none":            "it is exact or estimate",
		"cache=yes":             "it is on or off",
		"latancy=1s":            "there are seed, latency, jitter",
		"cut=0.1&cut=0.2":       "given 2 times",
		"cut=0.6&reset=0.6":     "add up to 1.2",
		"truncated=0.6&empty=1": "add up to 1.6",
		"a;b":                   "option=value&option=value",
	} {
		if _, err := sim.ParseOptions(query); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", query, err, says)
		}
	}
}
