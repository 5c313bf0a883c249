"""Damped propagation: edges fade when confident end points disagree."""

from dataclasses import dataclass

import numpy as np

from graphs import Task

EPS = 1e-12


@dataclass(frozen=True)
class DampedConfig:
    beta: float = 1.0  # damping strength
    w_min: float = 0.05  # floor of the damping factor
    kappa: float = 0.5  # exponent of the class-mass correction
    gamma: float = 2.0  # sharpening exponent
    rho: float = 0.5  # step size of the lazy update
    a_min: float = 0.6  # lowest clamp strength
    warmup: int = 5  # first iterations without damping
    max_iter: int = 100
    tol: float = 1e-3
    adaptive_clamp: bool = True  # False: hard clamp (strength one)
    use_confidence: bool = True  # False: confidence weight is one


def normalised_entropy(dist: np.ndarray) -> np.ndarray:
    """Row entropy divided by log K, in [0, 1]."""
    clipped = np.clip(dist, EPS, 1.0)
    entropy = -(clipped * np.log(clipped)).sum(axis=1)
    return np.clip(entropy / np.log(dist.shape[1]), 0.0, 1.0)


def hellinger(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Hellinger distance between matching rows of two matrices."""
    overlap = np.sqrt(left * right).sum(axis=1)
    return np.sqrt(np.maximum(0.0, 1.0 - overlap))


def damped_weights(
    adjacency: np.ndarray, edges: tuple[np.ndarray, np.ndarray], dist: np.ndarray, cfg: DampedConfig
) -> np.ndarray:
    """Adjacency with every edge multiplied by its damping factor."""
    i, j = edges
    disagreement = hellinger(dist[i], dist[j])
    if cfg.use_confidence:
        confidence = 1.0 - normalised_entropy(dist)
        disagreement *= np.sqrt(confidence[i] * confidence[j])
    weights = np.zeros_like(adjacency)
    weights[i, j] = adjacency[i, j] * np.maximum(cfg.w_min, np.exp(-cfg.beta * disagreement))
    return weights


def sharpen(message: np.ndarray, mass: np.ndarray, cfg: DampedConfig) -> np.ndarray:
    """Divide by the class mass, take the power, renormalise the rows."""
    balanced = message / np.maximum(mass, EPS) ** cfg.kappa
    powered = np.maximum(balanced, EPS) ** cfg.gamma
    return powered / powered.sum(axis=1, keepdims=True)


def damped_propagation(task: Task, cfg: DampedConfig = DampedConfig()) -> np.ndarray:
    """Return the (n, K) matrix of label distributions."""
    adjacency, targets, labelled = task.adjacency, task.one_hot, task.labelled
    edges = np.nonzero(adjacency)
    isolated = adjacency.sum(axis=1) == 0
    dist = np.where(labelled[:, None], targets, 1.0 / task.num_classes)
    clamp = 1.0

    for step in range(1, cfg.max_iter + 1):
        weights = adjacency
        if step > cfg.warmup:
            weights = damped_weights(adjacency, edges, dist, cfg)
        degree = weights.sum(axis=1, keepdims=True)
        message = weights @ dist / np.maximum(degree, EPS)

        mass = dist[~labelled].mean(axis=0)
        new = (1.0 - cfg.rho) * dist + cfg.rho * sharpen(message, mass, cfg)
        new[isolated] = dist[isolated]
        if cfg.adaptive_clamp and step > cfg.warmup:
            mean_entropy = normalised_entropy(dist[~labelled]).mean()
            clamp = min(clamp, cfg.a_min + (1.0 - cfg.a_min) * mean_entropy)
        new[labelled] = clamp * targets[labelled] + (1.0 - clamp) * new[labelled]

        change = np.abs(new - dist).max()
        dist = new
        if step > cfg.warmup and change < cfg.tol:
            break
    return dist
