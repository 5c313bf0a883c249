"""Computes the reference values of classification_test.go with scikit-learn.

    python3 classification.py FOLDER > classification.json

FOLDER is that of PaperBench as published. Labels are written as strings of 0 and 1. Those that people gave are
read again by the test, in the order of the leaves, depth first, and are not kept here.
"""
import json
import random
import sys

import sklearn
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

papers = ["all-in-one", "semantic-self-consistency", "stay-on-topic-with-classifier-free-guidance"]


def leaves(node):
    if not node["sub_tasks"]:
        return [int(node["score"])]
    return [score for child in node["sub_tasks"] for score in leaves(child)]


def case(name, source, truth, predicted):
    macro = dict(average="macro", zero_division=0)
    return {
        "name": name,
        **source,
        "predicted": "".join(map(str, predicted)),
        "want": {
            "accuracy": accuracy_score(truth, predicted),
            "precision": precision_score(truth, predicted, **macro),
            "recall": recall_score(truth, predicted, **macro),
            "f1": f1_score(truth, predicted, **macro),
            "positives": sum(truth),
            "negatives": len(truth) - sum(truth),
            "n": len(truth),
        },
    }


cases = []
for truth, predicted in [
    ("1", "1"), ("0", "0"), ("1", "0"), ("0", "1"), ("11", "11"), ("11", "10"), ("00", "01"), ("10", "10"),
    ("10", "01"), ("1100", "1111"), ("1100", "0000"), ("110100", "100110"), ("1110111011", "1111111101"),
]:
    cases.append(case(f"{truth} as {predicted}", {"truth": truth}, list(map(int, truth)), list(map(int, predicted))))
generator = random.Random(20250402)
for paper in papers:
    with open(f"{sys.argv[1]}/judge_eval/{paper}/0/grading/expected_result.json") as f:
        truth = leaves(json.load(f))
    for name, predicted in {
        "all 0": [0] * len(truth),
        "all 1": [1] * len(truth),
        "random": [generator.randrange(2) for _ in truth],
        "random, mostly 1": [int(generator.random() < 0.8) for _ in truth],
    }.items():
        cases.append(case(f"{paper}, {name}", {"paper": paper}, truth, predicted))
json.dump({"made_by": f"classification.py, scikit-learn {sklearn.__version__}", "cases": cases}, sys.stdout, indent=1)
print()
