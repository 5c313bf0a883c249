package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// pullProgress shows how a pull goes on: a line for what happens, and of the bytes that come a bar on a
// terminal, elsewhere a line for each tenth.
type pullProgress struct {
	w    io.Writer
	bars *mpb.Progress // nil where the output is no terminal
	bar  *mpb.Bar      // from Expect on

	mu          sync.Mutex // guards what follows, and writing to w
	total, came int64
	told        int64 // tenths
}

func newPullProgress(w io.Writer) *pullProgress {
	p := &pullProgress{w: w}
	if isTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(24), mpb.WithAutoRefresh())
	}
	return p
}

// Step shows a line.
func (p *pullProgress) Step(text string) {
	line := []byte(printable(text) + "\n")
	if p.bars != nil {
		_, _ = p.bars.Write(line) // a display that cannot be written stops nothing
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.w.Write(line)
}

// Expect begins the display of bytes.
func (p *pullProgress) Expect(bytes int64) {
	p.total = bytes
	if p.bars != nil {
		p.bar = p.bars.AddBar(bytes,
			mpb.PrependDecorators(decor.CountersKiloByte("% .1f of % .1f "), decor.NewPercentage("%d ")),
			mpb.AppendDecorators(decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO), "")))
	}
}

// Came counts bytes.
func (p *pullProgress) Came(bytes int64) {
	if p.bar != nil {
		p.bar.IncrInt64(bytes)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came += bytes
	if tenths := 10 * p.came / max(p.total, 1); tenths > p.told {
		p.told = tenths
		fmt.Fprintf(p.w, "%s of %s\n", sized(p.came), sized(p.total))
	}
}

// close ends the display.
func (p *pullProgress) close() {
	if p.bar != nil {
		p.bar.Abort(false)
	}
	if p.bars != nil {
		p.bars.Wait()
	}
}
