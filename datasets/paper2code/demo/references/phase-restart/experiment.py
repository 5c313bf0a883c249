"""Runs every method on every problem family and summarises the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimizers import (
    MAX_ITERATIONS,
    FunctionRestart,
    NoRestart,
    PhaseRestart,
    RestartRule,
    Run,
    minimise,
)
from problems import NUM_FEATURES, Problem, make_least_squares, make_logistic

SEEDS = range(10)
CONDITIONS = (1e2, 1e3, 1e4)

RuleFactory = Callable[[], RestartRule | None]  # rules hold state: one per run
Family = tuple[str, list[Problem]]

METHODS: dict[str, RuleFactory] = {
    "Gradient descent": lambda: None,
    "Nesterov, no restart": NoRestart,
    "Function restart": FunctionRestart,
    "Phase Restart": PhaseRestart,
}

VARIANTS: dict[str, RuleFactory] = {
    "k=1": lambda: PhaseRestart(patience=1),
    "k=5": lambda: PhaseRestart(patience=5),
    "k=10": lambda: PhaseRestart(patience=10),
    "k=20": lambda: PhaseRestart(patience=20),
    "no floor": lambda: PhaseRestart(floor_start=0.0),
    "constant floor": lambda: PhaseRestart(floor_decay=1.0),
    "no warm-up": lambda: PhaseRestart(warmup=0),
    "Gradient restart": lambda: PhaseRestart(patience=1, floor_start=0.0, warmup=0),
}


def build_families() -> list[Family]:
    """All problems, grouped by kind and condition number, one per seed."""
    makers = (("LS", make_least_squares), ("LR", make_logistic))
    return [
        (f"{kind} {condition:.0e}", [make(seed, condition) for seed in SEEDS])
        for kind, make in makers
        for condition in CONDITIONS
    ]


def run_methods(
    methods: dict[str, RuleFactory], families: list[Family]
) -> dict[str, list[list[Run]]]:
    """Runs of each method: one list per family, one run per seed."""
    return {
        name: [[minimise(p, NUM_FEATURES, make_rule()) for p in group] for _, group in families]
        for name, make_rule in methods.items()
    }


def lower_median(values: Sequence[int]) -> int:
    """The smaller of the two middle values when their number is even."""
    return sorted(values)[(len(values) - 1) // 2]


def format_iterations(runs: list[Run]) -> str:
    """Median iterations, with the solved count when some seeds hit the cap."""
    solved = sum(run.converged for run in runs)
    median = lower_median([run.iterations for run in runs])
    text = f">{MAX_ITERATIONS}" if 2 * solved < len(runs) else str(median)
    return text if solved == len(runs) else f"{text} ({solved}/{len(runs)})"


def format_restarts(runs: list[Run]) -> str:
    return str(lower_median([run.restarts for run in runs]))


def format_comparison(runs: list[Run], others: list[Run]) -> str:
    """Seeds on which `runs` needs fewer / equal / more iterations than `others`."""
    differences = [a.iterations - b.iterations for a, b in zip(runs, others, strict=True)]
    fewer, more = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    return f"{fewer}/{len(differences) - fewer - more}/{more}"


def print_table(title: str, families: list[Family], rows: dict[str, list[str]]) -> None:
    print(title)
    print(f"{'':30}" + "".join(f"{name:>15}" for name, _ in families))
    for name, cells in rows.items():
        print(f"{name:30}" + "".join(f"{cell:>15}" for cell in cells))
    print()
