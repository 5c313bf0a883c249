package recording

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	goopenai "github.com/sashabaranov/go-openai"

	"papereval/llm"
	"papereval/llm/openai"
	"papereval/tokens"
)

// The stages of PaperCoder by the names that the published program's files stand for.
var planningStages = [...]string{"overall-plan", "architecture", "logic", "config"}

const (
	analysisStage, codingStage   = "analysis", "coding"
	planningFile                 = "planning_response.json"
	analysisSuffix, codingSuffix = "_simple_analysis_response.json", "_coding.txt"
	codingFolder                 = "coding_artifacts"
)

// Transcript is an llm.Client that answers from the output folder of the published Paper2Code program, by
// stage and file and whatever the prompt. It has one answer of each, sample 0, and none to a request that
// is made again. Answers of the coding stage come without usage: their completion is counted in tokens of
// o200k_base, their prompt is 0.
type Transcript struct {
	endpoint string
	model    string
	answers  map[step]llm.Sample
}

// step is a stage and, where it works on one, the file with "_" for "/" as the folder has it.
type step struct{ stage, file string }

var _ llm.Client = (*Transcript)(nil)

// OpenTranscript reads such a folder: planning_response.json, FILE_simple_analysis_response.json and
// coding_artifacts/FILE_coding.txt.
func OpenTranscript(dir string) (*Transcript, error) {
	t := &Transcript{answers: map[step]llm.Sample{}}
	fsys := os.DirFS(dir)
	sum := sha256.New()
	load := func(name string) ([]byte, error) {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
		return data, nil
	}
	fail := func(err error) (*Transcript, error) {
		return nil, fmt.Errorf("transcript %s: %w", dir, err)
	}
	data, err := load(planningFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("%w; an output folder of the published program has it", err))
	} else if err != nil {
		return fail(err)
	}
	turns, err := completions(planningFile, data)
	if err != nil {
		return fail(err)
	}
	if len(turns) > len(planningStages) {
		return fail(fmt.Errorf("%s: there are %d answers where planning has %d", planningFile, len(turns), len(planningStages)))
	}
	for i, s := range turns {
		t.answers[step{planningStages[i], ""}] = s
	}
	t.model = turns[0].Snapshot
	analyses, err := fs.Glob(fsys, "*"+analysisSuffix)
	if err != nil {
		return fail(err)
	}
	for _, name := range analyses {
		data, err := load(name)
		if err != nil {
			return fail(err)
		}
		answers, err := completions(name, data)
		if err != nil {
			return fail(err)
		}
		t.answers[step{analysisStage, strings.TrimSuffix(name, analysisSuffix)}] = answers[0]
	}
	codings, err := fs.Glob(fsys, path.Join(codingFolder, "*"+codingSuffix))
	if err != nil {
		return fail(err)
	}
	for _, name := range codings {
		data, err := load(name)
		if err != nil {
			return fail(err)
		}
		text := valid(string(data))
		t.answers[step{codingStage, strings.TrimSuffix(path.Base(name), codingSuffix)}] = llm.Sample{Text: text, Finish: "stop",
			Snapshot: t.model, Source: llm.Recorded, Usage: llm.Usage{Completion: tokens.Count(text)}}
	}
	t.endpoint = "replay:" + hex.EncodeToString(sum.Sum(nil))[:16]
	return t, nil
}

// completions reads a file with a list of chat completions, at least one.
func completions(name string, data []byte) ([]llm.Sample, error) {
	var list []goopenai.ChatCompletionResponse
	if err := json.Unmarshal(data, &list); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			before := string(data[:min(int(syntax.Offset), len(data))])
			return nil, fmt.Errorf("%s: line %d, column %d: %w", name, strings.Count(before, "\n")+1,
				len(before)-strings.LastIndexByte(before, '\n')-1, err)
		}
		return nil, fmt.Errorf("%s: it is no list of chat completions: %w", name, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: the list of answers is empty", name)
	}
	var samples []llm.Sample
	for i := range list {
		one := openai.Samples(&list[i], llm.Model{Name: list[i].Model}, 1)
		if len(one) == 0 {
			return nil, fmt.Errorf("%s: answer %d has no choices", name, i+1)
		}
		one[0].Source = llm.Recorded
		samples = append(samples, one[0])
	}
	return samples, nil
}

// About names the model that gave the answers.
func (t *Transcript) About() About { return About{Model: t.model} }

// Endpoint identifies the folder by its content: "replay:" and 16 hexadecimal digits.
func (t *Transcript) Endpoint() string { return t.endpoint }

// Complete answers by the request's label. A sample that the folder does not have has an error of the kind
// llm.Unanswered which says what is there.
func (t *Transcript) Complete(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	file := strings.ReplaceAll(req.Label.File, "/", "_")
	answer, ok := t.answers[step{req.Label.Stage, file}]
	resp := &llm.Response{Samples: make([]llm.Sample, req.Count())}
	for i := range resp.Samples {
		s := &resp.Samples[i]
		message := ""
		switch index := req.First + i; {
		case req.Label.Evaluator != "":
			message = "the transcript has no answers of a judge; use --eval none"
		case !ok:
			message = "the transcript has no such answer; it has " + t.contents()
		case req.Label.Again:
			message = "the transcript has one answer only, and it could not be used"
		case index != 0:
			message = fmt.Sprintf("the transcript has sample 0 only, and not %d", index)
		default:
			*s = answer
		}
		s.Index = req.First + i
		if message != "" {
			s.Err = unanswered(t.endpoint, req, message)
		}
	}
	return resp, nil
}

// contents lists what the folder holds: "overall-plan, architecture; analysis of a.py, b.py".
func (t *Transcript) contents() string {
	files := map[string][]string{}
	for s := range t.answers {
		files[s.stage] = append(files[s.stage], s.file)
	}
	var parts []string
	for _, stage := range slices.Concat(planningStages[:], []string{analysisStage, codingStage}) {
		if names := slices.Sorted(slices.Values(files[stage])); len(names) > 0 && names[0] != "" {
			parts = append(parts, stage+" of "+strings.Join(names, ", "))
		} else if len(names) > 0 {
			parts = append(parts, stage)
		}
	}
	return strings.Join(parts, "; ")
}
