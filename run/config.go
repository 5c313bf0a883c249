// Package run plans and carries out runs: a set of cells, each a repository to write and to score, under one
// frozen configuration.
package run

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"papereval/llm"
)

// Config is the frozen configuration of a run. All of it but Places shapes the run's results.
type Config struct {
	Dataset    string            `yaml:"dataset" json:"dataset"`
	Revision   string            `yaml:"revision" json:"revision"`
	Papers     []Paper           `yaml:"papers" json:"papers,omitempty"`
	PaperForm  string            `yaml:"paper_form,omitempty" json:"paper_form"` // empty: for each paper the one that keeps most
	Systems    []string          `yaml:"systems" json:"systems,omitempty"`
	Model      Model             `yaml:"model" json:"model"`
	JudgeModel Model             `yaml:"judge_model" json:"judge_model"`
	Evaluators []string          `yaml:"evaluators" json:"evaluators,omitempty"`
	Samples    int               `yaml:"samples" json:"samples"` // of each judge
	Seeds      []int             `yaml:"seeds" json:"seeds,omitempty"`
	Prompts    map[string]string `yaml:"prompts" json:"prompts,omitempty"` // digests by folder
	// AllowMissingAddenda lets papers be worked on whose addenda were not fetched; scores say so.
	AllowMissingAddenda bool `yaml:"allow_missing_addenda,omitempty" json:"allow_missing_addenda,omitempty"`
	// Grades is the digest of grades that were made elsewhere, of a run that only holds these.
	Grades string `yaml:"grades,omitempty" json:"grades,omitempty"`
	// Disqualify scores repositories 0 that fetch what is blacklisted for their paper.
	Disqualify bool `yaml:"disqualify,omitempty" json:"disqualify,omitempty"`

	// Places says where the things named above were found. They may move: what they hold is checked
	// by digests, so Places is no part of the run's id.
	Places Places `yaml:"places" json:"-"`
}

// Paper is a paper of a run, with what tables group it by.
type Paper struct {
	ID           string `yaml:"id" json:"id"`
	Title        string `yaml:"title,omitempty" json:"title"`
	Venue        string `yaml:"venue" json:"venue"`
	Presentation string `yaml:"presentation,omitempty" json:"presentation"` // oral or poster
}

// Places are paths and names as the user gave them.
type Places struct {
	Data       string `yaml:"data,omitempty"`
	Prompts    string `yaml:"prompts,omitempty"`
	Model      string `yaml:"model,omitempty"`
	JudgeModel string `yaml:"judge_model,omitempty"`
}

// Model is [llm.Model] as it stands in a configuration, where its context window counts too: it decides what
// a judge is shown.
type Model struct {
	Endpoint        string   `yaml:"endpoint" json:"endpoint"`
	Name            string   `yaml:"name" json:"name"`
	Temperature     *float64 `yaml:"temperature,omitempty" json:"temperature,omitempty"`
	ReasoningEffort string   `yaml:"reasoning_effort,omitempty" json:"reasoning_effort,omitempty"`
	MaxTokens       int      `yaml:"max_tokens,omitempty" json:"max_tokens,omitempty"`
	Context         int      `yaml:"context" json:"context"`
}

// LLM is the model as requests name it.
func (m Model) LLM() llm.Model { return llm.Model(m) }

// ID is the run's id: the first 12 hexadecimal digits of the SHA-256 of the configuration's JSON, without
// Places. Budget, concurrency and display are no part of a configuration at all.
func (c *Config) ID() string {
	data, err := json.Marshal(c) // canonical: map keys are sorted, fields in order, and what is empty is left out
	if err != nil {
		panic(fmt.Sprintf("run: a configuration that cannot be encoded: %v", err))
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))[:12]
}

// YAML is the configuration as it stands in run.yaml.
func (c *Config) YAML() ([]byte, error) {
	body, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", c.ID(), err)
	}
	head := fmt.Sprintf("# The frozen configuration of run %s. Its digest is the run's id: to change it, start another run.\n# Only `places` may be edited, when something was moved.\n", c.ID())
	return append([]byte(head), body...), nil
}

// ParseConfig reads a run.yaml.
func ParseConfig(data []byte) (*Config, error) {
	var c Config
	if err := yaml.UnmarshalWithOptions(data, &c, yaml.Strict()); err != nil {
		return nil, err
	}
	return &c, nil
}

// ChangedError is a run.yaml that is not what its run was started with.
type ChangedError struct {
	File string
	Err  error
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s was changed: %v; undo the change, or delete its folder and start the run anew (answers that are paid for are kept in the ledger)", e.File, e.Err)
}

func (e *ChangedError) Unwrap() error { return e.Err }

// Load reads the run.yaml in a run's folder and checks that it is still that run's. Where there is none the
// error is [fs.ErrNotExist].
func Load(dir string) (*Config, error) {
	file := filepath.Join(dir, "run.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, &ChangedError{file, err}
	}
	if id := c.ID(); id != filepath.Base(dir) {
		return nil, &ChangedError{file, fmt.Errorf("its content is that of a run %s", id)}
	}
	return c, nil
}

// freeze writes run.yaml into the run's folder, or checks the one that is there.
func (c *Config) freeze(dir string) error {
	_, err := Load(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := c.YAML()
	if err != nil {
		return err
	}
	// Renamed into place: a crash must not leave half a file that is taken for a changed one.
	file := filepath.Join(dir, "run.yaml")
	if err := os.WriteFile(file+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
