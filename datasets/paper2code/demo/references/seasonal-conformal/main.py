"""Run the experiments of the paper and print its two tables."""

import time

import numpy as np

from conformal import (
    ALPHA,
    SeasonalConfig,
    adaptive_conformal,
    seasonal_conformal,
    split_conformal,
)
from data import CALIBRATION_CYCLES, PERIOD, SCENARIOS, TEST_START, TRAIN_END, generate
from forecaster import forecast
from metrics import Metrics, evaluate, summarise

SEEDS = range(10)
# 0.95 quantile of Student's t with 5 degrees of freedom, scaled to unit variance.
ORACLE_QUANTILE = 2.015048 * np.sqrt(3.0 / 5.0)

MAIN_METHODS = ("Split", "ACI", "Seasonal", "Oracle")
VARIANTS = {
    "Seasonal": SeasonalConfig(),
    "Pooled only": SeasonalConfig(shrinkage=float("inf")),
    "No shrinkage": SeasonalConfig(shrinkage=0.0),
    "No forgetting": SeasonalConfig(forgetting=1.0),
    "No warm-up": SeasonalConfig(warmup=1),
    "No clipping": SeasonalConfig(clip=float("inf")),
}


def run_seed(seed: int, scenario: str) -> dict[str, Metrics]:
    """All methods and variants on one generated series."""
    series = generate(seed, scenario)
    predicted = forecast(series.values, TRAIN_END, PERIOD)
    scores = np.abs(series.values[TRAIN_END:] - predicted)
    n_calibration = CALIBRATION_CYCLES * PERIOD
    target, centre = series.values[TEST_START:], predicted[n_calibration:]
    half_widths = {
        "Split": split_conformal(scores, n_calibration),
        "ACI": adaptive_conformal(scores, n_calibration),
    }
    for name, config in VARIANTS.items():
        half_widths[name] = seasonal_conformal(scores, n_calibration, PERIOD, config)
    results = {
        name: evaluate(target, centre, half, PERIOD, ALPHA)
        for name, half in half_widths.items()
    }
    oracle_half = ORACLE_QUANTILE * series.scale[TEST_START:]
    oracle_centre = series.conditional_mean[TEST_START:]
    results["Oracle"] = evaluate(target, oracle_centre, oracle_half, PERIOD, ALPHA)
    return results


def print_table(
    title: str, methods: tuple[str, ...], runs: dict[str, list[dict[str, Metrics]]]
) -> None:
    """Print mean and standard deviation over seeds for each scenario and method."""
    print(title)
    header = ("coverage", "worst phase", "width", "Winkler")
    print(f"{'scenario':<9}{'method':<15}" + "".join(f"{name:>17}" for name in header))
    for scenario, per_seed in runs.items():
        for method in methods:
            mean, std = summarise([run[method] for run in per_seed])
            cells = "".join(f"{f'{m:.3f} ± {s:.3f}':>17}" for m, s in zip(mean, std))
            print(f"{scenario:<9}{method:<15}{cells}")
    print()


def count_wins(per_seed: list[dict[str, Metrics]], method: str, rival: str) -> int:
    """Seeds on which the method has the strictly lower Winkler score."""
    return sum(run[method].winkler < run[rival].winkler for run in per_seed)


def main() -> None:
    """Run every seed of both scenarios, then print tables and win counts."""
    started = time.perf_counter()
    runs = {name: [run_seed(seed, name) for seed in SEEDS] for name in SCENARIOS}
    print_table("Table 1: comparison with baselines", MAIN_METHODS, runs)
    print_table("Table 2: ablations", tuple(VARIANTS), runs)
    for scenario, per_seed in runs.items():
        wins = ", ".join(
            f"{rival} {count_wins(per_seed, 'Seasonal', rival)}/{len(per_seed)}"
            for rival in ("Split", "ACI", *list(VARIANTS)[1:])
        )
        print(f"Seeds with lower Winkler score, Seasonal vs ({scenario}): {wins}")
    print(f"Elapsed: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
