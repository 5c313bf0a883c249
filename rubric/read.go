package rubric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"papereval/paper"
)

const (
	maxDepth  = 64  // nodes that may be in each other; published rubrics have 10
	maxWeight = 1e9 // keeps sums finite; published rubrics have 20
)

// Fault is one thing that is wrong.
type Fault struct {
	Path    Path   // of the node; "" where it concerns the file
	Key     string // whose value is wrong; "" where it is the node itself
	Problem string
}

func (f Fault) String() string {
	where, what := "the file: ", f.Key+" "
	if f.Path != "" {
		where = "node " + string(f.Path) + ": "
	}
	if f.Key == "" {
		what = ""
	}
	return where + what + f.Problem
}

// Faults are all that is wrong with a tree, in the order of its nodes.
type Faults []Fault

// Error has a line for each of the first 200 faults.
func (f Faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "faults (%d):", len(f))
	for i, fault := range f {
		if i == 200 {
			fmt.Fprintf(&b, "\n  and %d more", len(f)-i)
			break
		}
		b.WriteString("\n  " + fault.String())
	}
	return b.String()
}

// Read reads the rubric that is stored under a name in fsys. Keys that it does not know are ignored, and
// ids may repeat.
//
// Errors name the file. That of text that is not JSON is a [*paper.SyntaxError]; that of JSON that is not a
// rubric is [Faults]; a missing file is [fs.ErrNotExist].
func Read(fsys fs.FS, name string) (*Node, error) {
	r, err := open(fsys, name)
	if err != nil {
		return nil, err
	}
	tree, err := r.node(Root, 1)
	if err := r.close(err); err != nil {
		return nil, err
	}
	return tree.Node, nil
}

// reader reads a tree with or without grades and collects every fault on the way, for which it reads token
// by token: a decoder into structs stops at the first value of a wrong type.
type reader struct {
	name    string
	content []byte
	*jsontext.Decoder
	graded bool
	scale  Scale
	faults Faults
}

func open(fsys fs.FS, name string) (*reader, error) {
	content, err := paper.ReadText(fsys, name)
	if err != nil {
		return nil, err
	}
	return read(name, content), nil
}

func read(name string, content []byte) *reader {
	// Half a surrogate pair, which a cut answer may end with, is read as U+FFFD.
	d := jsontext.NewDecoder(bytes.NewBuffer(content), jsontext.AllowInvalidUTF8(true))
	return &reader{name: name, content: content, Decoder: d}
}

// close ends the reading and returns what is wrong with the file, given how reading its value ended.
func (r *reader) close(err error) error {
	offset := len(r.content)
	if err == nil {
		end := int(r.InputOffset())
		if rest := bytes.TrimLeft(r.content[end:], " \t\r\n"); len(rest) > 0 {
			offset -= len(rest)
			err = errors.New("there is more text after the JSON value; delete it")
		}
	} else if syntax := new(jsontext.SyntacticError); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the JSON ends too early; fetch the file again")
	} else if errors.As(err, &syntax) {
		offset = min(int(syntax.ByteOffset), offset)
		err = fmt.Errorf("this is not JSON: %w; mend this place or fetch the file again", syntax.Err)
	}
	if err != nil {
		before := r.content[:offset]
		line := before[bytes.LastIndexByte(before, '\n')+1:]
		return &paper.SyntaxError{
			File: r.name, Line: 1 + bytes.Count(before, []byte("\n")), Column: 1 + utf8.RuneCount(line), Err: err,
		}
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Path.Compare(b.Path) })
		return fmt.Errorf("%s cannot be used, it has %w", r.name, r.faults)
	}
	return nil
}

func (r *reader) fault(p Path, key, format string, args ...any) {
	r.faults = append(r.faults, Fault{p, key, fmt.Sprintf(format, args...)})
}

func (r *reader) node(p Path, depth int) (*Graded, error) {
	n := &Node{Path: p}
	g := &Graded{Node: n}
	if depth > maxDepth {
		r.fault(p, "", "is more than %d levels deep, which no rubric is; take levels out", maxDepth)
		return g, r.SkipValue()
	}
	if ok, err := r.expect(p, "", "an object", '{'); !ok {
		return g, err
	}
	before := len(r.faults)
	required := []string{"id", "requirements", "weight", "sub_tasks"}
	if r.graded {
		required = append(required, "task_category", "score", "valid_score", "explanation")
	}
	err := r.object(p, required, func(key string) error {
		switch {
		case key == "id":
			return r.string(p, key, &n.ID)
		case key == "requirements":
			return r.string(p, key, &n.Requirements)
		case key == "weight":
			return r.number(p, key, &n.Weight)
		case key == "task_category":
			return r.optional(p, key, (*string)(&n.Category))
		case key == "finegrained_task_category":
			return r.optional(p, key, (*string)(&n.FineGrained))
		case key == "sub_tasks":
			return r.children(g, depth)
		case key == "score" && r.graded:
			return r.number(p, key, &g.Score)
		case key == "valid_score" && r.graded:
			return r.bool(p, key, &g.Valid)
		case key == "explanation" && r.graded:
			return r.string(p, key, &g.Explanation)
		case key == "judge_metadata" && r.graded:
			return r.raw(&g.Metadata)
		default:
			return r.SkipValue()
		}
	})
	if err == nil {
		r.check(g, r.faults[before:])
	}
	return g, err
}

// check finds what is wrong with the values of a node that could be read. Faults are those that were found
// in it and below it.
func (r *reader) check(g *Graded, faults Faults) {
	n := g.Node
	read := func(key string) bool {
		return !slices.ContainsFunc(faults, func(f Fault) bool { return f.Path == n.Path && f.Key == key })
	}
	if read("requirements") && strings.TrimSpace(n.Requirements) == "" {
		r.fault(n.Path, "requirements", "is empty; say what is asked for")
	}
	if !(n.Weight >= 0 && n.Weight <= maxWeight) {
		r.fault(n.Path, "weight", "is %v; give one from 0 to %.0f", n.Weight, maxWeight)
	}
	known := Categories()
	if r.graded {
		known = append(known, Subtree)
	}
	switch {
	case !read("task_category"):
	case n.Category != "" && !slices.Contains(known, n.Category):
		r.fault(n.Path, "task_category", "is %q; give one of %q", n.Category, known)
	case !read("sub_tasks"):
	case n.Category == "" && n.IsLeaf():
		r.fault(n.Path, "task_category", "is needed where there are no sub_tasks; give one of %q", known)
	case n.Category != "" && !n.IsLeaf():
		r.fault(n.Path, "task_category", "is %q, but the node has sub_tasks; make it null", n.Category)
	}
	if n.FineGrained != "" && !slices.Contains(FineGrainedCategories(), n.FineGrained) {
		r.fault(n.Path, "finegrained_task_category", "is %q; give null or one of %q", n.FineGrained, FineGrainedCategories())
	}
	if r.graded && read("score") {
		r.checkScore(g, len(faults) == 0)
	}
}

func (r *reader) children(parent *Graded, depth int) error {
	p := parent.Node.Path
	if ok, err := r.expect(p, "sub_tasks", "an array", '['); !ok {
		return err
	}
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	for r.PeekKind() != ']' {
		c, err := r.node(p.Child(len(parent.Children)), depth+1)
		if err != nil {
			return err
		}
		parent.Children = append(parent.Children, c)
		parent.Node.Children = append(parent.Node.Children, c.Node)
	}
	_, err := r.ReadToken()
	return err
}

// object reads an object, whose values each has to read by their keys.
func (r *reader) object(p Path, required []string, each func(key string) error) error {
	if _, err := r.ReadToken(); err != nil {
		return err
	}
	missing := slices.Clone(required)
	for r.PeekKind() != '}' {
		token, err := r.ReadToken()
		if err != nil {
			return err
		}
		key := token.String()
		if i := slices.Index(missing, key); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		}
		if err := each(key); err != nil {
			return err
		}
	}
	for _, key := range missing {
		r.fault(p, key, "is missing")
	}
	_, err := r.ReadToken()
	return err
}

func (r *reader) string(p Path, key string, into *string) error {
	return r.scalar(p, key, "a string", func(t jsontext.Token) { *into = t.String() }, '"')
}

// optional reads a string that may be null.
func (r *reader) optional(p Path, key string, into *string) error {
	if r.PeekKind() == 'n' {
		return r.SkipValue()
	}
	return r.string(p, key, into)
}

func (r *reader) number(p Path, key string, into *float64) error {
	return r.scalar(p, key, "a number", func(t jsontext.Token) { *into = t.Float() }, '0')
}

func (r *reader) bool(p Path, key string, into *bool) error {
	return r.scalar(p, key, "true or false", func(t jsontext.Token) { *into = t.Bool() }, 't', 'f')
}

func (r *reader) scalar(p Path, key, want string, take func(jsontext.Token), kinds ...jsontext.Kind) error {
	if ok, err := r.expect(p, key, want, kinds...); !ok {
		return err
	}
	token, err := r.ReadToken()
	if err == nil {
		take(token)
	}
	return err
}

// raw keeps a value as it is; null is none.
func (r *reader) raw(into *json.RawMessage) error {
	value, err := r.ReadValue()
	if err == nil && value.Kind() != 'n' {
		*into = json.RawMessage(value.Clone())
	}
	return err
}

// expect says whether the next value is of one of some kinds. One of another kind is a fault and skipped.
func (r *reader) expect(p Path, key, want string, kinds ...jsontext.Kind) (bool, error) {
	kind := r.PeekKind()
	if slices.Contains(kinds, kind) {
		return true, nil
	}
	err := r.SkipValue() // an error of syntax, where there is no next value
	if err == nil {
		r.fault(p, key, "is %s where %s is expected", kindName(kind), want)
	}
	return false, err
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	default:
		return k.String()
	}
}
