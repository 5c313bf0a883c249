"""Synthetic block-model graphs with bridge nodes and few labels."""

from dataclasses import dataclass

import numpy as np

BLOCK_SIZES = (140, 110, 90, 60)
P_IN = 0.06
P_OUT = 0.008
BRIDGE_FRACTION = 0.2
LABELS_PER_CLASS = 5


@dataclass(frozen=True)
class Task:
    """A graph, its true classes, and the few given (maybe wrong) labels."""

    adjacency: np.ndarray  # (n, n) float, symmetric, zero diagonal
    classes: np.ndarray  # (n,) int
    labelled: np.ndarray  # (n,) bool
    given: np.ndarray  # (n,) int, meaningful for labelled nodes only

    @property
    def num_classes(self) -> int:
        return len(BLOCK_SIZES)

    @property
    def one_hot(self) -> np.ndarray:
        """One-hot rows for labelled nodes, zero rows for all others."""
        targets = np.zeros((len(self.classes), self.num_classes))
        targets[self.labelled, self.given[self.labelled]] = 1.0
        return targets


def make_task(seed: int, bridge_prob: float, label_noise: float = 0.0) -> Task:
    """Draw one graph; the random draws are made in the order of the paper."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(len(BLOCK_SIZES)), BLOCK_SIZES)
    n = len(classes)

    bridge = np.zeros(n, dtype=bool)
    bridge[rng.choice(n, size=int(BRIDGE_FRACTION * n), replace=False)] = True

    same = classes[:, None] == classes[None, :]
    touches_bridge = bridge[:, None] | bridge[None, :]
    prob = np.where(same, P_IN, np.where(touches_bridge, bridge_prob, P_OUT))
    upper = np.triu(rng.random((n, n)) < prob, k=1)
    adjacency = (upper | upper.T).astype(float)

    labelled = np.zeros(n, dtype=bool)
    for k in range(len(BLOCK_SIZES)):
        members = np.flatnonzero(classes == k)
        labelled[rng.choice(members, size=LABELS_PER_CLASS, replace=False)] = True

    given = classes.copy()
    nodes = np.flatnonzero(labelled)
    flipped = rng.choice(nodes, size=round(label_noise * len(nodes)), replace=False)
    shift = rng.integers(1, len(BLOCK_SIZES), size=len(flipped))
    given[flipped] = (classes[flipped] + shift) % len(BLOCK_SIZES)
    return Task(adjacency, classes, labelled, given)
