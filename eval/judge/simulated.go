package judge

import (
	"cmp"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"papereval/llm"
	"papereval/llm/sim"
)

// Simulated answers the judges' prompts and the one that ranks files for the simulated model. The score follows
// from the share of the paper's key terms that the code holds, and differs a little from sample to sample. It
// also reads prompts that mark paper and code with headings, as the published ones do, or not at all.
func Simulated(seed uint64) sim.Answerer {
	j := &simulated{seed: seed}
	return sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		text := req.Messages[len(req.Messages)-1].Content
		switch {
		case len(req.Messages) == 1 && strings.Contains(text, `"critique_list"`):
			return j.judge(req, text), true
		case strings.Contains(text, `{"files": [`):
			return j.rank(text)
		}
		return "", false
	})
}

type simulated struct {
	seed  uint64
	terms sim.Terms

	mu   sync.Mutex
	last map[uint64]*finding // by prompt: its samples are asked for one after the other
}

// finding is what the judge sees in a prompt.
type finding struct {
	share    float64 // of the paper's key terms, in the code
	size     int     // of the code, in bytes
	missing  []string
	files    []string
	compares bool
	gold     []string
}

func (j *simulated) judge(req *llm.Request, text string) string {
	f := j.find(text)
	random := sim.Random(j.seed, "judge", req.Model.Name, strconv.Itoa(req.First), text)
	const noise = 0.7
	score := int(math.Round(Worst + (Best-Worst)*f.share + noise*(random.Float64()-0.5)))
	if f.size < 400 { // a stub, whatever it names
		score = min(score, 2)
	}
	score = max(Worst, min(Best, score))
	critiques := []map[string]string{}
	for i, term := range f.missing[:min(len(f.missing), 6-score)] {
		severity := "high"
		if share := float64(i) / float64(6-score); share >= 0.34 || score >= 4 {
			severity = map[bool]string{true: "low", false: "medium"}[share >= 0.67 || score == Best]
		}
		file := ""
		if len(f.files) > 0 {
			file = f.files[random.IntN(len(f.files))]
		}
		c := map[string]string{"severity_level": severity, "critique": "The paper is about " + term + ", of which the code has nothing (by a simulated model)."}
		name, function := "file_name", "func_name"
		if f.compares {
			name, function = "target_file_name", "target_func_name"
			c["gold_file_name"], c["gold_func_name"] = "", ""
			if len(f.gold) > 0 {
				c["gold_file_name"] = f.gold[random.IntN(len(f.gold))]
			}
		}
		c[name], c[function] = file, "run"
		critiques = append(critiques, c)
	}
	return sim.Indented(map[string]any{"critique_list": critiques, "score": score})
}

// find reads a prompt, once for all of its samples.
func (j *simulated) find(text string) *finding {
	digest := xxhash.Sum64String(text)
	j.mu.Lock()
	f := j.last[digest]
	j.mu.Unlock()
	if f != nil {
		return f
	}
	paper, gold, code := parts(text)
	f = &finding{size: len(code), files: fileNames(code), gold: fileNames(gold), compares: strings.Contains(text, `"gold_file_name"`)}
	terms := j.terms.Of(paper)
	if has := holding(gold, terms); len(has) >= 5 {
		terms = has // what the authors' code has nothing of cannot be expected
	}
	found := holding(code, terms)
	if len(terms) > 0 {
		f.share = float64(len(found)) / float64(len(terms))
	}
	for _, term := range terms {
		if !slices.Contains(found, term) {
			f.missing = append(f.missing, term)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.last == nil || len(j.last) > 100 {
		j.last = map[uint64]*finding{}
	}
	j.last[digest] = f
	return f
}

func holding(code string, terms []string) (found []string) {
	code = strings.ToLower(code)
	for _, term := range terms {
		if strings.Contains(code, term) {
			found = append(found, term)
		}
	}
	return found
}

var (
	fileHeading   = regexp.MustCompile(`(?m)^## File name: (.+)$`)
	targetHeading = regexp.MustCompile(`(?mi)^\W*target (code|repository)\W*$`)
	paperHeading  = regexp.MustCompile(`(?mi)^\W*(research )?paper\W*$`)
)

func fileNames(code string) (names []string) {
	for _, m := range fileHeading.FindAllStringSubmatch(code, -1) {
		names = append(names, strings.TrimSpace(m[1]))
	}
	return names
}

// parts are paper, reference and repository in a judge's prompt: between the marks of the bundled prompts; else
// the code begins with the first heading of a file, and what is judged with the heading of the target.
func parts(text string) (paper, gold, code string) {
	if marked, ok := sim.Between(text, "<paper>\n", "\n</paper>"); ok {
		gold, _ = sim.Between(text, "\n<gold_repository>\n", "\n</gold_repository>")
		for _, mark := range []string{"target_repository", "repository"} {
			if code, ok := sim.Between(text, "\n<"+mark+">\n", "\n</"+mark+">"); ok {
				return marked, gold, code
			}
		}
	}
	paper = text
	if at := fileHeading.FindStringIndex(text); at != nil {
		paper, code = text[:at[0]], text[at[0]:]
	}
	if at := targetHeading.FindAllStringIndex(code, -1); at != nil {
		last := at[len(at)-1]
		gold, code = code[:last[0]], code[last[1]:]
	}
	if at := paperHeading.FindAllStringIndex(paper, -1); at != nil {
		paper = paper[at[len(at)-1][1]:]
	}
	return paper, gold, code
}

var listed = regexp.MustCompile(`(?m)^- (.+) \(\d+\)$`)

// rank orders the files of the list: code before the rest, then by how many of the paper's terms the path has.
func (j *simulated) rank(text string) (string, bool) {
	paper, ok := sim.Between(text, "<paper>\n", "\n</paper>")
	if !ok {
		return "", false
	}
	_, list, _ := strings.Cut(text[strings.LastIndex(text, "\n</paper>"):], "\n")
	terms := j.terms.Of(paper)
	files := []string{}
	for _, m := range listed.FindAllStringSubmatch(list, -1) {
		files = append(files, m[1])
	}
	slices.SortStableFunc(files, func(a, b string) int {
		return cmp.Or(isCode(b)-isCode(a), cmp.Compare(len(holding(b, terms)), len(holding(a, terms))))
	})
	return sim.Indented(map[string]any{"files": files}), len(files) > 0
}

func isCode(name string) int {
	if path.Ext(name) == ".py" {
		return 1
	}
	return 0
}
