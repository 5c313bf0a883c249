package reports

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A report is regenerated without paying again: neither numbers nor tables may reach a model, a ledger, an
// engine or the network, not even through another package.
func TestNothingHereCallsAnything(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "papereval/stats", "papereval/reports").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "papereval/stats") || !slices.Contains(deps, "papereval/reports") {
		t.Fatalf("go list does not name the packages themselves:\n%s", out)
	}
	for _, dep := range deps {
		ours := strings.HasPrefix(dep, "papereval/") && dep != "papereval/stats" && dep != "papereval/reports"
		if ours || dep == "net/http" || strings.Contains(dep, "sqlite") || strings.Contains(dep, "openai") || strings.Contains(dep, "docker") {
			t.Errorf("stats or reports depend on %s", dep)
		}
	}
}
