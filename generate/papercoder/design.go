package papercoder

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"papereval/answer"
	"papereval/repo"
)

// Both files have a stage of their own and are not coded again where a list of files has them.
const (
	configFile       = "config.yaml"
	requirementsFile = "requirements.txt"
)

// design is what is taken from the answers of the architecture and logic stages.
type design struct {
	files    []string          // to write, in order
	purpose  map[string]string // by file
	packages []string          // lines of requirements.txt
}

func readArchitecture(text string) (*design, error) {
	obj, _, err := answer.Object(text)
	if err != nil {
		return nil, err
	}
	files, err := fileList(obj, "File list", "Files", "File structure")
	return &design{files: files}, err
}

func readLogic(text string) (*design, error) {
	obj, _, err := answer.Object(text)
	if err != nil {
		return nil, err
	}
	d := &design{purpose: make(map[string]string)}
	if d.files, err = fileList(obj, "Task list", "Tasks", "File list"); err != nil {
		return nil, err
	}
	if raw, ok := answer.Lookup(obj, "Required packages", "Required Python packages", "Required Python third-party packages", "Requirements"); ok {
		d.packages = packages(answer.Strings(raw))
	}
	if raw, ok := answer.Lookup(obj, "Logic Analysis", "Logic"); ok {
		readPurposes(raw, d.purpose)
	}
	return d, nil
}

// fileList reads the files to write from the first of the keys that is there.
func fileList(obj *answer.Obj, keys ...string) ([]string, error) {
	raw, ok := answer.Lookup(obj, keys...)
	if !ok {
		return nil, fmt.Errorf("the key %q is missing", keys[0])
	}
	var files []string
	var check repo.Tree // two files that cannot stand side by side are found here
	for _, name := range answer.Strings(raw) {
		name = repo.Clean(name)
		if name == configFile || name == requirementsFile {
			continue
		}
		if slices.Contains(files, name) {
			return nil, fmt.Errorf("%q names %s twice", keys[0], name)
		}
		if err := check.Put(name, nil); err != nil {
			return nil, fmt.Errorf("%q: %w", keys[0], err)
		}
		files = append(files, name)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%q names no file", keys[0])
	}
	return files, nil
}

// requirement is a line of requirements.txt: a name with extras, versions or an address, and a marker.
var requirement = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*(@\s*\S+|([<>=!~]=?=?\s*[^\s,;]+\s*,?\s*)*)\s*(;.*)?$`)

// packages keeps what can be a line of requirements.txt: models also write remarks there.
func packages(lines []string) []string {
	var kept []string
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); requirement.MatchString(line) {
			kept = append(kept, line)
		}
	}
	return kept
}

// readPurposes reads the logic analysis: pairs [file, description], or an object by file. What has another
// form is left out: the file's description then stands only in the whole design, which the prompts show.
func readPurposes(raw json.RawMessage, purpose map[string]string) {
	var pairs []json.RawMessage
	if json.Unmarshal(raw, &pairs) == nil {
		for _, raw := range pairs {
			var pair []string
			if json.Unmarshal(raw, &pair) == nil && len(pair) >= 2 {
				purpose[repo.Clean(pair[0])] = strings.Join(pair[1:], "\n")
			}
		}
		return
	}
	var byFile map[string]string
	if json.Unmarshal(raw, &byFile) == nil {
		for file, text := range byFile {
			purpose[repo.Clean(file)] = text
		}
	}
}
