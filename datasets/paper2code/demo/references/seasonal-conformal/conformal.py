"""Half-widths of the prediction intervals: seasonal conformal and baselines.

Every function takes the absolute residuals ("scores") of the calibration and
test segments, in time order and starting at phase 0, and returns one
half-width per test step. The score at step t is used only after step t.
"""

from dataclasses import dataclass

import numpy as np

ALPHA = 0.1
TOLERANCE = 1e-12

ACI_STEP = 0.005
ACI_WINDOW = 480
ACI_LEVEL_MIN = 0.001
ACI_LEVEL_MAX = 0.5


@dataclass(frozen=True)
class SeasonalConfig:
    """Hyperparameters of seasonal conformal prediction."""

    forgetting: float = 0.97
    shrinkage: float = 10.0
    warmup: int = 15
    clip: float = 3.0


def weighted_quantile(scores: np.ndarray, weights: np.ndarray, alpha: float) -> float:
    """Conformal weighted quantile with unit mass at infinity for the new point.

    Falls back to the largest score when the requested mass lies at infinity.
    """
    order = np.argsort(scores, kind="stable")
    mass = np.cumsum(weights[order])
    target = (1.0 - alpha) * (mass[-1] + 1.0) - TOLERANCE
    index = min(int(np.searchsorted(mass, target)), len(scores) - 1)
    return float(scores[order[index]])


def effective_size(weights: np.ndarray) -> float:
    """Kish effective sample size."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def cycle_quantiles(history: np.ndarray, period: int, config: SeasonalConfig) -> np.ndarray:
    """Shrunk quantile of every phase from the scores seen so far."""
    age = np.arange(len(history) - 1, -1, -1)
    weights = config.forgetting ** (age / period)
    pooled = weighted_quantile(history, weights, ALPHA)
    quantiles = np.full(period, pooled)
    for phase in range(period):
        own, own_weights = history[phase::period], weights[phase::period]
        if len(own) < config.warmup:
            continue
        size = effective_size(own_weights)
        trust = size / (size + config.shrinkage)
        own_quantile = weighted_quantile(own, own_weights, ALPHA)
        quantiles[phase] = trust * own_quantile + (1.0 - trust) * pooled
    return np.clip(quantiles, pooled / config.clip, pooled * config.clip)


def seasonal_conformal(
    scores: np.ndarray, n_calibration: int, period: int, config: SeasonalConfig
) -> np.ndarray:
    """Seasonal conformal prediction, refreshed at the first step of each cycle."""
    widths = [
        cycle_quantiles(scores[:start], period, config)
        for start in range(n_calibration, len(scores), period)
    ]
    return np.concatenate(widths)[: len(scores) - n_calibration]


def split_conformal(scores: np.ndarray, n_calibration: int) -> np.ndarray:
    """Static pooled quantile of the calibration scores."""
    calibration = scores[:n_calibration]
    quantile = weighted_quantile(calibration, np.ones(n_calibration), ALPHA)
    return np.full(len(scores) - n_calibration, quantile)


def adaptive_conformal(scores: np.ndarray, n_calibration: int) -> np.ndarray:
    """Adaptive conformal inference on a sliding window of pooled scores."""
    widths = np.empty(len(scores) - n_calibration)
    level = ALPHA
    for i in range(len(widths)):
        t = n_calibration + i
        window = scores[max(0, t - ACI_WINDOW) : t]
        used = min(max(level, ACI_LEVEL_MIN), ACI_LEVEL_MAX)
        widths[i] = weighted_quantile(window, np.ones(len(window)), used)
        missed = float(scores[t] > widths[i])
        level += ACI_STEP * (ALPHA - missed)
    return widths
