"""Decisions with the tie rule, and the three metrics."""

import numpy as np

from graphs import Task

TIE_TOL = 1e-6
NUM_BINS = 10


def decide(dist: np.ndarray) -> np.ndarray:
    """Argmax; ties go to the tied class that is rarest among untied nodes.

    A second tie (equal rarity) goes to the lowest class index.
    """
    tied = dist >= dist.max(axis=1, keepdims=True) - TIE_TOL
    unique = tied.sum(axis=1) == 1
    decision = dist.argmax(axis=1)
    counts = np.bincount(decision[unique], minlength=dist.shape[1])
    for node in np.flatnonzero(~unique):
        decision[node] = np.where(tied[node], counts, np.inf).argmin()
    return decision


def macro_f1(truth: np.ndarray, decision: np.ndarray, num_classes: int) -> float:
    """Unweighted mean of the F1 of all classes (zero where undefined)."""
    scores = []
    for k in range(num_classes):
        hits = np.sum((truth == k) & (decision == k))
        total = np.sum(truth == k) + np.sum(decision == k)
        scores.append(2.0 * hits / total if total else 0.0)
    return float(np.mean(scores))


def calibration_error(correct: np.ndarray, confidence: np.ndarray) -> float:
    """Expected calibration error with equal-width, right-closed bins."""
    bins = np.clip(np.ceil(confidence * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    error = 0.0
    for b in range(NUM_BINS):
        inside = bins == b
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return float(error)


def evaluate(task: Task, dist: np.ndarray) -> np.ndarray:
    """Accuracy, macro-F1 and ECE on the unlabelled nodes."""
    hidden = ~task.labelled
    decision = decide(dist)[hidden]
    truth = task.classes[hidden]
    correct = (decision == truth).astype(float)
    confidence = dist[hidden, decision]
    return np.array([
        correct.mean(),
        macro_f1(truth, decision, task.num_classes),
        calibration_error(correct, confidence),
    ])
