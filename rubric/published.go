package rubric

import (
	"encoding/json"
	"io/fs"
	"math"
)

// Scale says which scores the leaves of a graded tree may have. A [Subtree] always has any from 0 to 1.
type Scale int

// The scales.
const (
	Binary     Scale = iota // 0 or 1, as the published judge and people give them
	Continuous              // any from 0 to 1, as the mean of several samples is
)

// ReadGraded reads the graded tree that is stored under a name in fsys, in the published format. Its errors
// are those of [Read]; a score of a node with children that these do not allow is a fault. The paths are
// those in this file, and the format has no fine-grained categories: both come with [Graded.Match].
func ReadGraded(fsys fs.FS, name string, scale Scale) (*Graded, error) {
	r, err := open(fsys, name)
	if err != nil {
		return nil, err
	}
	return r.gradedTree(scale)
}

// DecodeGraded is [ReadGraded] of a text that is at hand; errors call it by the name.
func DecodeGraded(name string, content []byte, scale Scale) (*Graded, error) {
	return read(name, content).gradedTree(scale)
}

func (r *reader) gradedTree(scale Scale) (*Graded, error) {
	r.graded, r.scale = true, scale
	tree, err := r.node(Root, 1)
	if err := r.close(err); err != nil {
		return nil, err
	}
	return tree, nil
}

// checkScore finds what is wrong with a score. Below says that nothing is wrong below the node.
func (r *reader) checkScore(g *Graded, below bool) {
	const rounding = 1e-9
	g.bound()
	leaf := len(g.Children) == 0
	switch {
	case !(g.Score >= 0 && g.Score <= 1):
		r.fault(g.Node.Path, "score", "is %v; give one from 0 to 1", g.Score)
	case !leaf && below && (g.Score < g.Low-rounding || g.Score > g.High+rounding):
		r.fault(g.Node.Path, "score", "is %v, but the sub_tasks give %v to %v; sum them up again", g.Score, g.Low, g.High)
	case leaf && g.Valid && r.scale == Binary && g.Node.Category != Subtree && g.Score != 0 && g.Score != 1:
		r.fault(g.Node.Path, "score", "is %v; give 0 or 1", g.Score)
	}
}

// gradedJSON is a node of a graded tree as it is published.
type gradedJSON struct {
	ID           string          `json:"id"`
	Requirements string          `json:"requirements"`
	Weight       float64         `json:"weight"`
	Score        float64         `json:"score"`
	Valid        bool            `json:"valid_score"`
	Category     *Category       `json:"task_category"`
	Explanation  string          `json:"explanation"`
	Metadata     json.RawMessage `json:"judge_metadata"`
	Children     []*gradedJSON   `json:"sub_tasks"`
}

func (g *Graded) published() *gradedJSON {
	n := g.Node
	out := &gradedJSON{
		ID: n.ID, Requirements: n.Requirements, Weight: n.Weight,
		Score: g.Score, Valid: g.Valid, Explanation: g.Explanation, Metadata: g.Metadata,
		Children: make([]*gradedJSON, len(g.Children)),
	}
	if n.Category != "" {
		out.Category = &n.Category
	}
	for i, c := range g.Children {
		out.Children[i] = c.published()
	}
	return out
}

// MarshalJSON writes the tree in the published format, which has neither paths nor bounds nor fine-grained
// categories. A node with invalid leaves below it has its [Graded.Score] there, where the published program
// would write [Graded.Low].
func (g *Graded) MarshalJSON() ([]byte, error) { return json.Marshal(g.published()) }

// Usage is how many tokens a model read and wrote.
type Usage struct {
	In  int `json:"in"`
	Out int `json:"out"`
}

// Judgement is what the published program writes as grade.json. The score and the numbers of leaves that
// stand there are those of the tree.
type Judgement struct {
	Judge    string // "simple"
	GradedAt string // as written; the published program writes "2006-01-02T15-04-05-GMT"
	Tree     *Graded
	// Completer is the configuration of the judge's model, Usage the tokens by model; nil where they are not
	// known.
	Completer json.RawMessage
	Usage     map[string]Usage
}

type judgementJSON struct {
	Judge     string           `json:"judge_type"`
	Score     float64          `json:"score"`
	Leaves    int              `json:"num_leaf_nodes"`
	Invalid   int              `json:"num_invalid_leaf_nodes"`
	GradedAt  string           `json:"graded_at"`
	Tree      *gradedJSON      `json:"graded_task_tree"`
	Completer json.RawMessage  `json:"completer_config"`
	Usage     map[string]Usage `json:"token_usage"`
}

// MarshalJSON writes the judgement in the published format; see [Graded.MarshalJSON].
func (j *Judgement) MarshalJSON() ([]byte, error) {
	leaves, invalid := j.Tree.CountLeaves()
	return json.Marshal(judgementJSON{
		Judge: j.Judge, Score: j.Tree.Score, Leaves: leaves, Invalid: invalid,
		GradedAt: j.GradedAt, Tree: j.Tree.published(), Completer: j.Completer, Usage: j.Usage,
	})
}

// CountLeaves counts the leaves, and those without a valid grade.
func (g *Graded) CountLeaves() (all, invalid int) {
	for _, leaf := range g.Leaves() {
		all++
		if !leaf.Valid {
			invalid++
		}
	}
	return all, invalid
}

// ReadJudgement reads a grade.json. Its errors are those of [ReadGraded]; a score or a number of leaves that
// the tree does not have is a fault.
func ReadJudgement(fsys fs.FS, name string, scale Scale) (*Judgement, error) {
	r, err := open(fsys, name)
	if err != nil {
		return nil, err
	}
	r.graded, r.scale = true, scale
	if ok, err := r.expect("", "", "an object", '{'); !ok {
		return nil, r.close(err)
	}
	j := &Judgement{}
	var score, leaves, invalid float64
	var usage json.RawMessage
	required := []string{"judge_type", "score", "num_leaf_nodes", "num_invalid_leaf_nodes", "graded_at", "graded_task_tree"}
	err = r.object("", required, func(key string) (err error) {
		switch key {
		case "judge_type":
			return r.string("", key, &j.Judge)
		case "score":
			return r.number("", key, &score)
		case "num_leaf_nodes":
			return r.number("", key, &leaves)
		case "num_invalid_leaf_nodes":
			return r.number("", key, &invalid)
		case "graded_at":
			return r.string("", key, &j.GradedAt)
		case "graded_task_tree":
			j.Tree, err = r.node(Root, 1)
			return err
		case "completer_config":
			return r.raw(&j.Completer)
		case "token_usage":
			return r.raw(&usage)
		default:
			return r.SkipValue()
		}
	})
	if err == nil && len(r.faults) == 0 {
		all, bad := j.Tree.CountLeaves()
		if math.Abs(score-j.Tree.Score) > 1e-9 {
			r.fault("", "score", "is %v, but that of graded_task_tree is %v", score, j.Tree.Score)
		}
		if leaves != float64(all) {
			r.fault("", "num_leaf_nodes", "is %v, but graded_task_tree has %d", leaves, all)
		}
		if invalid != float64(bad) {
			r.fault("", "num_invalid_leaf_nodes", "is %v, but graded_task_tree has %d", invalid, bad)
		}
		if usage != nil {
			if err := json.Unmarshal(usage, &j.Usage); err != nil {
				r.fault("", "token_usage", `is not {"MODEL": {"in": 1, "out": 1}}: %v`, err)
			}
		}
	}
	if err := r.close(err); err != nil {
		return nil, err
	}
	return j, nil
}
