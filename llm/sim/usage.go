package sim

import (
	"sync"

	"github.com/cespare/xxhash/v2"

	"papereval/tokens"
)

type chatUsage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
	// Details is nil where the endpoint keeps no cache.
	Details *promptDetails `json:"prompt_tokens_details,omitempty"`
}

type promptDetails struct {
	Cached int `json:"cached_tokens"`
}

// counter counts the tokens of texts: exactly, or for texts that would cost more time than the rest of an
// answer by their length.
type counter struct {
	exact bool

	mu    sync.Mutex
	known map[uint64]int
}

const (
	shortText  = 4 << 10 // bytes; counted exactly in any case
	tokenBytes = 4       // about what a token of English prose has
	knownTexts = 1 << 12
)

func (c *counter) tokens(text string) int {
	if len(text) > shortText && !c.exact {
		return len(text) / tokenBytes
	}
	if len(text) <= shortText {
		return tokens.Count(text)
	}
	digest := xxhash.Sum64String(text)
	c.mu.Lock()
	n, ok := c.known[digest]
	c.mu.Unlock()
	if ok {
		return n
	}
	n = tokens.Count(text) // outside the lock: others need not wait for it
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= knownTexts {
		c.known = map[uint64]int{}
	}
	c.known[digest] = n
	return n
}

// wrongUsage is one of the wrong counts that endpoints have been seen to report.
func wrongUsage(u chatUsage, draw float64) chatUsage {
	switch int(draw * 4) {
	case 0:
		return chatUsage{}
	case 1:
		return chatUsage{Prompt: -u.Prompt, Completion: -1, Total: -u.Prompt - 1}
	case 2:
		return chatUsage{Prompt: u.Prompt * 1000, Completion: u.Completion * 1000, Total: u.Total}
	}
	return chatUsage{Prompt: u.Prompt, Completion: 0, Total: 1 << 40}
}
