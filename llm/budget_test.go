package llm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"papereval/llm"
)

// purse is an account in memory.
type purse struct {
	mu        sync.Mutex
	cap       llm.Dollars
	spent     llm.Dollars
	open      map[int64]llm.Dollars
	last      int64
	settleErr error
}

func (p *purse) Reserve(ctx context.Context, worst llm.Dollars) (int64, error) {
	ids, err := p.ReserveUnsent(ctx, worst, 1)
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

func (p *purse) ReserveUnsent(_ context.Context, worst llm.Dollars, parts int) (ids []int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	inFlight := llm.Dollars(0)
	for _, d := range p.open {
		inFlight += d
	}
	if p.spent+inFlight+worst > p.cap {
		return nil, &llm.OverBudget{Cap: p.cap, Spent: p.spent, InFlight: inFlight, Worst: worst}
	}
	if p.open == nil {
		p.open = map[int64]llm.Dollars{}
	}
	for left := llm.Dollars(parts); left > 0; left-- {
		p.last++
		p.open[p.last] = worst / left
		worst -= worst / left
		ids = append(ids, p.last)
	}
	return ids, nil
}

func (p *purse) Settle(_ context.Context, id int64, spent llm.Dollars) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, id)
	p.spent += spent
	return p.settleErr
}

// priced is a request to o3-mini whose answer has at most that many tokens.
func priced(prompt string, samples, most int) *llm.Request {
	r := request(prompt, 0, samples)
	r.Model = llm.Model{Endpoint: "https://a/v1", Name: "o3-mini", MaxTokens: most}
	return r
}

// answers answers every request for what u costs.
func answers(u llm.Usage) llm.Client {
	return llm.ClientFunc(func(_ context.Context, req *llm.Request) (*llm.Response, error) {
		samples := make([]llm.Sample, req.Count())
		for i := range samples {
			samples[i] = llm.Sample{Index: req.First + i, Text: "x", Usage: u}
		}
		return &llm.Response{Samples: samples}, nil
	})
}

func worstOf(t *testing.T, req *llm.Request) llm.Dollars {
	t.Helper()
	worst, ok := llm.Catalogue().Worst(req)
	if !ok || worst <= 0 {
		t.Fatalf("%v, %t", worst, ok)
	}
	return worst
}

func TestWorst(t *testing.T) {
	req := priced(strings.Repeat("The quick brown fox. ", 1000), 1, 1000)
	one := worstOf(t, req)
	// 1,000 tokens of an answer are $0.0044; the prompt has some 5,000 tokens: a tenth and a message more are $0.0061.
	if one < llm.USD(0.0044+0.0055) || one > llm.USD(0.0044+0.0062) {
		t.Errorf("%s", one)
	}
	req.Samples = 8
	if eight := worstOf(t, req); eight < 8*one-8 || eight > 8*one {
		t.Errorf("%s for 8 and %s for one", eight, one)
	}
	req.Model.Name = "unheard-of"
	if _, ok := llm.Catalogue().Worst(req); ok {
		t.Error("the worst case of a model without a price is known")
	}
}

func TestBudgetSettles(t *testing.T) {
	used := llm.Usage{Prompt: 100, Cached: 50, Completion: 10}
	cost := llm.USD((50*1.10 + 50*0.55 + 10*4.40) / 1e6)
	fails := func(err error) llm.Client {
		return llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) { return nil, err })
	}
	req := priced("p", 1, 1000)
	worst := worstOf(t, req)
	for name, tt := range map[string]struct {
		next llm.Client
		want llm.Dollars
	}{
		"answer":          {answers(used), cost},
		"refused":         {fails(&llm.Error{Kind: llm.RateLimited, Status: 429}), 0},
		"failed and paid": {fails(&llm.Error{Kind: llm.Empty, Usage: used}), cost},
		"cut":             {fails(&llm.Error{Kind: llm.CutShort, Usage: used, Estimated: true}), worst},
		"interrupted":     {fails(context.Canceled), worst},
		"a failed sample": {llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) {
			return &llm.Response{Samples: []llm.Sample{{Err: &llm.Error{Kind: llm.Filtered, Usage: used}}}}, nil
		}), cost},
	} {
		account := &purse{cap: llm.USD(1)}
		_, _ = llm.Budget(tt.next, llm.Catalogue(), account, nil).Complete(t.Context(), req)
		if account.spent != tt.want || len(account.open) != 0 {
			t.Errorf("%s: %s spent, %d open, want %s", name, account.spent, len(account.open), tt.want)
		}
	}
	account := &purse{cap: llm.USD(1)}
	func() {
		defer func() { _ = recover() }()
		panics := llm.ClientFunc(func(context.Context, *llm.Request) (*llm.Response, error) { panic("x") })
		_, _ = llm.Budget(panics, llm.Catalogue(), account, nil).Complete(t.Context(), req)
	}()
	if account.spent != worst {
		t.Errorf("a panic: %s spent", account.spent)
	}
}

func TestBudgetWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req := priced("p", 1, 1000)
		worst := worstOf(t, req)
		account := &purse{cap: worst + worst/2}
		release := make(chan struct{})
		began := 0
		told := 0
		c := llm.Budget(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
			began++
			<-release
			return answers(llm.Usage{Prompt: 10, Completion: 10}).Complete(ctx, req)
		}), llm.Catalogue(), account, func(*llm.OverBudget) { told++ })
		errs := make(chan error, 3)
		ask := func(ctx context.Context) {
			_, err := c.Complete(ctx, req)
			errs <- err
		}
		go ask(t.Context())
		synctest.Wait()
		leaves, leave := context.WithCancel(t.Context())
		go ask(leaves)
		synctest.Wait()
		go ask(t.Context())
		synctest.Wait()
		if began != 1 || told != 1 {
			t.Errorf("%d calls under way, %d waits told", began, told)
		}
		leave()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		synctest.Wait()
		release <- struct{}{}
		if err := <-errs; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if began != 2 {
			t.Errorf("%d calls began", began)
		}
		release <- struct{}{}
		if err := <-errs; err != nil {
			t.Error(err)
		}
	})
}

// Calls that go another way, with a reservation for each sample, and those that are sent wait for each other.
func TestReserveUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req := priced("p", 3, 1000)
		account := &purse{cap: worstOf(t, req) + 1}
		c := llm.Budget(answers(llm.Usage{Prompt: 10, Completion: 10}), llm.Catalogue(), account, nil)
		ids, err := c.ReserveUnsent(t.Context(), req)
		if err != nil || len(ids) != 3 {
			t.Fatal(ids, err)
		}
		errs := make(chan error)
		go func() {
			_, err := c.Complete(t.Context(), priced("q", 1, 1000))
			errs <- err
		}()
		synctest.Wait()
		for _, id := range ids { // one is enough
			if account.spent != 0 && id == ids[0] {
				t.Error("it did not wait")
			}
			if err := c.Settle(t.Context(), id, 0); err != nil {
				t.Error(err)
			}
		}
		if err := <-errs; err != nil || len(account.open) != 0 {
			t.Errorf("%v, %v", err, account.open)
		}
		req.Model.Endpoint = "replay:1"
		if ids, err := c.ReserveUnsent(t.Context(), req); err != nil || ids != nil {
			t.Errorf("what is free: %v, %v", ids, err)
		}
		req.Model = llm.Model{Endpoint: "https://a/v1", Name: "unheard-of"}
		if _, err := c.ReserveUnsent(t.Context(), req); !errors.As(err, new(*llm.UnpricedError)) {
			t.Errorf("without a price: %v", err)
		}
		if _, err := c.ReserveUnsent(t.Context(), priced("p", 3, 100_000)); !errors.As(err, new(*llm.OverBudget)) {
			t.Errorf("what never fits: %v", err)
		}
	})
}

func TestOverBudgetIsFinal(t *testing.T) {
	small, large := priced("p", 1, 100), priced("p", 1, 10_000)
	account := &purse{cap: 2 * worstOf(t, small)}
	tries := 0
	c := llm.Retry(llm.Budget(llm.ClientFunc(func(ctx context.Context, req *llm.Request) (*llm.Response, error) {
		tries++
		return answers(llm.Usage{Prompt: 1, Completion: 1}).Complete(ctx, req)
	}), llm.Catalogue(), account, nil), func(llm.Label, llm.Wait) { t.Error("it is tried again") })
	if _, err := c.Complete(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	large.Label = llm.Label{Paper: "P", Stage: "coding", File: "a.py"}
	var over *llm.OverBudget
	if _, err := c.Complete(t.Context(), large); !errors.As(err, &over) {
		t.Fatal(err)
	}
	for _, want := range []string{"P coding a.py", account.cap.String(), over.Worst.String(), over.Spent.String(), "--budget 0.05 or more"} {
		if !strings.Contains(over.Error(), want) {
			t.Errorf("%q lacks %q", over, want)
		}
	}
	if _, err := c.Complete(t.Context(), small); !errors.As(err, new(*llm.OverBudget)) || tries != 1 {
		t.Errorf("after the end: %v, %d tries", err, tries)
	}
	free := priced("p", 1, 10)
	free.Model.Endpoint = "replay:1"
	if _, err := c.Complete(t.Context(), free); err != nil {
		t.Errorf("what is free: %v", err)
	}
	free.Model = llm.Model{Endpoint: "https://a/v1", Name: "unheard-of"}
	if _, err := c.Complete(t.Context(), free); !errors.As(err, new(*llm.UnpricedError)) {
		t.Errorf("without a price: %v", err)
	}
}

func TestAnAccountThatCannotBeSettled(t *testing.T) {
	account := &purse{cap: llm.USD(1), settleErr: errors.New("disk full")}
	c := llm.Budget(answers(llm.Usage{Prompt: 1, Completion: 1}), llm.Catalogue(), account, nil)
	if _, err := c.Complete(t.Context(), priced("p", 1, 10)); err != nil {
		t.Errorf("an answer that was paid for is lost: %v", err)
	}
	if _, err := c.Complete(t.Context(), priced("p", 1, 10)); !errors.Is(err, account.settleErr) {
		t.Errorf("%v", err)
	}
}

func TestReadPrices(t *testing.T) {
	read := func(text string) (*llm.Models, error) {
		file := filepath.Join(t.TempDir(), "prices.yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return llm.ReadPrices(file)
	}
	m, err := read("date: 2026-01-31\nmodels:\n  my/model:7b: {input: 0.5, output: 2}\n  o3-mini: {input: 1, cached: 0.1, output: 2}\n  local: {input: 0, output: 0}\n  sim: {input: 1, output: 1}\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"my/model:7b": 0.5, "o3-mini": 0.55, "local": 0} {
		if usd, ok := m.Cost(name, llm.Usage{Prompt: 1e6, Cached: 5e5}, false); !ok || usd != want {
			t.Errorf("%s: %v, %t, want %v", name, usd, ok, want)
		}
	}
	if info, _ := m.Find("o3-mini"); info.Context != 200_000 || info.MaxOutput != 100_000 {
		t.Errorf("a price changed the windows: %+v", info)
	}
	if _, ok := llm.Catalogue().Find("local"); ok || !strings.Contains(m.Source, "2026-01-31") {
		t.Error("the built-in list changed, or the date is lost")
	}
	sim := llm.Model{Endpoint: llm.SimulatedEndpoint, Name: "sim-7"}
	if !llm.Catalogue().PriceOf(sim).Free() || m.PriceOf(sim).Output != 1 {
		t.Error("the price of the simulated model")
	}
	for text, says := range map[string]string{
		"":                           "names no model",
		"models:\n":                  "names no model",
		"models: [\n":                ":1: ",
		"modles:\n  a: {input: 1}\n": "modles",
		"models:\n  a: {input: 1}\n": ":2: a: input and output are both needed",
		"models:\n  b: {input: 1, output: 1}\n  a: {input: 1, outptu: 2}\n": ":3: unknown field \"outptu\"",
		"models:\n  a: {input: -1, output: 2}\n":                            "-1 is no price",
		"models:\n  a: {input: .nan, output: 2}\n":                          "is no price",
		"models:\n  a: {input: cheap, output: 2}\n":                         ":2: ",
		"models:\n  a:\n":   "a has no prices",
		"models:\n  a: 3\n": ":2: ",
		"models:\n  a: {input: 1, output: 1}\n  a: {input: 1, output: 1}\n": "already defined",
		"models:\n  a: {context: 100, input: 1, output: 1}\n":               "--model NAME?context=TOKENS",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "prices.yaml:") ||
			!strings.Contains(err.Error(), "an entry is written") {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if _, err := llm.ReadPrices("no-such-file"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
