package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gofrs/flock"

	"papereval/datasets"
	"papereval/eval"
	"papereval/generate"
	"papereval/ledger"
	"papereval/llm"
	"papereval/llm/recording"
	"papereval/paper"
	"papereval/prompt"
	"papereval/repo"
)

// Run is a run with everything that it needs to be carried out.
type Run struct {
	Config     Config
	Workspace  string
	Ledger     *ledger.Ledger
	Papers     []datasets.Entry
	Generators []generate.Generator
	// Evaluators makes the evaluators around the run's client.
	Evaluators func(llm.Client) []eval.Evaluator
	// Prompts are those of package generate.
	Prompts prompt.Folder
	// Endpoints answer, by what models call their endpoint.
	Endpoints   map[string]llm.Client
	Concurrency int               // calls in flight
	Record      *recording.Writer // may be nil
	Version     string            // of bench, for the provenance of scores
	Events      func(Event)       // called concurrently; never nil
	Damage      func(error)       // told of damaged ledger entries; never nil

	id    string
	calls llm.Client

	mu     sync.Mutex
	totals Totals
	papers map[string]func() (*paper.Paper, error)
}

// Totals are what one execution of a run did.
type Totals struct {
	Cells, Failed  int // cells that were worked on, and of these those without a repository
	JudgesFailed   int
	Sent, Known    int // samples that were asked for and answered, and samples from the ledger
	Usage          llm.Usage
	CostUSD        float64
	FirstFailure   string
	RepositoriesIn string // the run's folder
}

// Dir is the run's folder.
func (r *Run) Dir() string { return filepath.Join(r.Workspace, "runs", r.Config.ID()) }

// BusyError is a run that another process is working on.
type BusyError struct{ Run, File string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("run %s is being worked on by another process, which holds %s; wait for it or stop it", e.Run, e.File)
}

// Execute carries out the run. It may be called again after any interruption: what was paid for is not paid
// for twice, and everything else is computed anew. The totals are valid also where there is an error.
//
// A cell that fails does not stop the others; the error is then nil and the totals tell. An error means that
// the run as a whole could not go on.
func (r *Run) Execute(ctx context.Context) (Totals, error) {
	unlock, err := r.open(ctx)
	if err != nil {
		return Totals{}, err
	}
	defer unlock()
	err = r.eachCell(ctx, r.cell)
	return r.totals, err
}

// Pending works the run through as far as the ledger's answers reach, without asking any model, and leaves
// the calls that have no answer yet in the ledger as pending. It stores no scores.
func (r *Run) Pending(ctx context.Context) (Totals, error) {
	unlock, err := r.open(ctx)
	if err != nil {
		return Totals{}, err
	}
	defer unlock()
	// What an earlier version or prompt waited for may not be asked any more.
	if err := r.Ledger.DropPending(ctx, r.id); err != nil {
		return Totals{}, &LedgerError{err}
	}
	endpoint := unanswered(func(ctx context.Context, req *llm.Request) error {
		for i := range req.Count() {
			if err := r.Ledger.PutPending(ctx, r.id, newCall(req, req.First+i)); err != nil {
				return &LedgerError{err}
			}
		}
		return nil
	})
	for name := range r.Endpoints {
		r.Endpoints[name] = endpoint
	}
	err = r.eachCell(ctx, func(ctx context.Context, c Cell, e datasets.Entry, g generate.Generator) error {
		tree, err := r.generate(ctx, c, g, nil)
		if err != nil {
			return stops(err)
		}
		_, err = r.evaluate(ctx, c, e, tree)
		return stops(err)
	})
	return r.totals, err
}

// open claims the run for this process.
func (r *Run) open(ctx context.Context) (unlock func(), err error) {
	r.id = r.Config.ID()
	dir := r.Dir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the run's folder: %w; choose another workspace with --workspace", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("the run's lock: %w", err)
	} else if !ok {
		return nil, &BusyError{r.id, lock.Path()}
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	if err := r.Config.freeze(dir); err != nil {
		return nil, err
	}
	config, err := r.Config.YAML()
	if err != nil {
		return nil, err
	}
	if err := r.Ledger.PutRun(ctx, ledger.Run{ID: r.id, Config: config, Created: time.Now()}); err != nil {
		return nil, &LedgerError{err}
	}
	r.calls = r.client()
	r.totals = Totals{RepositoriesIn: dir}
	r.papers = make(map[string]func() (*paper.Paper, error))
	for _, e := range r.Papers {
		r.papers[e.ID] = sync.OnceValues(func() (*paper.Paper, error) {
			p, err := e.Paper(paper.Form(r.Config.PaperForm))
			if err != nil {
				return nil, err
			}
			for _, w := range p.Warnings {
				r.Events(Event{Cell: Cell{Paper: e.ID}, What: PaperWarning, Err: errors.New(w)})
			}
			return p, nil
		})
	}
	return func() { _ = lock.Close() }, nil
}

// eachCell works on as many cells at a time as calls may be in flight.
func (r *Run) eachCell(ctx context.Context, work func(context.Context, Cell, datasets.Entry, generate.Generator) error) error {
	group, cellCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(r.Concurrency, 1))
	for _, e := range r.Papers {
		for _, g := range r.Generators {
			for _, seed := range r.Config.Seeds {
				if cellCtx.Err() != nil {
					break
				}
				group.Go(func() error {
					if err := cellCtx.Err(); err != nil {
						return err
					}
					return work(cellCtx, Cell{e.ID, g.Name(), seed}, e, g)
				})
			}
		}
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// stops keeps the errors that no cell can get past: the rest of the run would only repeat them.
func stops(err error) error {
	if errors.As(err, new(*LedgerError)) || errors.As(err, new(*WorkspaceError)) || errors.As(err, new(*recording.WriteError)) {
		return err
	}
	switch kind := llm.KindOf(err); {
	case llm.Hopeless(kind):
		return err
	case kind != "": // also where a call's own time limit passed, which looks like a context's
		return nil
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return nil
}

// WorkspaceError is a file of the workspace that cannot be written.
type WorkspaceError struct{ Err error }

func (e *WorkspaceError) Error() string {
	return fmt.Sprintf("workspace: %v; what was answered is kept, and the same command continues", e.Err)
}

func (e *WorkspaceError) Unwrap() error { return e.Err }

func (r *Run) count(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.Known += e.Known
	r.totals.Sent += e.Samples - e.Known
	r.totals.Usage = r.totals.Usage.Add(e.Usage)
	r.totals.CostUSD += e.CostUSD
}

// reference reads the authors' repository of a paper; nil where it is not there.
func reference(e datasets.Entry) (*repo.Tree, error) {
	tree, _, err := e.ReferenceTree() // what is not read there is of no use to a judge either
	if errors.Is(err, datasets.ErrAbsent) {
		return nil, nil
	}
	return tree, err
}

// folder is the cell's folder below the run's.
func (c Cell) folder(model llm.Model) string {
	name := fmt.Sprintf("%s--%s--%d", c.System, model, c.Seed)
	return filepath.Join(safe.Replace(c.Paper), safe.Replace(name))
}

// safe makes a folder's name of a paper's or a model's: providers put slashes and colons into theirs.
var safe = strings.NewReplacer("/", "_", "\\", "_", ":", "_", "..", "_")
