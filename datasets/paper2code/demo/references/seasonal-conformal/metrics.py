"""Coverage, width and interval score of a sequence of intervals."""

from dataclasses import astuple, dataclass

import numpy as np


@dataclass(frozen=True)
class Metrics:
    """Results of one method on one series."""

    coverage: float
    worst_phase: float
    width: float
    winkler: float


def evaluate(
    target: np.ndarray, centre: np.ndarray, half: np.ndarray, period: int, alpha: float
) -> Metrics:
    """Metrics over a test segment that starts at phase 0."""
    lower, upper = centre - half, centre + half
    covered = (lower <= target) & (target <= upper)
    per_phase = [covered[phase::period].mean() for phase in range(period)]
    below = np.maximum(lower - target, 0.0)
    above = np.maximum(target - upper, 0.0)
    winkler = (upper - lower) + 2.0 / alpha * (below + above)
    return Metrics(
        coverage=float(covered.mean()),
        worst_phase=float(min(per_phase)),
        width=float((upper - lower).mean()),
        winkler=float(winkler.mean()),
    )


def summarise(results: list[Metrics]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sample standard deviation over seeds, one entry per metric."""
    table = np.array([astuple(result) for result in results])
    return table.mean(axis=0), table.std(axis=0, ddof=1)
