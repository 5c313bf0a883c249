"""Run the experiments of the paper and print its tables."""

import argparse
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Callable

import numpy as np

from baselines import label_propagation, label_propagation_cmn, label_spreading, majority_vote
from damped import DampedConfig, damped_propagation
from evaluation import evaluate
from graphs import Task, make_task

Method = Callable[[Task], np.ndarray]

TEST_SEEDS = range(10)
TUNING_SEEDS = range(100, 105)
SETTINGS: dict[str, dict[str, float]] = {
    "mild": {"bridge_prob": 0.015},
    "strong": {"bridge_prob": 0.03},
    "wrong labels": {"bridge_prob": 0.015, "label_noise": 0.2},
}
ALPHA = 0.8
DEFAULT = DampedConfig()

METHODS: dict[str, Method] = {
    "Majority vote": majority_vote,
    "Label propagation": label_propagation,
    "Label propagation + CMN": label_propagation_cmn,
    "Label spreading": partial(label_spreading, alpha=ALPHA),
    "Damped propagation": damped_propagation,
}
ABLATIONS: dict[str, DampedConfig] = {
    "full method": DEFAULT,
    "no damping": replace(DEFAULT, beta=0.0),
    "stronger (beta 2)": replace(DEFAULT, beta=2.0),
    "no confidence weight": replace(DEFAULT, use_confidence=False),
    "no warm-up": replace(DEFAULT, warmup=0),
    "hard clamp": replace(DEFAULT, adaptive_clamp=False),
    "no sharpening": replace(DEFAULT, gamma=1.0),
    "no mass correction": replace(DEFAULT, kappa=0.0),
}


def run(method: Method, tasks: list[Task]) -> np.ndarray:
    """Metrics in percent, one row per task."""
    return 100.0 * np.array([evaluate(task, method(task)) for task in tasks])


def print_table(title: str, methods: dict[str, Method], tasks: dict[str, list[Task]]) -> None:
    """Print mean and sample standard deviation of accuracy, macro-F1, ECE."""
    print(f"\n{title}\n{'':26s}{'accuracy':>14s}{'macro-F1':>14s}{'ECE':>14s}")
    for setting, drawn in tasks.items():
        print(f"[{setting}]")
        for name, method in methods.items():
            scores = run(method, drawn)
            cells = zip(scores.mean(axis=0), scores.std(axis=0, ddof=1))
            print(f"  {name:24s}" + "".join(f"{f'{m:.1f} ± {s:.1f}':>14s}" for m, s in cells))


def tune() -> None:
    """Accuracy of the grids, averaged over all settings and tuning seeds."""
    tasks = [make_task(seed, **kw) for kw in SETTINGS.values() for seed in TUNING_SEEDS]
    for alpha in (0.5, 0.8, 0.9, 0.95):
        print(f"alpha {alpha}: {run(partial(label_spreading, alpha=alpha), tasks)[:, 0].mean():.2f}")
    for beta, gamma, kappa in product((1.0, 2.0, 4.0), (1.5, 2.0, 2.5), (0.5, 1.0)):
        cfg = replace(DEFAULT, beta=beta, gamma=gamma, kappa=kappa)
        accuracy = run(partial(damped_propagation, cfg=cfg), tasks)[:, 0].mean()
        print(f"beta {beta} gamma {gamma} kappa {kappa}: {accuracy:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="print the grid search instead")
    if parser.parse_args().tune:
        tune()
        return

    tasks = {
        name: [make_task(seed, **kw) for seed in TEST_SEEDS] for name, kw in SETTINGS.items()
    }
    for name, drawn in tasks.items():
        degree = np.mean([task.adjacency.sum(axis=1).mean() for task in drawn])
        print(f"{name}: mean degree {degree:.2f}")
    print_table("Table 1: methods (percent, 10 seeds)", METHODS, tasks)

    variants = {n: partial(damped_propagation, cfg=c) for n, c in ABLATIONS.items()}
    subset = {name: tasks[name] for name in ("strong", "wrong labels")}
    print_table("Table 2: ablation (percent, 10 seeds)", variants, subset)


if __name__ == "__main__":
    main()
