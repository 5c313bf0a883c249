package replication

import (
	"fmt"
	"regexp"
	"strconv"

	"papereval/rubric"
)

// Variant is what of a rubric is graded, and how. The scores of different variants are different metrics.
type Variant struct {
	CodeDev bool // PaperBench Code-Dev: only the leaves about code
	// Resources leaves out the leaves about acquiring data sets and models, for systems that are given them.
	Resources bool
	// AllFiles shows all files that fit, in order, instead of the first ten of a ranking.
	AllFiles bool
	// Depth is where subtrees are graded as wholes, counted from the root as 1; 0 is nowhere.
	Depth int
}

const base = "replication"

var written = regexp.MustCompile(`^` + base + `(-code-dev)?(-resources-provided)?(-all-files)?(?:-depth([1-9]\d?))?$`)

// ParseVariant reads the name of a variant.
func ParseVariant(name string) (Variant, error) {
	m := written.FindStringSubmatch(name)
	if m == nil {
		return Variant{}, fmt.Errorf("%q is no variant of the replication judge: its name is replication, then as many of -code-dev, -resources-provided, -all-files and -depthN as apply, in this order", name)
	}
	v := Variant{CodeDev: m[1] != "", Resources: m[2] != "", AllFiles: m[3] != ""}
	if m[4] != "" {
		v.Depth, _ = strconv.Atoi(m[4]) // one or two digits
	}
	return v, nil
}

// String is the variant's name: "replication-code-dev".
func (v Variant) String() string {
	name := base
	for _, part := range []struct {
		on   bool
		name string
	}{{v.CodeDev, "-code-dev"}, {v.Resources, "-resources-provided"}, {v.AllFiles, "-all-files"}, {v.Depth > 0, "-depth" + strconv.Itoa(v.Depth)}} {
		if part.on {
			name += part.name
		}
	}
	return name
}

// Reduce is what of a rubric is graded.
func (v Variant) Reduce(root *rubric.Node) *rubric.Node {
	if v.CodeDev {
		root = root.CodeOnly()
	}
	if v.Resources {
		root = root.ResourcesProvided()
	}
	if v.Depth > 0 {
		root = root.PruneTo(v.Depth)
	}
	return root
}
