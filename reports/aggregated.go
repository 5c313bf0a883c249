package reports

import "papereval/stats"

// An aggregate is printed as mean ± SD over its 95 % interval.
func (a aggregate) lines() []string {
	text := "–"
	if mean, warning := stats.Mean(a.means); warning == "" {
		text = fixed(mean, 2) + " ± –"
		if sd, warning := stats.SD(a.means); warning == "" || warning == stats.Constant {
			text = fixed(mean, 2) + " ± " + fixed(sd, 2)
		}
	}
	interval := "[–, –]"
	// Equal scores say nothing of the spread, so an interval without width would promise too much.
	if in, warning := stats.MeanInterval(a.means, level); warning == "" {
		interval = span(in.Low, in.High)
	}
	if a.systemFailed > 0 {
		text += "§"
	}
	if a.selected > 0 {
		text += "†"
	}
	if a.markSimulated {
		text += "‡"
	}
	lines := []string{text, interval}
	if low, high := a.leftOpen(); low != nil && a.open() {
		lines = append(lines, "{"+fixed(low.(float64), 2)+", "+fixed(high.(float64), 2)+"}")
	}
	return lines
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
	return record{
		{"mean", mean}, {"sd", sd}, {"t_low", low}, {"t_high", high}, {"t_level", level}, {"warning", string(why)},
		{"n", len(a.means)}, {"cells", a.cells}, {"asked", a.asked}, {"valid", a.valid}, {"bound_low", openLow},
		{"bound_high", openHigh}, {"system_failed", a.systemFailed}, {"judge_failed", a.judgeFailed},
		{"skipped", a.skipped}, {"unscored", a.unscored}, {"selected", a.selected}, {"source_simulated", yes(a.simulated)},
	}
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
