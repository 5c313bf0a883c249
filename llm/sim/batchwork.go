package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/cespare/xxhash/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const chatPath = "/v1/chat/completions"

// batchWork is what is to be done in a batch and what was done.
type batchWork struct {
	lines            []batchLine // in the order in which they are done, which is not that of the file
	done             int
	output, failures bytes.Buffer
}

type batchLine struct {
	number   int // in the file, from 1
	customID string
	body     []byte
	sample   string // the index of the sample; empty where the body says it
}

// validate reads the lines of a batch, or says what is wrong with them.
func (s *Server) validate(input []byte) (*batchWork, []map[string]any) {
	var problems []map[string]any
	problem := func(code string, line int, message string) {
		entry := map[string]any{"code": code, "message": message, "param": nil, "line": nil}
		if line > 0 {
			entry["line"] = line
		}
		problems = append(problems, entry)
	}
	seen := map[string]bool{}
	bodies := map[uint64]int{}
	var lines []batchLine
	model, number := "", 0
	for raw := range bytes.Lines(input) {
		number++
		if raw = bytes.TrimSpace(raw); len(raw) == 0 {
			continue
		}
		var in struct {
			CustomID string         `json:"custom_id"`
			Method   string         `json:"method"`
			URL      string         `json:"url"`
			Body     jsontext.Value `json:"body"`
		}
		var body struct {
			Model string `json:"model"`
			Seed  *int   `json:"seed"`
			N     int    `json:"n"`
		}
		err := jsonv2.Unmarshal(raw, &in)
		if err == nil {
			err = jsonv2.Unmarshal(in.Body, &body)
		}
		switch {
		case err != nil:
			problem("invalid_json_line", number, "This line is not parseable as valid JSON: "+err.Error())
			continue
		case in.CustomID == "" || in.Method == "" || in.URL == "":
			problem("missing_required_parameter", number, "A line has custom_id, method, url and body.")
		case seen[in.CustomID]:
			problem("duplicate_custom_id", number, "The custom_id "+strconv.Quote(in.CustomID)+" was there before.")
		case in.Method != http.MethodPost || in.URL != chatPath:
			problem("mismatched_url", number, "The batch is for POST "+chatPath+".")
		case model != "" && body.Model != model:
			problem("mismatched_model", number, "All lines of a batch have the same model; the first has "+strconv.Quote(model)+".")
		}
		seen[in.CustomID] = true
		model = cmp.Or(model, body.Model)
		line := batchLine{number: number, customID: in.CustomID, body: in.Body}
		if body.Seed == nil { // equal lines without a seed are different samples
			digest := xxhash.Sum64(in.Body)
			line.sample = strconv.Itoa(bodies[digest])
			bodies[digest] += max(body.N, 1)
		}
		lines = append(lines, line)
	}
	if most := cmp.Or(s.options.BatchLines, defaultBatchLines); len(lines) > most {
		problem("too_many_requests", 0, fmt.Sprintf("The batch has %d requests; the limit is %d.", len(lines), most))
	}
	if len(lines) == 0 && problems == nil {
		problem("empty_batch", 0, "The file holds no request.")
	}
	if problems != nil {
		return nil, problems
	}
	work := &batchWork{lines: make([]batchLine, len(lines))}
	for to, from := range Random(s.options.Seed, strconv.FormatUint(xxhash.Sum64(input), 16)).Perm(len(lines)) {
		work.lines[to] = lines[from]
	}
	return work, nil
}

// process does the first so many lines of a batch, as far as they are not done.
func (s *Server) process(b *batch, due int) {
	for work := b.work; work.done < due; work.done++ {
		line := &work.lines[work.done]
		status, body := s.single(line)
		to := &work.output
		if b.Counts.Completed++; status != http.StatusOK {
			to = &work.failures
			b.Counts.Completed--
			b.Counts.Failed++
		}
		line.write(to, b, map[string]any{"status_code": status, "request_id": fmt.Sprintf("req_sim_%s_%d", b.ID, line.number), "body": json.RawMessage(body)}, nil)
		line.body = nil
	}
}

// single answers one line.
func (s *Server) single(line *batchLine) (int, []byte) {
	digest := xxhash.Sum64(line.body) ^ hash(line.sample)
	try := s.try(digest)
	if s.draw("batchfail", digest, try) < s.options.Rates["batchfail"] {
		s.count("batchfail")
		return http.StatusInternalServerError, errorBody("server_error", "", "The server had an error while processing your request: simulated.")
	}
	q, refused := s.parse(line.body, line.sample)
	var out *completion
	if refused == nil {
		fault := Fault{WrongUsage: s.draw("usage", digest, try) < s.options.Rates["wrongusage"]}
		out, refused = s.answer(q, &fault, try)
	}
	if refused != nil {
		return refused.status, refused.body
	}
	s.count("answered in batches")
	return http.StatusOK, encoded(out)
}

func (l *batchLine) write(to *bytes.Buffer, b *batch, response, failure map[string]any) {
	to.Write(encoded(struct {
		ID       string         `json:"id"`
		CustomID string         `json:"custom_id"`
		Response map[string]any `json:"response"`
		Error    map[string]any `json:"error"`
	}{fmt.Sprintf("batch_req_%s_%d", b.ID, l.number), l.customID, response, failure}))
	to.WriteByte('\n')
}

// finish ends a batch. The lines that were not done are failures with that code.
func (s *Server) finish(b *batch, status, code, message string) {
	b.Status = status
	switch status {
	case "completed":
		b.Completed = moment()
	case "expired":
		b.Expired = moment()
	case "cancelled":
		b.Cancelled = moment()
	}
	b.input = nil
	if b.work == nil {
		return
	}
	for ; b.work.done < len(b.work.lines); b.work.done++ {
		b.work.lines[b.work.done].write(&b.work.failures, b, nil, map[string]any{"code": code, "message": message})
		b.Counts.Failed++
	}
	for _, part := range []struct {
		content *bytes.Buffer
		name    string
		id      **string
	}{{&b.work.output, "output", &b.Output}, {&b.work.failures, "error", &b.Failures}} {
		if part.content.Len() > 0 {
			id := s.shelf.add(b.ID+"_"+part.name+".jsonl", "batch_output", part.content.Bytes()).ID
			*part.id = &id
		}
	}
	b.work.lines = nil
}
