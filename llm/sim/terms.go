package sim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"papereval/llm"
)

// maxTerms is how many key terms a text has at most.
const maxTerms = 40

// Terms finds the key terms of papers and remembers them: the words that are there most often, apart from those
// that are in every text.
type Terms struct {
	mu    sync.Mutex
	known map[uint64][]string
}

// Of returns the key terms of a text, the most frequent first, in lower case; equally frequent ones are in
// alphabetical order. A term has 5 to 20 letters a-z. The caller must not change them.
func (t *Terms) Of(text string) []string {
	digest := xxhash.Sum64String(text)
	t.mu.Lock()
	terms, ok := t.known[digest]
	t.mu.Unlock()
	if ok {
		return terms
	}
	terms = keyTerms(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) > 1000 {
		t.known = map[uint64][]string{}
	}
	t.known[digest] = terms
	return terms
}

func keyTerms(text string) []string {
	counts := map[string]int{}
	lower := strings.ToLower(text)
	start := -1
	for i := 0; i <= len(lower); i++ {
		if i < len(lower) && lower[i] >= 'a' && lower[i] <= 'z' {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			// What stands behind a backslash is a command of TeX.
			if n := i - start; n >= 5 && n <= 20 && (start == 0 || lower[start-1] != '\\') {
				counts[lower[start:i]]++
			}
			start = -1
		}
	}
	for _, word := range common {
		delete(counts, word)
	}
	type word struct {
		text  string
		count int
	}
	words := make([]word, 0, len(counts))
	for text, n := range counts {
		words = append(words, word{text, n})
	}
	slices.SortFunc(words, func(a, b word) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.text, b.text))
	})
	terms := []string{}
	for _, w := range words[:min(maxTerms, len(words))] {
		terms = append(terms, strings.Clone(w.text)) // not to keep the whole text
	}
	return terms
}

// common are words that say nothing about what a text is about.
var common = strings.Fields(`about above across after again against algorithm almost along already although always among
another appendix applied apply approach around author authors based because become before being below between beyond
cannot cases cited could denote denoted described different directly during either equation every example examples
experiment experiments figure figures first follow following follows found further general given gives hence higher
however https include including increase instead large larger later least method methods might multiple needs never
number observe obtain obtained often other others otherwise paper papers particular performance possible present
presented problem propose proposed provide provided provides rather related respectively result results second section
section setting settings several shall should shown shows similar simple since small smaller still study table tables
tables their them then there therefore these they thing third those three through throughout together under until using
values various versus wants where whether which while whose within without would years authorship begin label caption
textbf mathbf mathcal mathrm hline cline centering multicolumn citep citet cite emph footnote arxiv proceedings
conference preprint international journal university python class import return float print range string false
self none value`)

// Between is what stands between the first open and the last end behind it; ok is false where they are not there.
func Between(text, open, end string) (inner string, ok bool) {
	_, rest, ok := strings.Cut(text, open)
	if !ok {
		return "", false
	}
	i := strings.LastIndex(rest, end)
	if i < 0 {
		return "", false
	}
	return rest[:i], true
}

// Anything answers every prompt with some sentences about its words: for prompts that no other answerer knows.
func Anything(seed uint64) Answerer {
	return AnswererFunc(func(req *llm.Request) (string, bool) {
		text := req.Messages[len(req.Messages)-1].Content
		parts := []string{req.Model.Name, strconv.Itoa(req.First)}
		for _, m := range req.Messages {
			parts = append(parts, string(m.Role), m.Content)
		}
		random := Random(seed, parts...)
		const tail = 1 << 10 // bytes; the end of a prompt says what it is about, and reading it all takes time
		words := keyTerms(strings.ToValidUTF8(text[max(0, len(text)-tail):], ""))
		if len(words) == 0 {
			words = []string{"nothing"}
		}
		var b strings.Builder
		b.WriteString("This is the answer of a simulated model.")
		for range 4 + random.IntN(5) {
			pick := func() string { return words[random.IntN(len(words))] }
			sentence := [...]string{" The part about ", " What matters most here is ", " There is more to say of ", " One should look closely at "}[random.IntN(4)]
			b.WriteString(sentence + pick() + " with " + pick() + " and " + pick() + ".")
		}
		return b.String(), true
	})
}
