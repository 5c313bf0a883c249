package llm

import (
	_ "embed"
	"fmt"
	"regexp"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed models.yaml
var modelsYAML []byte

// ModelInfo is what is known of a model before it is asked. Prices are US dollars per million tokens.
type ModelInfo struct {
	Context int     `yaml:"context"` // tokens
	Input   float64 `yaml:"input"`
	Cached  float64 `yaml:"cached"`
	Output  float64 `yaml:"output"`
}

// Models is a dated list of models.
type Models struct {
	Date   string               `yaml:"date"` // the day the prices were read
	Source string               `yaml:"source"`
	Models map[string]ModelInfo `yaml:"models"`
}

// Catalogue is the list that is built in.
var Catalogue = sync.OnceValue(func() *Models {
	var m Models
	if err := yaml.UnmarshalWithOptions(modelsYAML, &m, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("llm: models.yaml: %v", err))
	}
	return &m
})

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

// Cost is what the tokens cost in US dollars; ok is false where the model's price is not known.
func (m *Models) Cost(name string, u Usage) (usd float64, ok bool) {
	info, ok := m.Find(name)
	if !ok || info.Output == 0 {
		return 0, false
	}
	usd = float64(u.Prompt-u.Cached)*info.Input + float64(u.Cached)*info.Cached + float64(u.Completion)*info.Output
	return usd / 1e6, true
}
