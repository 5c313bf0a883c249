package ledger

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func chunksOf(text string) (chunks []string) {
	for text != "" {
		end := cut(text)
		chunks, text = append(chunks, text[:end]), text[end:]
	}
	return chunks
}

func noise(seed uint64, n int) string {
	random := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

func TestCutSizes(t *testing.T) {
	for name, text := range map[string]string{
		"noise": noise(1, 8<<20), "one letter": strings.Repeat("a", 1<<20), "prose": prose(t),
	} {
		chunks := chunksOf(text)
		if strings.Join(chunks, "") != text {
			t.Errorf("%s: the chunks are not the text", name)
		}
		for i, c := range chunks {
			if len(c) > maxChunk || len(c) < minChunk && i < len(chunks)-1 {
				t.Errorf("%s: chunk %d has %d bytes", name, i, len(c))
			}
		}
		if mean := len(text) / len(chunks); name != "one letter" && (mean < meanChunk*3/4 || mean > meanChunk*5/4) {
			t.Errorf("%s: the mean is %d bytes", name, mean)
		}
	}
}

// Where something is put into a text, only the chunks around it are others.
func TestCutFindsTheSamePlaces(t *testing.T) {
	text := prose(t)[:300_000]
	known := map[string]bool{}
	for _, c := range chunksOf(text) {
		known[c] = true
	}
	for _, at := range []int{0, 1, 77_777, 150_000} {
		fresh, size := 0, 0
		for _, c := range chunksOf(text[:at] + "something new" + text[at:]) {
			if !known[c] {
				fresh, size = fresh+1, size+len(c)
			}
		}
		if fresh > 3 || size > 2*maxChunk {
			t.Errorf("at %d: %d chunks with %d bytes are others", at, fresh, size)
		}
	}
}

// The places must not change from version to version: nothing would be found any more.
func TestCutStaysTheSame(t *testing.T) {
	var ends []int
	end := 0
	for _, c := range chunksOf(noise(3, 60_000)) {
		end += len(c)
		ends = append(ends, end)
	}
	if want := []int{6742, 9661, 17950, 31584, 41788, 53799, 60000}; !slices.Equal(ends, want) {
		t.Errorf("cut at %v, want %v", ends, want)
	}
}
