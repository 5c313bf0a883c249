package sim

import (
	"sync"

	"github.com/cespare/xxhash/v2"

	"papereval/llm"
)

// A prompt's beginning is in the cache from so many tokens on, and in steps of so many
// (https://platform.openai.com/docs/guides/prompt-caching).
const (
	leastCached = 1024
	cachedStep  = 128
	knownBegins = 1 << 20 // a cache with so many beginnings begins anew
)

// cache remembers what prompts began with, by the ends of their messages: two prompts that differ within a message
// share what comes before it. Unlike OpenAI's it forgets nothing after some minutes.
type cache struct {
	mu     sync.Mutex
	begins map[uint64]bool
}

// hit is how many tokens of a prompt an earlier one to the same model shared; it remembers the prompt for later ones. The
// messages have so many tokens each.
func (c *cache) hit(model string, messages []llm.Message, tokens []int) int {
	begins := make([]uint64, len(messages))
	var d xxhash.Digest
	d.Reset()
	texts := []string{model}
	for i, m := range messages {
		for _, text := range append(texts, string(m.Role), m.Content) {
			_, _ = d.WriteString(text)
			_, _ = d.Write([]byte{0xff}) // as in hash
		}
		begins[i], texts = d.Sum64(), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begins == nil || len(c.begins) > knownBegins {
		c.begins = map[uint64]bool{}
	}
	shared, size := 0, 0
	for i, begin := range begins {
		if size += tokens[i]; c.begins[begin] {
			shared = size
		}
		c.begins[begin] = true
	}
	if shared < leastCached {
		return 0
	}
	return shared - shared%cachedStep
}
