"""Plain and accelerated gradient descent with interchangeable restart rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from problems import Problem, Vector

GAP_TOLERANCE = 1e-8  # relative to the gap at the starting point
MAX_ITERATIONS = 10_000
MOMENTUM_CAP = 0.999
MOMENTUM_OFFSET = 3  # momentum after s steps without restart is s / (s + 3)
NORM_PRODUCT_MIN = 1e-30  # below this the cosine is taken to be zero


class Run(NamedTuple):
    """Outcome of one optimisation run."""

    iterations: int  # equal to the cap when the run did not converge
    converged: bool
    restarts: int


class RestartRule(Protocol):
    """Decides after every step whether the momentum schedule starts again."""

    def observe(self, gradient: Vector, velocity: Vector, value: float, previous: float) -> bool:
        """Return True when momentum must be restarted before the next step."""
        ...

    def floor(self) -> float:
        """Lower bound on the momentum until the next restart."""
        ...


class NoRestart:
    """Nesterov acceleration that never restarts."""

    def observe(self, gradient: Vector, velocity: Vector, value: float, previous: float) -> bool:
        return False

    def floor(self) -> float:
        return 0.0


class FunctionRestart(NoRestart):
    """Restart as soon as the objective increases."""

    def observe(self, gradient: Vector, velocity: Vector, value: float, previous: float) -> bool:
        return value > previous


@dataclass
class PhaseRestart:
    """Restart after `patience` consecutive steps with a positive phase cosine.

    After the r-th restart the momentum is kept above floor_start * floor_decay**(r - 1).
    The first `warmup` steps of a run are not counted.
    """

    patience: int = 3
    floor_start: float = 0.9
    floor_decay: float = 0.9
    warmup: int = 10
    steps: int = field(default=0, init=False)
    streak: int = field(default=0, init=False)
    restarts: int = field(default=0, init=False)

    def observe(self, gradient: Vector, velocity: Vector, value: float, previous: float) -> bool:
        self.steps += 1
        if self.steps <= self.warmup:
            return False
        # A cosine of exactly zero is not a positive phase: it breaks the streak.
        self.streak = self.streak + 1 if phase_cosine(gradient, velocity) > 0.0 else 0
        if self.streak < self.patience:
            return False
        self.streak = 0
        self.restarts += 1
        return True

    def floor(self) -> float:
        if self.restarts == 0:
            return 0.0
        return self.floor_start * self.floor_decay ** (self.restarts - 1)


def phase_cosine(gradient: Vector, velocity: Vector) -> float:
    """Cosine between gradient and velocity; zero if either is numerically null."""
    product = float(np.sqrt((gradient @ gradient) * (velocity @ velocity)))
    if product < NORM_PRODUCT_MIN:
        return 0.0
    return float(gradient @ velocity) / product


def minimise(problem: Problem, dimension: int, rule: RestartRule | None) -> Run:
    """Run from the origin until the relative gap is small; no rule means no momentum."""
    x = x_before = np.zeros(dimension)
    value = problem.value(x)
    target_gap = GAP_TOLERANCE * (value - problem.optimum)
    since_restart = restarts = 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        momentum = 0.0
        if rule is not None:
            schedule = since_restart / (since_restart + MOMENTUM_OFFSET)
            momentum = min(MOMENTUM_CAP, max(rule.floor(), schedule))
        lookahead = x + momentum * (x - x_before)
        gradient = problem.gradient(lookahead)
        x_before, x = x, lookahead - gradient / problem.smoothness
        previous, value = value, problem.value(x)
        if value - problem.optimum <= target_gap:
            return Run(iteration, True, restarts)
        if rule is not None and rule.observe(gradient, x - x_before, value, previous):
            since_restart = 0
            restarts += 1
        else:
            since_restart += 1
    return Run(MAX_ITERATIONS, False, restarts)
