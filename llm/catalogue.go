package llm

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

//go:embed models.yaml
var modelsYAML []byte

// ModelInfo is what is known of a model before it is asked.
type ModelInfo struct {
	Context   int // tokens; 0 where it is not known
	MaxOutput int // tokens of one answer, reasoning included; 0 where it is not known
	Price
}

// Price is US dollars per million tokens. The zero value is a price that is not known, not one of nothing.
type Price struct {
	Input, Cached, Output float64
	Known                 bool
}

// Models is a dated list of models.
type Models struct {
	Date   string // the day the prices were read
	Source string
	Models map[string]ModelInfo
}

// Catalogue is the list that is built in.
var Catalogue = sync.OnceValue(func() *Models {
	m, err := parseModels("models.yaml", modelsYAML, true)
	if err != nil {
		panic("llm: " + err.Error())
	}
	return m
})

// ReadPrices reads a list of prices of the user's and returns the built-in list with these instead of, or beside,
// its own. The file has the form of the built-in one, with the prices alone:
//
//	date: 2026-01-31
//	models:
//	  my-model: {input: 0.50, cached: 0.05, output: 2.00}
//
// A price without cached has that of input. An error names file, line and mend.
func ReadPrices(file string) (*Models, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	own, err := parseModels(file, data, false)
	if err != nil {
		return nil, err
	}
	all := *Catalogue()
	all.Models = maps.Clone(all.Models)
	for name, info := range own.Models {
		known := all.Models[name]
		known.Price = info.Price
		all.Models[name] = known
	}
	all.Source += "; " + file
	if own.Date != "" {
		all.Source += " of " + own.Date
	}
	return &all, nil
}

// entry is a model as the file has it.
type entry struct {
	Input  *float64 `yaml:"input"`
	Cached *float64 `yaml:"cached"`
	Output *float64 `yaml:"output"`
}

// wholeEntry is one of the built-in list. What windows a model has shapes answers, so users say it with --model.
type wholeEntry struct {
	Context   int   `yaml:"context"`
	MaxOutput int   `yaml:"max_output"`
	Prices    entry `yaml:",inline"`
}

const pricesForm = "an entry is written NAME: {input: 1.10, cached: 0.55, output: 4.40} below models, in US dollars per million tokens; cached may be left out"

func parseModels(file string, data []byte, builtIn bool) (*Models, error) {
	fail := func(line int, message string) error {
		mend := pricesForm
		if strings.Contains(message, "context") || strings.Contains(message, "max_output") {
			mend += "; the windows of a model are said with --model NAME?context=TOKENS&max_tokens=TOKENS"
		}
		return fmt.Errorf("%s:%d: %s; %s", file, line, message, mend)
	}
	place := func(err error) error {
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil {
			return fail(e.GetToken().Position.Line, e.GetMessage())
		}
		return fail(1, err.Error())
	}
	var list struct {
		Date   string              `yaml:"date"`
		Source string              `yaml:"source"`
		Models map[string]ast.Node `yaml:"models"`
	}
	if err := yaml.UnmarshalWithOptions(data, &list, yaml.Strict()); err != nil {
		return nil, place(err)
	}
	if len(list.Models) == 0 {
		return nil, fail(1, "it names no model")
	}
	m := &Models{Date: list.Date, Source: list.Source, Models: make(map[string]ModelInfo)}
	for _, name := range slices.Sorted(maps.Keys(list.Models)) {
		node := list.Models[name]
		if node == nil { // its value is empty, and has no place
			before, _, _ := strings.Cut(string(data), name+":")
			return nil, fail(1+strings.Count(before, "\n"), name+" has no prices")
		}
		line := node.GetToken().Position.Line
		var e wholeEntry
		var err error
		if builtIn {
			err = yaml.NodeToValue(node, &e, yaml.Strict())
		} else {
			err = yaml.NodeToValue(node, &e.Prices, yaml.Strict())
		}
		if err != nil {
			return nil, place(err)
		}
		price, err := e.Prices.price()
		if err != nil {
			return nil, fail(line, name+": "+err.Error())
		}
		m.Models[name] = ModelInfo{Context: e.Context, MaxOutput: e.MaxOutput, Price: price}
	}
	return m, nil
}

func (e *entry) price() (Price, error) {
	if e.Input == nil || e.Output == nil {
		return Price{}, errors.New("input and output are both needed")
	}
	if e.Cached == nil {
		e.Cached = e.Input
	}
	for _, v := range []float64{*e.Input, *e.Cached, *e.Output} {
		if !(v >= 0 && v < 1e6) { // NaN neither
			return Price{}, fmt.Errorf("%v is no price: it lies between 0 and 1,000,000", v)
		}
	}
	return Price{Input: *e.Input, Cached: *e.Cached, Output: *e.Output, Known: true}, nil
}

var date = regexp.MustCompile(`-[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// Find returns what is known of a model: by its name, or by its name without a trailing date
// ("o3-mini-2025-01-31" is an o3-mini).
func (m *Models) Find(name string) (ModelInfo, bool) {
	if info, ok := m.Models[name]; ok {
		return info, true
	}
	info, ok := m.Models[date.ReplaceAllString(name, "")]
	return info, ok
}

// Cost is what the tokens cost in US dollars; ok is false where the model's price is not known. See [Price.Cost].
func (m *Models) Cost(name string, u Usage, batched bool) (usd float64, ok bool) {
	info, _ := m.Find(name)
	return info.Cost(u, batched)
}

// batchShare is what of the price a batch costs: OpenAI takes 50 % off input and output
// (https://platform.openai.com/docs/guides/batch), and so does Azure.
const batchShare = 0.5

// Cost is what the tokens cost in US dollars; ok is false where the price is not known. Where a batch answered, it is
// half of the prices of input and output. The discount for cached input does not count on top of that, although an
// endpoint may give it: the cost is rather too high than too low.
func (p Price) Cost(u Usage, batched bool) (usd float64, ok bool) {
	if !p.Known {
		return 0, false
	}
	if batched {
		p = Price{Input: batchShare * p.Input, Cached: batchShare * p.Input, Output: batchShare * p.Output}
	}
	cached := min(u.Cached, u.Prompt)
	usd = float64(u.Prompt-cached)*p.Input + float64(cached)*p.Cached + float64(u.Completion)*p.Output
	return usd / 1e6, true
}

// PriceOf is what a model's tokens cost where it is asked: nothing for recordings, and nothing for the simulated
// model unless there is a price of "sim". Known is false where it is not known.
func (m *Models) PriceOf(model Model) Price {
	free := Price{Known: true}
	switch {
	case strings.HasPrefix(model.Endpoint, "replay:"):
		return free
	case model.Endpoint == SimulatedEndpoint:
		if info, ok := m.Models[SimulatedEndpoint]; ok {
			return info.Price
		}
		return free
	}
	info, _ := m.Find(model.Name)
	return info.Price
}

// Free tells whether tokens are known to cost nothing.
func (p Price) Free() bool { return p.Known && p.Input == 0 && p.Cached == 0 && p.Output == 0 }

// Dollars is an amount of money, in billionths of a US dollar, so that sums are exact.
type Dollars int64

// USD is an amount of US dollars, rounded up to a billionth.
func USD(usd float64) Dollars {
	if usd >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	// What is less than a millionth of that is rounding of the calculation.
	return Dollars(math.Ceil(usd*1e9 - 1e-6))
}

// USD is the amount in US dollars.
func (d Dollars) USD() float64 { return float64(d) / 1e9 }

// String prints cents, and more where the amount is small.
func (d Dollars) String() string {
	if d != 0 && d < 1e9 {
		return fmt.Sprintf("$%.4f", d.USD())
	}
	return fmt.Sprintf("$%.2f", d.USD())
}
