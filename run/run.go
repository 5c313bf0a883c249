package run

import (
	"cmp"
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
	"papereval/llm/batch"
	"papereval/llm/recording"
	"papereval/paper"
	"papereval/prompt"
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
	// Reproduction, unless nil, says what running a system's repository did.
	Reproduction func(ctx context.Context, c Cell) (*eval.Reproduction, error)
	// Prompts are those of package generate.
	Prompts prompt.Folder
	// Endpoints answer, by what models call their endpoint.
	Endpoints   map[string]llm.Client
	Concurrency int               // calls in flight, at most
	RPM, TPM    int               // calls and tokens a minute, of each model; 0 for no limit
	Prices      *llm.Models       // nil for the built-in ones
	Budget      *llm.Dollars      // what all executions of the run may spend together; nil for no limit
	Record      *recording.Writer // may be nil
	Version     string            // of bench, for the provenance of scores
	Events      func(Event)       // called concurrently; never nil
	Damage      func(error)       // told of damaged ledger entries; never nil
	// Wrap, unless nil, puts a client around the one that sends calls; none that is already answered reaches it,
	// and every try does.
	Wrap func(llm.Client) llm.Client
	// Waste, unless nil, is told of tokens that failed tries cost; see [llm.Waste].
	Waste func(context.Context, *llm.Request, *llm.Error)

	// Batch, unless nil, has calls answered in batches. The run fills in what only it knows.
	Batch *batch.Options

	id      string
	sender  *batch.Sender           // nil without Batch
	failed  context.CancelCauseFunc // ends a run whose batches failed
	calls   llm.Client
	account *Account      // nil without a budget
	budget  *llm.Budgeter // nil without a budget

	mu     sync.Mutex
	totals Totals
	pace   *llm.Pacer
	papers map[string]func() (*paper.Paper, error)
	slots  chan struct{}            // see [eval.Subject]
	over   map[Cell]*llm.OverBudget // cells that stopped for the budget

	firstOver *llm.OverBudget // the first of over
}

// Totals are what one execution of a run did.
type Totals struct {
	Cells, Failed  int // cells that were worked on, and of these those without a repository
	JudgesFailed   int
	Sent, Known    int // samples that were asked for and answered, and samples from the ledger
	Usage          llm.Usage
	CostUSD        float64 // of what has a known price
	Unpriced       int     // samples and failed tries whose cost is not known
	Wasted         Wasted  // of Usage and CostUSD
	FirstFailure   string
	RepositoriesIn string // the run's folder
}

// Wasted is what failed tries did cost.
type Wasted struct {
	Tries   int // those that cost something
	Usage   llm.Usage
	CostUSD float64
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
// the run as a whole could not go on. At the budget it wraps an [*llm.OverBudget]: no call is begun any more, and those
// under way have ended and are stored.
func (r *Run) Execute(ctx context.Context) (Totals, error) {
	unlock, err := r.open(ctx)
	if err != nil {
		return Totals{}, err
	}
	defer unlock()
	err = r.batching(ctx, func(ctx context.Context) error { return r.eachCell(ctx, r.cell) })
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
			if err := r.Ledger.PutPending(ctx, r.id, newCall(req, req.First+i, llm.Key(req, req.First+i))); err != nil {
				return &LedgerError{err}
			}
		}
		return nil
	})
	for name := range r.Endpoints {
		r.Endpoints[name] = endpoint
	}
	err = r.eachCell(ctx, func(ctx context.Context, c Cell, e datasets.Entry, g generate.Generator) error {
		tree, err := r.generate(ctx, c, e, g, nil)
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
	r.account = nil
	if r.Budget != nil {
		if r.account, err = OpenAccount(r.Ledger, r.Workspace, r.id, *r.Budget); err != nil {
			return nil, err
		}
		if err := r.account.releaseUnsent(ctx); err != nil {
			return nil, errors.Join(err, r.account.Close())
		}
	}
	r.over, r.firstOver = make(map[Cell]*llm.OverBudget), nil
	r.calls = r.noteOverBudget(r.client())
	r.totals = Totals{RepositoriesIn: dir}
	r.readPapers()
	return func() {
		if r.account != nil {
			_ = r.account.Close() // what is left of it says only that nobody lives
		}
		_ = lock.Close()
	}, nil
}

// readPapers makes papers known, each to be read once when it is first needed.
func (r *Run) readPapers() {
	if r.papers != nil {
		return
	}
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
}

// slotsPerCall is how many calls are prepared for each that may be in flight, so that the next one is always ready.
const slotsPerCall = 2

// eachCell works on as many cells at a time as calls may be in flight.
func (r *Run) eachCell(ctx context.Context, work func(context.Context, Cell, datasets.Entry, generate.Generator) error) error {
	group, cellCtx := errgroup.WithContext(ctx)
	group.SetLimit(r.cellsAtOnce())
	if r.sender == nil { // a wave of batches takes everything that there is
		r.slots = make(chan struct{}, slotsPerCall*max(r.Concurrency, 1))
	}
	_, begun := r.working(ctx) // no wave closes before every cell has begun
	for _, e := range r.Papers {
		for _, g := range r.Generators {
			for _, seed := range r.Config.Seeds {
				if cellCtx.Err() != nil {
					break
				}
				cellCtx, done := r.working(cellCtx)
				group.Go(func() error {
					defer done()
					if err := cellCtx.Err(); err != nil || r.full() {
						return err
					}
					err := work(cellCtx, Cell{e.ID, g.Name(), seed}, e, g)
					if errors.As(err, new(*llm.OverBudget)) {
						return nil // it stops nobody who is still waiting for an answer
					}
					return err
				})
			}
		}
	}
	begun()
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return cmp.Or(err, r.stopped(ctx))
}

// stops keeps the errors that no cell can get past: the rest of the run would only repeat them.
func stops(err error) error {
	if errors.As(err, new(*LedgerError)) || errors.As(err, new(*WorkspaceError)) || errors.As(err, new(*recording.WriteError)) {
		return err
	}
	if errors.As(err, new(*batch.FailedError)) || errors.As(err, new(*llm.OverBudget)) || errors.As(err, new(*llm.UnpricedError)) {
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
	r.totals.Unpriced += e.Unpriced
}

// folder is the cell's folder below the run's.
func (c Cell) folder(model llm.Model) string {
	name := fmt.Sprintf("%s--%s--%d", c.System, model, c.Seed)
	return filepath.Join(FolderName(c.Paper), FolderName(name))
}

// FolderName makes a folder's name of a paper's or a model's: providers put slashes and colons into theirs.
func FolderName(name string) string { return safe.Replace(name) }

var safe = strings.NewReplacer("/", "_", "\\", "_", ":", "_", "..", "_")
