package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/openai"
	"papereval/llm/sim"
	"papereval/run"
)

// till is an endpoint over HTTP that counts what it charges for, whether the answer arrives or not.
type till struct {
	url     string
	charged atomic.Int64 // billionths of a US dollar, at the prices of o3-mini
}

var usageInBody = regexp.MustCompile(`"prompt_tokens":(\d+),"completion_tokens":(\d+)`)

// newTill answers with texts of random lengths, up to what the calls of the tests below allow.
func newTill(t *testing.T, think time.Duration) *till {
	server := sim.NewServer(sim.AnswererFunc(func(req *llm.Request) (string, bool) {
		prompt := req.Messages[0].Content
		r := rand.New(rand.NewPCG(uint64(len(prompt)), uint64(req.First)))
		return strings.Repeat("word ", 1+r.IntN(leastAnswer)), true
	}))
	c := &till{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if think > 0 {
			timer := time.NewTimer(time.Duration(rand.Int64N(int64(think))))
			defer timer.Stop()
			<-timer.C // a model that thinks, also for who has left
		}
		copied := httptest.NewRecorder()
		server.ServeHTTP(copied, r)
		for _, found := range usageInBody.FindAllStringSubmatch(copied.Body.String(), -1) {
			prompt, _ := strconv.Atoi(found[1])
			completion, _ := strconv.Atoi(found[2])
			usd, _ := llm.Catalogue().Cost("o3-mini", llm.Usage{Prompt: prompt, Completion: completion}, false)
			c.charged.Add(int64(llm.USD(usd)))
		}
		for name, values := range copied.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(copied.Code)
		_, _ = w.Write(copied.Body.Bytes())
	}))
	t.Cleanup(web.Close)
	c.url = web.URL + "/v1"
	return c
}

const leastAnswer = 200 // tokens

// calls are those of the tests, of different sizes.
func calls(seed uint64, n int, url string) []*llm.Request {
	r := rand.New(rand.NewPCG(seed, 1))
	all := make([]*llm.Request, n)
	for i := range all {
		all[i] = &llm.Request{
			Model:    llm.Model{Endpoint: openai.Endpoint(url), Name: "o3-mini", MaxTokens: leastAnswer * (1 + r.IntN(10))},
			Messages: []llm.Message{{Role: llm.User, Content: fmt.Sprintf("%d %d ", seed, i) + strings.Repeat("some words of a prompt ", r.IntN(200))}},
			Samples:  1 + r.IntN(3),
		}
	}
	return all
}

func worstCase(t *testing.T, requests []*llm.Request) (worst llm.Dollars) {
	for _, req := range requests {
		one, ok := llm.Catalogue().Worst(req)
		if !ok {
			t.Fatal("no price")
		}
		worst = max(worst, one)
	}
	return worst
}

// spend asks for all requests, 64 at once, until the budget is reached; over is nil where it is not.
func spend(ctx context.Context, account llm.Account, url string, requests []*llm.Request, atOnce int) (over *llm.OverBudget, err error) {
	client := llm.Budget(openai.New(url, "", nil), llm.Catalogue(), account, nil)
	queue := make(chan *llm.Request, len(requests))
	for _, req := range requests {
		queue <- req
	}
	close(queue)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for req := range queue {
				_, failure := client.Complete(ctx, req)
				if failure == nil {
					continue
				}
				mu.Lock()
				defer mu.Unlock()
				if !errors.As(failure, &over) {
					err = errors.Join(err, failure)
				}
				return
			}
		})
	}
	wg.Wait()
	return over, err
}

func openAccount(t testing.TB, workspace string, limit llm.Dollars) (*ledger.Ledger, *run.Account) {
	l, err := ledger.Open(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.PutRun(t.Context(), ledger.Run{ID: "r"}); err != nil {
		t.Fatal(err)
	}
	account, err := run.OpenAccount(l, workspace, "r", limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(account.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	})
	return l, account
}

// TestBudgetIsNeverPassed asks an endpoint over HTTP with random caps and 64 calls at once.
func TestBudgetIsNeverPassed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	reached := 0
	for i := range uint64(20) {
		till := newTill(t, 3*time.Millisecond)
		requests := calls(seed+i, 120, till.url)
		worst := worstCase(t, requests)
		random := rand.New(rand.NewPCG(seed, i))
		limit := llm.Dollars(random.Int64N(int64(20 * worst)))
		l, account := openAccount(t, t.TempDir(), limit)
		over, err := spend(t.Context(), account, till.url, requests, 64)
		if err != nil {
			t.Fatal(err)
		}
		charged := llm.Dollars(till.charged.Load())
		if charged > limit {
			t.Errorf("run %d: %s charged of a budget of %s", i, charged, limit)
		}
		settled, open, err := l.Spent(t.Context(), "r")
		if err != nil || open != 0 || llm.Dollars(settled) < charged || llm.Dollars(settled) > charged+1000 {
			t.Errorf("run %d: %d settled, %d open, %d charged, %v", i, settled, open, charged, err)
		}
		if over == nil {
			continue
		}
		reached++
		if charged < limit-worst {
			t.Errorf("run %d: only %s charged of %s where a call costs at most %s", i, charged, limit, worst)
		}
	}
	if reached < 5 {
		t.Errorf("the budget was reached in %d of 20 runs", reached)
	}
}

// TestBudgetProcess is no test: it is what the tests below run as processes of their own.
func TestBudgetProcess(t *testing.T) {
	workspace := os.Getenv("BUDGET_WORKSPACE")
	if workspace == "" {
		t.Skip("a helper of other tests")
	}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	_, account := openAccount(t, workspace, llm.Dollars(number("BUDGET_LIMIT")))
	url := os.Getenv("BUDGET_URL")
	over, err := spend(t.Context(), account, url, calls(number("BUDGET_SEED"), 150, url), 24)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("reached:", over != nil)
}

// process starts one with a share of the work.
func process(t *testing.T, workspace, url string, seed uint64, limit llm.Dollars) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestBudgetProcess$", "-test.v")
	cmd.Env = append(os.Environ(), "BUDGET_WORKSPACE="+workspace, "BUDGET_URL="+url,
		fmt.Sprint("BUDGET_SEED=", seed), fmt.Sprint("BUDGET_LIMIT=", int64(limit)))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func TestProcessesShareABudget(t *testing.T) {
	till := newTill(t, 3*time.Millisecond)
	worst := worstCase(t, calls(1, 1000, till.url))
	limit := 12 * worst
	workspace := t.TempDir()
	openAccount(t, workspace, limit)
	var wg sync.WaitGroup
	var reached atomic.Int64
	for i := range uint64(3) {
		wg.Go(func() {
			cmd, out := process(t, workspace, till.url, i, limit)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if strings.Contains(out.String(), "reached: true") {
				reached.Add(1)
			}
		})
	}
	wg.Wait()
	if charged := llm.Dollars(till.charged.Load()); charged > limit || charged < limit-worst || reached.Load() == 0 {
		t.Errorf("%s charged of %s, where a call costs at most %s; %d of 3 processes ended for it", charged, limit, worst, reached.Load())
	}
}

// What another process has under way is waited for while it lives, and counts as spent when it is dead.
func TestAnotherProcessIsWaitedFor(t *testing.T) {
	till := newTill(t, 0)
	requests := calls(1, 2, till.url)
	worst := worstCase(t, requests)
	limit := worst + worst/2
	workspace := t.TempDir()
	_, here := openAccount(t, workspace, limit)
	l, err := ledger.Open(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	there, err := run.OpenAccount(l, workspace, "r", limit)
	if err != nil {
		t.Fatal(err)
	}
	reserve := func() int64 {
		id, err := there.Reserve(t.Context(), limit-worst/4)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := reserve()
	waits := make(chan *llm.OverBudget, 10)
	client := llm.Budget(openai.New(till.url, "", nil), llm.Catalogue(), here, func(over *llm.OverBudget) { waits <- over })
	errs := make(chan error)
	ask := func(req *llm.Request) {
		_, err := client.Complete(t.Context(), req)
		errs <- err
	}
	go ask(requests[0])
	wait := func() *llm.OverBudget {
		select {
		case over := <-waits:
			return over
		case err := <-errs:
			t.Fatalf("it does not wait: %v", err)
			return nil
		}
	}
	if over := wait(); !over.Elsewhere || over.InFlight != limit-worst/4 || over.Lost != 0 {
		t.Errorf("%+v", over)
	}
	if err := there.Settle(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil {
		t.Errorf("after the other has settled: %v", err)
	}
	limit -= llm.Dollars(till.charged.Load())
	reserve()
	go ask(requests[1])
	_ = wait() // that it ended is what counts
	if err := errors.Join(there.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	var over *llm.OverBudget
	if err := <-errs; !errors.As(err, &over) || over.Lost != limit-worst/4 || over.InFlight != 0 {
		t.Errorf("after the other has ended: %v", err)
	}
}

// TestBudgetSurvivesKills ends processes with SIGKILL: what was under way counts with its worst case, and the rest of
// the budget can be spent.
func TestBudgetSurvivesKills(t *testing.T) {
	till := newTill(t, 10*time.Millisecond)
	worst := worstCase(t, calls(1, 1000, till.url))
	limit := 60 * worst
	workspace := t.TempDir()
	for i := range uint64(3) {
		cmd, _ := process(t, workspace, till.url, i, limit)
		before := till.charged.Load()
		for till.charged.Load() < before+int64(worst)/2 {
			time.Sleep(time.Millisecond) // until it works
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	l, account := openAccount(t, workspace, limit)
	_, lost, err := l.Spent(t.Context(), "r")
	if err != nil || lost == 0 {
		t.Fatalf("nothing was under way when the processes were killed: %v", err)
	}
	var over *llm.OverBudget
	for i := uint64(10); over == nil; i++ {
		if over, err = spend(t.Context(), account, till.url, calls(i, 300, till.url), 64); err != nil {
			t.Fatal(err)
		}
	}
	charged := llm.Dollars(till.charged.Load())
	if charged > limit || over.Lost != llm.Dollars(lost) || over.Spent+over.Lost < limit-worst {
		t.Errorf("%s charged of %s: %v", charged, limit, over)
	}
	t.Logf("%s charged of %s, %s set aside", charged, limit, over.Lost)
}
