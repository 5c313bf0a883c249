"""One-step-ahead ridge regression on lags and Fourier terms."""

import numpy as np

LAGS = (1, 2, 24)
HARMONICS = 3
RIDGE_PENALTY = 1.0


def design_matrix(values: np.ndarray, period: int) -> np.ndarray:
    """Features for times max(LAGS)..len(values)-1, without the intercept."""
    start = max(LAGS)
    time = np.arange(start, len(values))
    columns = [values[start - lag : len(values) - lag] for lag in LAGS]
    for k in range(1, HARMONICS + 1):
        angle = 2.0 * np.pi * k * time / period
        columns += [np.sin(angle), np.cos(angle)]
    return np.column_stack(columns)


def forecast(values: np.ndarray, train_end: int, period: int) -> np.ndarray:
    """Fit once on times before train_end; predict times train_end onwards."""
    start = max(LAGS)
    features = design_matrix(values, period)
    n_train = train_end - start
    centre = features[:n_train].mean(axis=0)
    spread = features[:n_train].std(axis=0)
    features = (features - centre) / spread
    train_x, train_y = features[:n_train], values[start:train_end]
    intercept = train_y.mean()
    gram = train_x.T @ train_x + RIDGE_PENALTY * np.eye(train_x.shape[1])
    coefficients = np.linalg.solve(gram, train_x.T @ (train_y - intercept))
    return intercept + features[n_train:] @ coefficients
