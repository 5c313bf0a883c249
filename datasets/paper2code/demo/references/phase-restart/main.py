"""Prints the tables of the paper."""

from __future__ import annotations

import os

# Small matrices: threads only cost time, and one thread keeps rounding reproducible.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from experiment import (  # noqa: E402
    METHODS,
    VARIANTS,
    build_families,
    format_comparison,
    format_iterations,
    format_restarts,
    print_table,
    run_methods,
)


def main() -> None:
    families = build_families()
    results = run_methods(METHODS, families)
    variants = run_methods(VARIANTS, families)
    phase, function = results["Phase Restart"], results["Function restart"]
    gradient = variants["Gradient restart"]

    print_table(
        "Table 1: median iterations",
        families,
        {name: [format_iterations(runs) for runs in groups] for name, groups in results.items()},
    )
    print_table(
        "Table 2: median iterations of variants of Phase Restart",
        families,
        {name: [format_iterations(runs) for runs in groups] for name, groups in variants.items()},
    )
    print_table(
        "Table 3: median restarts, and seeds with fewer/equal/more iterations",
        families,
        {
            "Restarts, function restart": [format_restarts(runs) for runs in function],
            "Restarts, Phase Restart": [format_restarts(runs) for runs in phase],
            "Phase vs function restart": list(map(format_comparison, phase, function)),
            "Phase vs gradient restart": list(map(format_comparison, phase, gradient)),
        },
    )


if __name__ == "__main__":
    main()
