"""Synthetic strongly convex problems with a prescribed condition number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

NUM_SAMPLES = 200
NUM_FEATURES = 50
NOISE_STD = 0.1  # standard deviation of the additive noise on least-squares targets
MARGIN_STD = 3.0  # standard deviation of the true logits before labels are drawn
NEWTON_STEPS = 100
NEWTON_TOL = 1e-13  # on the Euclidean norm of the gradient


class Problem(Protocol):
    """A smooth strongly convex objective with a known minimal value."""

    smoothness: float  # Lipschitz constant L of the gradient
    optimum: float  # minimal value of the objective

    def value(self, x: Vector) -> float: ...

    def gradient(self, x: Vector) -> Vector: ...


def design_matrix(rng: np.random.Generator, condition: float) -> Matrix:
    """Draw A such that A^T A / n has eigenvalues log-spaced from 1 to 1/condition."""
    left, _ = np.linalg.qr(rng.standard_normal((NUM_SAMPLES, NUM_FEATURES)))
    right, _ = np.linalg.qr(rng.standard_normal((NUM_FEATURES, NUM_FEATURES)))
    exponents = np.arange(NUM_FEATURES) / (NUM_FEATURES - 1)
    eigenvalues = condition**-exponents
    return (left * np.sqrt(NUM_SAMPLES * eigenvalues)) @ right.T


@dataclass(frozen=True)
class LeastSquares:
    """f(x) = ||A x - b||^2 / (2 n)."""

    design: Matrix
    target: Vector
    smoothness: float
    optimum: float

    def value(self, x: Vector) -> float:
        residual = self.design @ x - self.target
        return float(residual @ residual) / (2 * len(residual))

    def gradient(self, x: Vector) -> Vector:
        return self.design.T @ (self.design @ x - self.target) / len(self.target)


@dataclass(frozen=True)
class LogisticRegression:
    """f(x) = mean(log(1 + exp(-b_i a_i^T x))) + ridge / 2 ||x||^2, labels in {-1, +1}."""

    signed_design: Matrix  # row i is b_i a_i
    ridge: float
    smoothness: float
    optimum: float

    def value(self, x: Vector) -> float:
        margins = self.signed_design @ x
        return float(np.logaddexp(0.0, -margins).mean() + 0.5 * self.ridge * (x @ x))

    def gradient(self, x: Vector) -> Vector:
        weights = sigmoid(-(self.signed_design @ x))
        return self.ridge * x - self.signed_design.T @ weights / len(weights)

    def hessian(self, x: Vector) -> Matrix:
        prob = sigmoid(self.signed_design @ x)
        curvature = (prob * (1 - prob))[:, None]
        data_term = self.signed_design.T @ (curvature * self.signed_design) / len(prob)
        return data_term + self.ridge * np.eye(len(x))


def sigmoid(z: Vector) -> Vector:
    """Logistic function, written with tanh so that it never overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def make_least_squares(seed: int, condition: float) -> LeastSquares:
    rng = np.random.default_rng(seed)
    design = design_matrix(rng, condition)
    truth = rng.standard_normal(NUM_FEATURES)
    target = design @ truth + NOISE_STD * rng.standard_normal(NUM_SAMPLES)
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    unsolved = LeastSquares(design, target, smoothness=1.0, optimum=0.0)
    return LeastSquares(design, target, 1.0, unsolved.value(solution))


def make_logistic(seed: int, condition: float) -> LogisticRegression:
    rng = np.random.default_rng(seed)
    design = design_matrix(rng, condition)
    logits = design @ rng.standard_normal(NUM_FEATURES)
    logits *= MARGIN_STD / logits.std()
    labels = np.where(rng.random(NUM_SAMPLES) < sigmoid(logits), 1.0, -1.0)
    # The data term has curvature at most 1/4, so L / ridge equals `condition` exactly.
    ridge = 0.25 / (condition - 1.0)
    smoothness = 0.25 + ridge
    unsolved = LogisticRegression(labels[:, None] * design, ridge, smoothness, 0.0)
    optimum = unsolved.value(newton_minimiser(unsolved))
    return LogisticRegression(unsolved.signed_design, ridge, smoothness, optimum)


def newton_minimiser(problem: LogisticRegression) -> Vector:
    """Minimise with Newton steps, each halved until the value does not increase."""
    x = np.zeros(problem.signed_design.shape[1])
    for _ in range(NEWTON_STEPS):
        gradient = problem.gradient(x)
        if np.linalg.norm(gradient) <= NEWTON_TOL:
            break
        direction = np.linalg.solve(problem.hessian(x), gradient)
        scale = 1.0
        while scale > 1e-10 and problem.value(x - scale * direction) > problem.value(x):
            scale *= 0.5
        x = x - scale * direction
    return x
