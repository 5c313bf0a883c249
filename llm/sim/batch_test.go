package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func call(t *testing.T, server *httptest.Server, method, path, kind, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, data
}

func upload(t *testing.T, server *httptest.Server, purpose, content string) (int, map[string]any) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("purpose", purpose)
	part, err := w.CreateFormFile("file", "calls.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, content)
	_ = w.Close()
	status, data := call(t, server, "POST", "/v1/files", w.FormDataContentType(), form.String())
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return status, m
}

type batchState struct {
	ID, Status string
	Output     string         `json:"output_file_id"`
	Failures   string         `json:"error_file_id"`
	Counts     map[string]int `json:"request_counts"`
	Errors     struct {
		Data []struct {
			Code string
			Line int
		}
	}
}

func batchCall(t *testing.T, server *httptest.Server, method, path, body string) batchState {
	t.Helper()
	status, data := call(t, server, method, path, "application/json", body)
	var b batchState
	if err := json.Unmarshal(data, &b); err != nil || status != 200 {
		t.Fatalf("%s %s: %d %s", method, path, status, data)
	}
	return b
}

func create(t *testing.T, server *httptest.Server, content string) batchState {
	t.Helper()
	status, file := upload(t, server, "batch", content)
	if status != 200 {
		t.Fatal(file)
	}
	return batchCall(t, server, "POST", "/v1/batches", fmt.Sprintf(`{"input_file_id":%q,"endpoint":"/v1/chat/completions","completion_window":"24h"}`, file["id"]))
}

// until asks for a batch until it has one of the statuses.
func until(t *testing.T, server *httptest.Server, id string, statuses string) batchState {
	t.Helper()
	for range 2000 {
		b := batchCall(t, server, "GET", "/v1/batches/"+id, "")
		if strings.Contains(statuses, b.Status) {
			return b
		}
		time.Sleep(time.Millisecond) // the server's clock is the real one
	}
	t.Fatalf("batch %s is never %s", id, statuses)
	return batchState{}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(fmt.Sprint("c", i), body(fmt.Sprint("prompt ", i), "")))
	}
	return b.String()
}

func line(id, body string) string {
	return fmt.Sprintf(`{"custom_id":%q,"method":"POST","url":"/v1/chat/completions","body":%s}`+"\n", id, body)
}

// texts are the answers in a batch's file by custom_id.
func texts(t *testing.T, server *httptest.Server, file string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	_, data := call(t, server, "GET", "/v1/files/"+file+"/content", "", "")
	for line := range bytes.Lines(data) {
		var in struct {
			CustomID string `json:"custom_id"`
			Response struct {
				Body struct {
					Choices []struct{ Message struct{ Content string } }
				}
			}
		}
		if err := json.Unmarshal(line, &in); err != nil {
			t.Fatal(err)
		}
		for _, c := range in.Response.Body.Choices {
			found[in.CustomID] = append(found[in.CustomID], c.Message.Content)
		}
	}
	return found
}

// results are the lines of a batch's file by custom_id: the text of the answer, or the error's code or message.
func results(t *testing.T, server *httptest.Server, file string) map[string]string {
	t.Helper()
	found := map[string]string{}
	if file == "" {
		return found
	}
	status, data := call(t, server, "GET", "/v1/files/"+file+"/content", "", "")
	if status != 200 {
		t.Fatalf("%d %s", status, data)
	}
	for line := range bytes.Lines(data) {
		var in struct {
			CustomID string `json:"custom_id"`
			Response *struct {
				Status int `json:"status_code"`
				Body   struct {
					Choices []struct{ Message struct{ Content string } }
					Error   struct{ Message string }
				}
			}
			Error *struct{ Code string }
		}
		if err := json.Unmarshal(line, &in); err != nil {
			t.Fatal(err)
		}
		switch {
		case in.Error != nil:
			found[in.CustomID] = in.Error.Code
		case in.Response.Status == 200:
			found[in.CustomID] = in.Response.Body.Choices[0].Message.Content
		default:
			found[in.CustomID] = in.Response.Body.Error.Message
		}
	}
	return found
}

func TestBatch(t *testing.T) {
	server, _ := serve(t, "batchdelay=100ms")
	b := create(t, server, lines(20))
	if b.Status != "validating" || b.Output != "" {
		t.Errorf("at first: %+v", b)
	}
	if b = until(t, server, b.ID, "in_progress"); b.Counts["total"] != 20 || b.Output != "" {
		t.Errorf("at work: %+v", b)
	}
	b = until(t, server, b.ID, "completed")
	if b.Failures != "" || b.Counts["completed"] != 20 || b.Counts["failed"] != 0 {
		t.Errorf("%+v", b)
	}
	found := results(t, server, b.Output)
	for i := range 20 {
		want := ask(t, server, "", body(fmt.Sprint("prompt ", i), "")).texts[0]
		if got := found[fmt.Sprint("c", i)]; got != want {
			t.Errorf("line %d: %q, want %q as singly", i, got, want)
		}
	}
	status, data := call(t, server, "GET", "/v1/batches?limit=1", "", "")
	if status != 200 || !strings.Contains(string(data), b.ID) {
		t.Errorf("list: %d %s", status, data)
	}
	if status, _ := call(t, server, "DELETE", "/v1/files/"+b.Output, "", ""); status != 200 {
		t.Errorf("delete: %d", status)
	}
	for method, path := range map[string]string{"GET": "/v1/files/" + b.Output, "DELETE": "/v1/files/" + b.Output, "POST": "/v1/batches/x/cancel"} {
		if status, _ := call(t, server, method, path, "", ""); status != 404 {
			t.Errorf("%s %s: %d", method, path, status)
		}
	}
	if status, _ := call(t, server, "POST", "/v1/batches/"+b.ID+"/cancel", "", ""); status != 409 {
		t.Errorf("cancelling what is done: %d", status)
	}
}

// TestSamplesInBatches asks for several samples of a prompt by lines that have the same body, by n, and by both: they
// are those that come together outside of batches.
func TestSamplesInBatches(t *testing.T) {
	server, _ := serve(t, "batchdelay=0s")
	want := ask(t, server, "", body("p", `,"n":4`)).texts
	for name, extras := range map[string][]string{"lines": {"", "", "", ""}, "n": {`,"n":4`}, "both": {`,"n":2`, `,"n":2`}, "seeds": {`,"seed":0,"n":3`, `,"seed":3`}} {
		var file string
		for i, extra := range extras {
			file += line(fmt.Sprint("c", i), body("p", extra))
		}
		b := until(t, server, create(t, server, file).ID, "completed")
		found := texts(t, server, b.Output)
		var got []string
		for i := range extras {
			got = append(got, found[fmt.Sprint("c", i)]...)
		}
		slices.Sort(got) // equal lines are done in any order
		if all := slices.Sorted(slices.Values(want)); !slices.Equal(got, all) {
			t.Errorf("%s: %q, want %q", name, got, all)
		}
	}
}

// TestNInBatches refuses and ignores n in batches as outside.
func TestNInBatches(t *testing.T) {
	server, _ := serve(t, "batchdelay=0s&n=refuse")
	b := until(t, server, create(t, server, line("several", body("p", `,"n":2`))+line("one", body("p", ""))).ID, "completed")
	if failed := results(t, server, b.Failures); !strings.Contains(failed["several"], "'n' does not support 2") || len(texts(t, server, b.Output)["one"]) != 1 {
		t.Errorf("refused: %q", failed)
	}
	server, _ = serve(t, "batchdelay=0s&n=ignore")
	b = until(t, server, create(t, server, line("several", body("p", `,"n":2`))).ID, "completed")
	if found := texts(t, server, b.Output); len(found["several"]) != 1 {
		t.Errorf("ignored: %q", found)
	}
}

func TestBatchesGoWrong(t *testing.T) {
	server, _ := serve(t, "batchdelay=0s&batchfail=0.3")
	b := until(t, server, create(t, server, lines(100)).ID, "completed")
	failed, done := results(t, server, b.Failures), results(t, server, b.Output)
	if len(failed)+len(done) != 100 || len(failed) != b.Counts["failed"] || len(failed) < 15 || len(failed) > 45 {
		t.Errorf("%d failed, %d answered: %+v", len(failed), len(done), b)
	}
	again := results(t, server, until(t, server, create(t, server, lines(100)).ID, "completed").Output)
	mended := 0
	for id := range failed {
		if again[id] != "" {
			mended++
		}
	}
	if mended == 0 {
		t.Error("what failed once fails for ever")
	}

	server, _ = serve(t, "batchdelay=0s&batchexpire=1")
	b = until(t, server, create(t, server, lines(10)).ID, "expired")
	if failed := results(t, server, b.Failures); len(failed) != 5 || len(results(t, server, b.Output)) != 5 {
		t.Errorf("expired: %v", failed)
	} else {
		for id, code := range failed {
			if code != "batch_expired" {
				t.Errorf("%s: %s", id, code)
			}
		}
	}

	server, _ = serve(t, "batchdelay=1h")
	b = create(t, server, lines(10))
	if b = batchCall(t, server, "POST", "/v1/batches/"+b.ID+"/cancel", ""); b.Status != "cancelling" {
		t.Errorf("%+v", b)
	}
	if b = batchCall(t, server, "GET", "/v1/batches/"+b.ID, ""); b.Status != "cancelled" {
		t.Errorf("%+v", b)
	}
}

func TestBatchesThatAreRefused(t *testing.T) {
	server, _ := serve(t, "batchdelay=0s&batchlines=5&batchbytes=2000")
	line := strings.TrimSuffix(lines(1), "\n")
	for name, tt := range map[string]struct {
		content, code string
		line          int
	}{
		"too many":     {lines(6), "too_many_requests", 0},
		"broken":       {line + "\n{\"custom_id\":", "invalid_json_line", 2},
		"twice":        {line + "\n" + line, "duplicate_custom_id", 2},
		"another url":  {strings.Replace(line, "/v1/chat/completions", "/v1/embeddings", 1), "mismatched_url", 1},
		"other models": {line + "\n" + strings.Replace(strings.Replace(line, `"m"`, `"other"`, 1), "c0", "c1", 1), "mismatched_model", 2},
		"only blanks":  {"\n \n", "empty_batch", 0},
	} {
		b := until(t, server, create(t, server, tt.content).ID, "failed")
		if e := b.Errors.Data; len(e) != 1 || e[0].Code != tt.code || e[0].Line != tt.line {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if status, m := upload(t, server, "batch", strings.Repeat("x", 2001)); status != 413 {
		t.Errorf("too large: %d %v", status, m)
	}
	if status, m := upload(t, server, "fine-tune", "x"); status != 400 {
		t.Errorf("another purpose: %d %v", status, m)
	}
	for body, want := range map[string]int{
		`{"input_file_id":"x","endpoint":"/v1/chat/completions","completion_window":"24h"}`: 404,
		`{"input_file_id":"x","endpoint":"/v1/embeddings","completion_window":"24h"}`:       400,
		`{"input_file_id":"x","endpoint":"/v1/chat/completions","completion_window":"1h"}`:  400,
		`{`: 400,
	} {
		if status, _ := call(t, server, "POST", "/v1/batches", "application/json", body); status != want {
			t.Errorf("%s: %d", body, status)
		}
	}
}

func TestFaultsBefallFilesToo(t *testing.T) {
	server, _ := serve(t, "rate500=1")
	if status, _ := upload(t, server, "batch", "x"); status != 500 {
		t.Errorf("%d", status)
	}
}
