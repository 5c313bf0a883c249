"""Synthetic hourly-like series with a seasonal mean and seasonal noise scale."""

from dataclasses import dataclass

import numpy as np

PERIOD = 24
TRAIN_CYCLES = 40
CALIBRATION_CYCLES = 10
TEST_CYCLES = 100
TRAIN_END = TRAIN_CYCLES * PERIOD
TEST_START = TRAIN_END + CALIBRATION_CYCLES * PERIOD
LENGTH = TEST_START + TEST_CYCLES * PERIOD

AR_COEFFICIENT = 0.6
T_DOF = 5
BASE_SCALE = 0.4
PEAK_SCALE = 1.6
PEAK_WIDTH = 2.5
PEAK_START = 18.0
PEAK_SHIFT = -9.0

SCENARIOS = ("stable", "drift")


@dataclass(frozen=True)
class Series:
    """Observations with the true conditional mean and noise scale."""

    values: np.ndarray
    conditional_mean: np.ndarray
    scale: np.ndarray


def seasonal_mean(phase: np.ndarray) -> np.ndarray:
    """Two harmonics and a two-step bump that the forecaster cannot fit exactly."""
    angle = 2.0 * np.pi * phase / PERIOD
    bump = 1.5 * np.isin(phase, (7, 8))
    return 10.0 + 4.0 * np.sin(angle) + 1.5 * np.cos(2.0 * angle) + bump


def noise_scale(time: np.ndarray, scenario: str) -> np.ndarray:
    """Innovation scale: a Gaussian peak over the phase, moving in 'drift'."""
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario: {scenario}")
    centre = np.full(len(time), PEAK_START)
    if scenario == "drift":
        progress = (time - TEST_START) / (LENGTH - TEST_START)
        centre += PEAK_SHIFT * np.clip(progress, 0.0, 1.0)
    gap = np.abs(time % PERIOD - centre)
    distance = np.minimum(gap, PERIOD - gap)
    return BASE_SCALE + PEAK_SCALE * np.exp(-0.5 * (distance / PEAK_WIDTH) ** 2)


def generate(seed: int, scenario: str) -> Series:
    """Seasonal mean plus an AR(1) term driven by scaled Student-t innovations."""
    rng = np.random.default_rng(seed)
    time = np.arange(LENGTH)
    unit = rng.standard_t(T_DOF, size=LENGTH) * np.sqrt((T_DOF - 2) / T_DOF)
    mean = seasonal_mean(time % PERIOD)
    scale = noise_scale(time, scenario)
    conditional_mean = np.empty(LENGTH)
    values = np.empty(LENGTH)
    state = 0.0
    for t in time:
        conditional_mean[t] = mean[t] + AR_COEFFICIENT * state
        state = AR_COEFFICIENT * state + scale[t] * unit[t]
        values[t] = mean[t] + state
    return Series(values, conditional_mean, scale)
