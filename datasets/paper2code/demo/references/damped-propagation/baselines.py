"""Label propagation, label spreading and a spreading majority vote."""

import numpy as np

from evaluation import decide
from graphs import Task

EPS = 1e-12


def _row_normalise(scores: np.ndarray) -> np.ndarray:
    """Rows to distributions; rows that are all zero become uniform."""
    total = scores.sum(axis=1, keepdims=True)
    uniform = np.full_like(scores, 1.0 / scores.shape[1])
    return np.where(total > EPS, scores / np.maximum(total, EPS), uniform)


def label_propagation(task: Task, max_iter: int = 1000, tol: float = 1e-6) -> np.ndarray:
    """Zhu & Ghahramani (2002): random-walk averaging with hard clamping."""
    transition = task.adjacency / np.maximum(task.adjacency.sum(axis=1, keepdims=True), EPS)
    targets, labelled = task.one_hot, task.labelled
    scores = targets.copy()
    for _ in range(max_iter):
        new = transition @ scores
        new[labelled] = targets[labelled]
        change = np.abs(new - scores).max()
        scores = new
        if change < tol:
            break
    return _row_normalise(scores)


def label_propagation_cmn(task: Task) -> np.ndarray:
    """Label propagation, then class mass normalisation to a uniform prior."""
    scores = label_propagation(task)
    mass = scores[~task.labelled].mean(axis=0)
    return _row_normalise(scores / np.maximum(mass, EPS))


def label_spreading(task: Task, alpha: float = 0.8) -> np.ndarray:
    """Zhou et al. (2004): closed form with the symmetric normalisation."""
    scale = 1.0 / np.sqrt(np.maximum(task.adjacency.sum(axis=1), 1.0))
    similarity = scale[:, None] * task.adjacency * scale[None, :]
    system = np.eye(len(similarity)) - alpha * similarity
    return _row_normalise(np.maximum(np.linalg.solve(system, task.one_hot), 0.0))


def majority_vote(task: Task) -> np.ndarray:
    """Vote of the neighbours that hold a label, spreading outwards in rounds.

    In a round every node without a label that has a neighbour with one takes
    the vote shares as its distribution and the winner as its label, for good.
    Nodes that are never reached keep the uniform distribution.
    """
    votes = task.one_hot
    shares = _row_normalise(votes)
    reached = task.labelled.copy()
    while True:
        counts = task.adjacency @ votes
        new = np.flatnonzero(~reached & (counts.sum(axis=1) > 0))
        if len(new) == 0:
            return shares
        shares[new] = _row_normalise(counts[new])
        votes[new, decide(shares[new])] = 1.0
        reached[new] = True
