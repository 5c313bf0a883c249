package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"papereval/eval"
	"papereval/llm"
	"papereval/reports"
	"papereval/run"
)

// half is what was sent for one half of a run.
type half struct {
	name  string
	live  bool
	usage llm.Usage
}

// progress shows how a run goes on: on a terminal a line for each cell that is being worked on and one for the
// whole run, elsewhere a plain line for each thing that happened.
type progress struct {
	// mu guards cells, sum and halves. It is never held while mpb is called, whose goroutines call back.
	mu    sync.Mutex
	w     io.Writer
	cells map[run.Cell]*cellLine
	sum   cellLine
	// halves are generating and judging.
	halves [2]half
	pace   func() []llm.PaceStats

	bars    *mpb.Progress // nil where the output is no terminal
	all     *mpb.Bar
	started time.Time
}

// cellLine is what is shown of a cell.
type cellLine struct {
	bar            *mpb.Bar
	state          string
	answers, known int
	usage          llm.Usage
	cost           float64
	unpriced       int
}

func newProgress(w io.Writer, r *run.Run) *progress {
	p := &progress{w: w, cells: make(map[run.Cell]*cellLine), pace: r.Pace, started: time.Now()}
	p.halves = [2]half{{name: "generating", live: isLive(r.Config.Model.LLM())}, {name: "judging", live: isLive(r.Config.JudgeModel.LLM())}}
	if !isTerminal(w) {
		return p
	}
	total := len(r.Papers) * len(r.Generators) * len(r.Config.Seeds)
	p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(24), mpb.WithAutoRefresh())
	p.all = p.bars.AddBar(int64(total), mpb.BarPriority(1<<20),
		mpb.PrependDecorators(decor.CountersNoUnit("%d of %d repositories "), decor.NewPercentage("%d ")),
		mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return " " + p.counts(&p.sum) + inFlight(p.pace()) }),
			decor.OnComplete(decor.Any(func(s decor.Statistics) string { return p.left(s) }), "")),
	)
	return p
}

// left estimates the time that is left from how long the finished cells took.
func (p *progress) left(s decor.Statistics) string {
	if s.Current == 0 {
		return ""
	}
	per := time.Since(p.started) / time.Duration(s.Current)
	return ", about " + (per * time.Duration(s.Total-s.Current)).Round(time.Second).String() + " left"
}

// counts is locked by itself: bars are drawn by a goroutine of mpb's.
func (p *progress) counts(c *cellLine) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.counts()
}

func (c *cellLine) counts() string {
	s := fmt.Sprintf("%d answers", c.answers)
	if c.known > 0 {
		s += fmt.Sprintf(" (%d from the ledger)", c.known)
	}
	if n := c.usage.Prompt + c.usage.Completion; n > 0 {
		s += fmt.Sprintf(", %s tokens", thousands(n))
	}
	if share := 100 * c.usage.Cached / max(c.usage.Prompt, 1); share > 0 {
		s += fmt.Sprintf(" (%d%% of prompts cached)", share)
	}
	if cost := costText(c.cost, c.unpriced); cost != "" {
		s += ", " + cost
	}
	return s
}

// inFlight says how many calls are under way, how many may be, and until when all wait.
func inFlight(stats []llm.PaceStats) string {
	s := ""
	for _, m := range stats {
		if m.InFlight+m.Waiting == 0 {
			continue
		}
		s += fmt.Sprintf(", %d of %d calls under way", m.InFlight, m.Limit)
		if len(stats) > 1 {
			s += " to " + printable(m.Model)
		}
		if !m.Until.IsZero() {
			s += ", the next at " + m.Until.Format(time.TimeOnly)
		}
	}
	return s
}

func thousands(n int) string {
	if n < 10_000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%dk", (n+500)/1000)
}

// event takes in what happened; see [run.Run.Events].
func (p *progress) event(e run.Event) {
	if e.What == run.PaperWarning {
		p.note("%s: warning: %s", printable(e.Cell.Paper), printable(e.Err.Error()))
		return
	}
	if e.What == run.BatchWaits {
		p.note("%s", printable(e.Batch.String()))
		return
	}
	c, text, worthALine := p.add(e)
	switch {
	case p.bars == nil && worthALine:
		p.note("%s: %s", cellName(e.Cell), text)
	case p.bars == nil:
	case e.What == run.CellStarted:
		c.bar = p.bars.New(0, mpb.NopStyle(), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(
				decor.Name(cellName(e.Cell), decor.WCSyncSpaceR),
				decor.Any(func(decor.Statistics) string { return p.state(c) }, decor.WCSyncSpaceR),
				decor.Any(func(decor.Statistics) string { return p.counts(c) }),
			))
	case e.What == run.CellDone:
		c.bar.SetTotal(-1, true)
		p.all.Increment()
		if e.Err != nil {
			p.note("%s: %s", cellName(e.Cell), text)
		}
	}
}

// add counts an event and says what it means.
func (p *progress) add(e run.Event) (c *cellLine, text string, worthALine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c = p.cells[e.Cell]
	if c == nil {
		c = &cellLine{}
		p.cells[e.Cell] = c
	}
	if e.What == run.CallDone {
		for _, line := range []*cellLine{c, &p.sum} {
			line.answers += e.Samples
			line.known += e.Known
			line.usage = line.usage.Add(e.Usage)
			line.cost += e.CostUSD
			line.unpriced += e.Unpriced
		}
		h := &p.halves[0]
		if e.Label.Evaluator != "" {
			h = &p.halves[1]
		}
		h.usage = h.usage.Add(e.Usage)
	}
	c.state, worthALine = describe(e, c)
	return c, c.state, worthALine
}

func (p *progress) state(c *cellLine) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, _, _ := strings.Cut(c.state, "\n") // a line of the display is one line
	return line
}

// cacheHits says which share of the prompts that were sent the endpoint had cached; it is empty where nothing is known
// of that.
func (p *progress) cacheHits() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	for _, h := range p.halves {
		if u := h.usage; u.Prompt > 0 && (u.Cached > 0 || h.live) {
			parts = append(parts, fmt.Sprintf("%.1f %% of %s", 100*float64(u.Cached)/float64(u.Prompt), h.name))
		}
	}
	if parts == nil {
		return ""
	}
	return "prompt tokens cached: " + strings.Join(parts, ", ")
}

// isLive tells a model that is asked from one that is recorded or simulated.
func isLive(m llm.Model) bool {
	return m.Endpoint != llm.SimulatedEndpoint && !strings.HasPrefix(m.Endpoint, "replay:")
}

// describe says what happened, and whether that is worth a line where lines stay.
func describe(e run.Event, c *cellLine) (text string, worthALine bool) {
	stage := strings.TrimSpace(e.Label.Evaluator + " " + e.Label.Stage + " " + e.Label.File)
	switch e.What {
	case run.CellStarted:
		return "started", false
	case run.CallStarted:
		return stage, false
	case run.CallWaits:
		if errors.As(e.Err, new(*llm.OverBudget)) {
			return stage + ": waits for what calls under way leave of the budget", false
		}
		return fmt.Sprintf("%s: waits until %s: %s", stage, time.Now().Add(e.Wait).Format(time.TimeOnly), printable(e.Err.Error())), true
	case run.CallDone:
		if e.Err != nil {
			return fmt.Sprintf("%s: %s", stage, printable(e.Err.Error())), false // told by whoever asked
		}
		return stage, false
	case run.StepDone:
		return stage, true
	case run.Scored:
		return scored(e.Label.Evaluator, e.Scores), true
	default:
		if e.Err != nil {
			return "failed: " + printable(e.Err.Error()), true
		}
		return "done, " + c.counts(), true
	}
}

func scored(evaluator string, scores []eval.Score) string {
	parts := make([]string, len(scores))
	for i, s := range scores {
		parts[i] = fmt.Sprintf("%s %s (%d/%d)", s.Metric, reports.ScoreText(evaluator, s.Value), s.Valid, s.Asked)
		if s.Status != eval.OK {
			parts[i] = fmt.Sprintf("%s: %s: %s", s.Metric, s.Status, printable(s.Reason))
		}
	}
	return strings.Join(parts, ", ")
}

func cellName(c run.Cell) string {
	name := c.Paper + " " + c.System
	if c.Seed != 0 {
		name += fmt.Sprintf(" (seed %d)", c.Seed)
	}
	return printable(name)
}

// note shows a remark beside the display.
func (p *progress) note(format string, args ...any) {
	line := fmt.Sprintf(format+"\n", args...)
	if p.bars != nil {
		_, _ = p.bars.Write([]byte(line)) // a display that cannot be written stops nothing
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.w, line)
}

// close ends the display. Cells that an interruption left open disappear from it.
func (p *progress) close() {
	if p.bars == nil {
		return
	}
	for _, c := range p.cells { // nobody works on them any more
		if c.bar != nil {
			c.bar.Abort(true)
		}
	}
	p.all.Abort(true)
	p.bars.Wait()
}
