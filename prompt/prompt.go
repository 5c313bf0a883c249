// Package prompt holds the prompts that stand as files beside the code that uses them, and lets a folder of
// the user's replace any of them.
package prompt

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// Folder is the prompts of one package. It is immutable.
type Folder struct {
	// Path is where the prompts stand in the source, "eval/reffree/prompts": the same relative path
	// replaces them in the folder given with --prompts.
	Path  string
	texts map[string]string
}

// Read takes the files that a package embeds in its folder prompts; pkg is the package's own folder. It
// panics where they cannot be read, since what is compiled in always can.
func Read(pkg string, embedded fs.FS) Folder {
	f := Folder{Path: pkg + "/prompts", texts: make(map[string]string)}
	names, err := fs.Glob(embedded, "prompts/*.*")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("prompt: %s embeds no prompts: %v", pkg, err))
	}
	for _, name := range names {
		data, err := fs.ReadFile(embedded, name)
		if err != nil {
			panic(fmt.Sprintf("prompt: %s: %v", pkg, err))
		}
		f.texts[path.Base(name)] = string(data)
	}
	return f
}

// Text is the prompt of that name, without extension and without the final line break. It panics on a name
// that does not exist.
func (f Folder) Text(name string) string {
	text, ok := f.texts[name+".tmpl"]
	if !ok {
		panic("prompt: there is no " + f.Path + "/" + name + ".tmpl")
	}
	return strings.TrimSuffix(text, "\n")
}

// Schema is the JSON schema of the answer to the prompt of that name, which stands beside it in a file
// NAME.schema.json; nil where there is none.
func (f Folder) Schema(name string) []byte {
	if text, ok := f.texts[name+schema]; ok {
		return []byte(text)
	}
	return nil
}

const schema = ".schema.json"

// Fill executes the prompt of that name as a text/template with data. What the template itself gets wrong
// is an error that names the file.
func (f Folder) Fill(name string, data any) (string, error) {
	t, err := parse(f.Path+"/"+name+".tmpl", f.Text(name))
	if err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	return b.String(), nil
}

// Digest identifies the prompts: the SHA-256, in hexadecimal, over their names and texts.
func (f Folder) Digest() string {
	h := sha256.New()
	for _, name := range f.names() {
		fmt.Fprintf(h, "%x  %s\n", sha256.Sum256([]byte(f.texts[name])), name)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// placeholder is what stands for the paper and the code in the judges' prompts.
var placeholder = regexp.MustCompile(`\{\{[A-Za-z]+\}\}`)

// fits tells whether a prompt can take the place of another one: it has all of its placeholders, or, where it
// is a template, can be parsed.
func fits(text, original string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("is empty")
	}
	marks := placeholder.FindAllString(original, -1)
	for _, mark := range marks {
		if mark != "{{end}}" && mark != "{{else}}" && !strings.Contains(text, mark) {
			return fmt.Errorf("lacks the placeholder %s", mark)
		}
	}
	if strings.Contains(original, "{{.") || len(marks) == 0 {
		_, err := parse("prompt", text)
		return err
	}
	return nil
}

func parse(name, text string) (*template.Template, error) {
	return template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"fence": Fence}).Parse(text)
}

func (f Folder) names() []string {
	var names []string
	for name := range f.texts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Replace returns the folders with every prompt replaced for which dir has a file of the same relative path.
// A file in dir that replaces nothing is an error, since a misspelt name would else pass unnoticed. A replaced
// prompt loses its schema, since it may ask for an answer of another form, unless that is replaced, too.
func Replace(dir fs.FS, folders []Folder) ([]Folder, error) {
	replaced := make([]Folder, len(folders))
	byPath := make(map[string]*Folder)
	for i, f := range folders {
		replaced[i] = Folder{Path: f.Path, texts: make(map[string]string)}
		for name, text := range f.texts {
			replaced[i].texts[name] = text
		}
		byPath[f.Path] = &replaced[i]
	}
	var unknown []error
	given := make(map[string]bool)
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f := byPath[path.Dir(name)]
		if f == nil || f.texts[path.Base(name)] == "" {
			unknown = append(unknown, fmt.Errorf("%s replaces no prompt", name))
			return nil
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, schema) {
			if !json.Valid(data) {
				return fmt.Errorf("%s is not JSON", name)
			}
		} else if err := fits(string(data), f.texts[path.Base(name)]); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		f.texts[path.Base(name)] = string(data)
		given[name] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	for name := range given {
		answer := strings.TrimSuffix(name, path.Ext(name)) + schema
		if !strings.HasSuffix(name, schema) && !given[answer] {
			delete(byPath[path.Dir(name)].texts, path.Base(answer))
		}
	}
	if unknown != nil {
		var all []string
		for _, f := range folders {
			for _, name := range f.names() {
				all = append(all, "  "+f.Path+"/"+name)
			}
		}
		return nil, fmt.Errorf("prompts: %w; there are\n%s", errors.Join(unknown...), strings.Join(all, "\n"))
	}
	return replaced, nil
}

// Fence puts text between lines of backticks, one more than the longest run of backticks that begins a line
// in it and at least three, so that nothing in the text can end the block.
func Fence(info, text string) string {
	longest := 2
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, " \t>")
		longest = max(longest, len(line)-len(strings.TrimLeft(line, "`")))
	}
	mark := strings.Repeat("`", longest+1)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return mark + info + "\n" + text + mark
}
