"""Computes the reference values of stats_test.go with scipy and numpy.

    python3 reference.py > reference.json
"""
import json
import sys

import numpy
import scipy
from scipy import stats

samples = {
    "judge scores": [4, 3, 4, 5, 4, 4, 3, 5],
    "two values": [3.5, 4.25],
    "two values far apart": [1, 5],
    "paper means": [3.6666666666666665, 4.0, 1.0, 4.375, 3.5, 2.25],
    "almost equal": [4, 4, 4, 4, 4, 4, 4, 4.0000001],
    "large offset": [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16],
    "negative": [-2.5, 0.125, -7, 3, 0, 0, 1.5],
    "tiny": [1e-12, 3e-12, 2.5e-12],
    "thirty papers": [1 + (i * i * 7 % 41) / 10 for i in range(30)],
    "ninety papers": [1 + (i * i * 11 % 37) / 9 for i in range(90)],
}
levels = [0.01, 0.5, 0.9, 0.95, 0.99, 0.999999]

cases = []
for name, xs in samples.items():
    a = numpy.array(xs, dtype=float)
    mean, sem = a.mean(), stats.sem(a)
    cases.append({
        "name": name,
        "values": xs,
        "mean": mean,
        "sd": a.std(ddof=1),
        "intervals": [
            dict(zip(("level", "low", "high"), (level, *stats.t.interval(level, len(a) - 1, loc=mean, scale=sem))))
            for level in levels
        ],
    })
made = f"reference.py, scipy {scipy.__version__}, numpy {numpy.__version__}"
json.dump({"made_by": made, "cases": cases}, sys.stdout, indent=1)
print()
