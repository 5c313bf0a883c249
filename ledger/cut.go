package ledger

import (
	"crypto/sha256"
	"encoding/binary"
)

// Sizes of chunks in bytes. Below the minimum nothing is cut; the mean is what prose comes to.
const (
	minChunk  = 2 << 10
	meanChunk = 8 << 10
	maxChunk  = 64 << 10
)

// A chunk ends where the upper bits of the rolling hash are 0: more bits are asked for before the mean size is
// reached than after it, which keeps the sizes near the mean.
const (
	maskBelow = (1<<15 - 1) << (64 - 15)
	maskAbove = (1<<11 - 1) << (64 - 11)
)

// gear has a random number for each byte. Other numbers would cut elsewhere, and nothing would be found that was
// stored before.
var gear = func() (numbers [256]uint64) {
	for i := range numbers {
		sum := sha256.Sum256([]byte{byte(i)})
		numbers[i] = binary.BigEndian.Uint64(sum[:])
	}
	return numbers
}()

// cut returns where the first chunk of a text ends. The place depends on the 64 bytes before it, so equal stretches
// of different texts are cut alike wherever they stand. This is FastCDC with its gear hash, minimum skipping and
// normalised sizes: Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data
// Deduplication", USENIX ATC 2016.
func cut(text string) int {
	if len(text) <= minChunk {
		return len(text)
	}
	text = text[:min(len(text), maxChunk)]
	hash, i := uint64(0), minChunk
	for ; i < min(len(text), meanChunk); i++ {
		hash = hash<<1 + gear[text[i]]
		if hash&maskBelow == 0 {
			return i + 1
		}
	}
	for ; i < len(text); i++ {
		hash = hash<<1 + gear[text[i]]
		if hash&maskAbove == 0 {
			return i + 1
		}
	}
	return len(text)
}
