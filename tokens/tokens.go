// Package tokens counts the tokens of a text without a model and without a network.
package tokens

import (
	"sort"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"
)

// Loading takes a moment and some tens of megabytes, so it waits for the first text.
var vocabulary = sync.OnceValue(func() tokenizer.Codec {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		panic(err) // the vocabulary is part of the binary
	}
	return codec
})

// Count is the number of tokens of a text in the o200k_base vocabulary, that of OpenAI's o-series (o1, o3-mini)
// and GPT-4o; for any other model it is an estimate. Special tokens count as the text that they are written with.
// Count is safe for concurrent use.
//
// The count is exact unless the text goes on for more than 2 KB without a word that ends in front of a space;
// such a stretch is cut every 4 KB, which can add some tokens a cut and keeps the time linear in the length.
func Count(text string) int {
	n := 0
	for text != "" {
		end := cut(text)
		// An error is possible only in the codec's strict mode, which is not used.
		c, _ := vocabulary().Count(text[:end])
		n += c
		text = text[end:]
	}
	return n
}

// First is the beginning of a text that has at most n tokens, as [Count] counts them, and is as long as that allows.
// It ends between two characters.
func First(text string, n int) string {
	for taken := 0; taken < len(text); {
		piece := text[taken : taken+cut(text[taken:])]
		count := Count(piece)
		if count <= n {
			taken += len(piece)
			n -= count
			continue
		}
		// The first length that is too much.
		end := sort.Search(len(piece), func(i int) bool { return Count(piece[:i]) > n }) - 1
		for end = max(end, 0); end > 0 && !utf8.RuneStart(piece[end]); end-- {
		}
		return text[:taken+end]
	}
	return text
}

const (
	pieceMin = 2 << 10 // bytes; a cut is looked for from here on
	pieceMax = 4 << 10 // bytes; the vocabulary's merging takes quadratic time in the longest unbroken stretch
)

// cut returns where the first piece of a text ends: where possible between a letter or digit and a space,
// because no rule of the vocabulary's pattern reaches across that place, so the pieces' counts add up.
func cut(text string) int {
	if len(text) <= pieceMax {
		return len(text)
	}
	end := pieceMin
	for !utf8.RuneStart(text[end]) && end < pieceMax {
		end++
	}
	var last rune
	for end < pieceMax {
		r, size := utf8.DecodeRuneInString(text[end:])
		if unicode.IsSpace(r) && (unicode.IsLetter(last) || unicode.IsNumber(last)) {
			return end
		}
		last, end = r, end+size
	}
	return end
}
