package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func render(t *testing.T, format Format, tables ...Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, format, tables); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file   string
		run    *Run
		format Format
	}{
		{"report.table", fixture(), FormatTable},
		{"report.markdown", fixture(), FormatMarkdown},
		{"report.csv", fixture(), FormatCSV},
		{"report.json", fixture(), FormatJSON},
		{"simulated.table", simulatedFixture(true), FormatTable},
		{"partly-simulated.table", simulatedFixture(false), FormatTable},
		{"partly-simulated.markdown", simulatedFixture(false), FormatMarkdown},
		{"replication.table", replicationFixture(), FormatTable},
		{"replication.markdown", replicationFixture(), FormatMarkdown},
		{"replication.csv", replicationFixture(), FormatCSV},
		{"replication.json", replicationFixture(), FormatJSON},
		{"invalid-as-zero.table", zeroed(replicationFixture()), FormatTable},
		{"empty.table", &Run{ID: "3fa2c1d0", Dataset: "paper2code"}, FormatTable},
		{"empty.json", &Run{ID: "3fa2c1d0", Dataset: "paper2code"}, FormatJSON},
	} {
		t.Run(c.file, func(t *testing.T) {
			got := render(t, c.format, Tables(c.run)...)
			path := filepath.Join("testdata", c.file)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got; rewrite it with -update):\n%s", path, diff)
			}
		})
	}
}

// The order of cells and scores in the record, which depends on what finished first, must not show.
func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, fixture := range []func() *Run{fixture, replicationFixture} {
		want := render(t, FormatJSON, Tables(fixture())...)
		for range 20 {
			run := fixture()
			r.Shuffle(len(run.Cells), func(i, j int) { run.Cells[i], run.Cells[j] = run.Cells[j], run.Cells[i] })
			for _, c := range run.Cells {
				r.Shuffle(len(c.Scores), func(i, j int) { c.Scores[i], c.Scores[j] = c.Scores[j], c.Scores[i] })
			}
			if diff := cmp.Diff(want, render(t, FormatJSON, Tables(run)...)); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

func TestTerminalWidth(t *testing.T) {
	one := fixture()
	one.Cells = one.Cells[:5]
	seeds := fixture()
	seeds.Cells[1].Seed = 1
	long := replicationFixture()
	for i := range long.Cells {
		c := &long.Cells[i]
		c.Model = []string{"o3-mini-high", "an-organisation/a-model-of-theirs-2025-04-16"}[i%2]
		for j := range c.Scores {
			c.Scores[j].Evaluator += "-resources-provided-all-files-depth12"
		}
	}
	for seed := range 30 {
		long.Seeds = append(long.Seeds, seed)
	}
	for name, run := range map[string]*Run{"one model": one, "two models": fixture(), "seeds too": seeds, "replication": replicationFixture(), "long names": long} {
		for _, table := range Tables(run) {
			for line := range strings.Lines(render(t, FormatTable, table)) {
				if n := width(strings.TrimRight(line, "\n")); n > terminalWidth {
					t.Errorf("%s: %d columns wide: %s", name, n, line)
				}
			}
		}
	}
}

func TestNothingHostileIsPrinted(t *testing.T) {
	for _, format := range Formats() {
		out := render(t, format, append(Tables(fixture()), Tables(replicationFixture())...)...)
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && Plain(string(r)) == "" && r != ' ' }); i >= 0 {
			t.Errorf("%s: %q", format, out[i:min(len(out), i+40)])
		}
	}
}

func TestSimulatedIsSaidFirst(t *testing.T) {
	const says = "SIMULATED ANSWERS: not a result"
	unscored := simulatedFixture(true)
	for i := range unscored.Cells {
		unscored.Cells[i].Scores = nil
	}
	for name, run := range map[string]*Run{"all": simulatedFixture(true), "some": simulatedFixture(false), "unscored": unscored} {
		for _, format := range []Format{FormatTable, FormatMarkdown, FormatCSV} {
			for _, table := range Tables(run) {
				out := render(t, format, table)
				if first, _, _ := strings.Cut(out, "\n"); !strings.Contains(first, says) {
					t.Errorf("%s, %s: the first line is %q", name, format, first)
				}
			}
		}
		if out := render(t, FormatJSON, Tables(run)...); strings.Count(out, `"banner": "`+says) != 2 {
			t.Errorf("%s: json has no banner for each table", name)
		}
	}
	if out := render(t, FormatTable, Tables(fixture())...); strings.Contains(out, says) {
		t.Error("a recorded run is called simulated")
	}
}

// Failures are never numbers: the summary's mean is over what was judged and what the system failed at.
func TestSummaryCounts(t *testing.T) {
	run := fixture()
	g := run.groups()
	if len(g) != 3 || g[1][0].System != "papercoder" || g[1][0].Model != "o3-mini" {
		t.Fatalf("groups: %v", g)
	}
	ms := run.measures()
	refbased, reffree := g[1].in(ms[0]), g[1].in(ms[1])
	if want := []float64{13.0 / 3, 4.5}; !slices.Equal(refbased.means, want) || refbased.skipped != 1 {
		t.Errorf("refbased: %+v, want %v and 1 skipped", refbased, want)
	}
	if want := []float64{4, 3}; !slices.Equal(reffree.means, want) || reffree.judgeFailed != 1 || reffree.valid != 6 || reffree.asked != 9 {
		t.Errorf("reffree: %+v, want %v, 1 judge failed, 6 of 9 valid", reffree, want)
	}
	if low, high := reffree.leftOpen(); low != (4.0+1+3)/3 || high != (4.0+5+3)/3 {
		t.Errorf("reffree leaves %v to %v open", low, high)
	}
	if got, want := g[2].in(ms[0]), []float64{11.0 / 3, 1}; !slices.Equal(got.means, want) || got.systemFailed != 1 {
		t.Errorf("papercoder-analysis refbased: %+v, want %v with 1 system failed", got, want)
	}
}

// Seeds of one paper are not independent: n counts papers.
func TestSeedsAreOnePaper(t *testing.T) {
	run := &Run{}
	for i, v := range []float64{1, 3, 5} {
		run.Cells = append(run.Cells, Cell{Paper: []string{"a", "a", "b"}[i], Seed: i, State: Done, Scores: []Score{judged("refbased", v)}})
	}
	if got := run.groups()[0].in(run.measures()[0]).means; !slices.Equal(got, []float64{2, 5}) {
		t.Errorf("means %v, want 2 and 5", got)
	}
}

func TestTwoJudgesAreNotMixed(t *testing.T) {
	run := fixture()
	other := judged("refbased", 1.5)
	other.JudgeModel = "other"
	run.Cells[1].Scores = append(run.Cells[1].Scores, other)
	summary := render(t, FormatMarkdown, Summary(run))
	for _, want := range []string{"| refbased 1–5 o3-mini-high |", "| refbased 1–5 other |", "| reffree 1–5 |", "Judge model: o3-mini-high, other"} {
		if !strings.Contains(summary, want) {
			t.Errorf("no %q in\n%s", want, summary)
		}
	}
}

func TestCSVIsReadable(t *testing.T) {
	for _, table := range Tables(fixture()) {
		r := csv.NewReader(strings.NewReader(render(t, FormatCSV, table)))
		r.Comment = '#'
		rows, err := r.ReadAll() // refuses rows of different lengths
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != len(table.Rows)+1 {
			t.Errorf("%d lines for %d rows", len(rows), len(table.Rows))
		}
		seen := map[string]bool{}
		for _, name := range rows[0] {
			if seen[name] {
				t.Errorf("two columns are called %s", name)
			}
			seen[name] = true
		}
		if i := slices.Index(rows[0], "cost_usd"); i >= 0 && rows[1][i] != "" {
			t.Errorf("an unknown cost is %q", rows[1][i]) // Transformer by local-model sorts first
		}
	}
}

func TestNotFiniteNumbers(t *testing.T) {
	for _, run := range []*Run{fixture(), replicationFixture()} {
		for i := range run.Cells {
			for j := range run.Cells[i].Scores {
				s := &run.Cells[i].Scores[j]
				s.Value, s.Low, s.High, s.Samples = math.NaN(), math.Inf(-1), math.Inf(1), []float64{math.NaN(), 3}
			}
			run.Cells[i].Usage.CostUSD = usd(math.NaN())
		}
		for _, format := range Formats() {
			out := render(t, format, Tables(run)...)
			if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
				t.Errorf("%s:\n%s", format, out)
			}
			if format == FormatJSON && !json.Valid([]byte(out)) {
				t.Error("not JSON")
			}
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("%s: %v, %v", f, got, err)
		}
	}
	for _, bad := range []string{"", "latex", "html", "JSON"} {
		if _, err := ParseFormat(bad); err == nil || !strings.Contains(err.Error(), "table, markdown, csv, json") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := Render(&bytes.Buffer{}, "html", nil); err == nil {
		t.Error("Render took html")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestWriteErrors(t *testing.T) {
	for _, format := range Formats() {
		if err := Render(fullDisk{}, format, Tables(fixture())); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// A value must not be taken for a comment, or end its row.
func TestCSVQuotes(t *testing.T) {
	values := []string{"#1 method", `say "x"`, "a,b"}
	row := []Value{}
	table := Table{Title: "T"}
	for _, v := range values {
		table.Columns = append(table.Columns, Column{Key: v})
		row = append(row, Text(v))
	}
	table.Rows = [][]Value{row}
	r := csv.NewReader(strings.NewReader(render(t, FormatCSV, table)))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 2 || !slices.Equal(rows[0], values) || !slices.Equal(rows[1], values) {
		t.Errorf("%q, %v", rows, err)
	}
}
