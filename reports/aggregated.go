package reports

import "papereval/stats"

// An aggregate is printed as mean ± SD over its 95 % interval.
func (a aggregate) lines() []string {
	text := "–"
	if mean, warning := stats.Mean(a.means); warning == "" {
		text = a.scale.text(mean) + " ± –"
		if sd, warning := stats.SD(a.means); warning == "" || warning == stats.Constant {
			text = a.scale.text(mean) + " ± " + a.scale.text(sd)
		}
	}
	interval := "[–, –]"
	// Equal scores say nothing of the spread, so an interval without width would promise too much.
	if in, warning := stats.MeanInterval(a.means, level); warning == "" {
		interval = a.scale.span(in.Low, in.High)
	}
	return append([]string{text + a.marks(), interval}, a.bounds()...)
}

// marks are what the notes below a table explain.
func (a aggregate) marks() string {
	marks := ""
	for _, m := range []struct {
		applies bool
		mark    string
	}{{a.systemFailed > 0, "§"}, {a.selected > 0, "†"}, {a.gapped > 0, "¶"}, {a.markSimulated, "‡"}} {
		if m.applies {
			marks += m.mark
		}
	}
	return marks
}

// bounds are one line where invalid samples leave the mean open, none otherwise.
func (a aggregate) bounds() []string {
	low, high := a.leftOpen()
	if low == nil || !a.open() {
		return nil
	}
	return []string{"{" + a.scale.text(low.(float64)) + ", " + a.scale.text(high.(float64)) + "}"}
}

func (a aggregate) raw() any {
	var mean, sd, low, high any
	if x, w := stats.Mean(a.means); w == "" {
		mean = x
	}
	if x, w := stats.SD(a.means); w == "" || w == stats.Constant {
		sd = x
	}
	in, why := stats.MeanInterval(a.means, level)
	if why == "" {
		low, high = in.Low, in.High
	}
	openLow, openHigh := a.leftOpen()
	r := record{
		{"mean", mean}, {"sd", sd}, {"t_low", low}, {"t_high", high}, {"t_level", level}, {"warning", string(why)},
		{"n", len(a.means)}, {"cells", a.cells}, {"asked", a.asked}, {"valid", a.valid}, {"bound_low", openLow},
		{"bound_high", openHigh}, {"system_failed", a.systemFailed}, {"judge_failed", a.judgeFailed},
		{"skipped", a.skipped}, {"unscored", a.unscored}, {"selected", a.selected}, {"source_simulated", yes(a.simulated)},
	}
	if a.scale.leaves {
		r = append(r, field{"invalid_over_5_percent", a.gapped})
	}
	return r
}

func (a aggregate) leftOpen() (low, high any) {
	l, w1 := stats.Mean(a.low)
	h, w2 := stats.Mean(a.high)
	if w1 != "" || w2 != "" {
		return nil, nil
	}
	return l, h
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
