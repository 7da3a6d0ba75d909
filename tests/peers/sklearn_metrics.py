"""Metrics: scikit-learn's values on fixed predictions, kept as golden files that the Rust tests read.

    python sklearn_metrics.py make     writes tests/golden/metrics_*.json
    python sklearn_metrics.py check    recomputes every value and compares it with the files

A golden file holds the predictions too, so the Rust test needs no Python. `null` means "not defined on these rows": scikit-learn
warns, gives NaN, or fills in a constant there. ECE is not in scikit-learn; it is computed from its published definition (Naeini et
al. 2015, 15 equal-width bins of the predicted class' confidence, bins open below and closed above as in Guo et al. 2017).
"""

import json
import math
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics as sk

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
TOLERANCE = 1e-6


def ece(truth, predicted, confidence, bins=15):
    """Expected calibration error, straight from the definition."""
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = (confidence > low) & (confidence <= high)
        if b == 0:
            inside |= confidence <= 0
        if inside.any():
            total += inside.sum() * abs((truth[inside] == predicted[inside]).mean() - confidence[inside].mean())
    return total / len(truth)


def defined(value):
    return None if value is None or not math.isfinite(value) else float(value)


def classification(truth, probabilities, threshold=0.5):
    """Every classification metric, `truth` as codes [rows], `probabilities` [rows, classes]."""
    truth = np.asarray(truth, dtype=int)
    probabilities = np.asarray(probabilities, dtype=float)
    rows, classes = probabilities.shape
    labels = np.arange(classes)
    binary = classes == 2
    predicted = (probabilities[:, 1] >= threshold).astype(int) if binary else probabilities.argmax(axis=1)
    present = np.unique(truth)
    one_hot = np.eye(classes)[truth]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(present) < 2:
            auroc = None
        elif binary:
            auroc = sk.roc_auc_score(truth, probabilities[:, 1])
        elif len(present) == classes:
            auroc = sk.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro", labels=labels)
        else:  # macro over the classes that occur
            auroc = np.mean([sk.roc_auc_score(truth == c, probabilities[:, c]) for c in present])
        if binary:
            precision = sk.average_precision_score(truth, probabilities[:, 1]) if 1 in present else None
            f1 = sk.f1_score(truth, predicted, labels=labels, pos_label=1, zero_division=np.nan)
        else:
            precision = np.mean([sk.average_precision_score(truth == c, probabilities[:, c]) for c in present])
            f1 = sk.f1_score(truth, predicted, average="macro")
        values = {
            "accuracy": sk.accuracy_score(truth, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
            "auroc": auroc,
            "average_precision": precision,
            "log_loss": sk.log_loss(truth, probabilities, labels=labels),
            "f1": f1,
            "brier": sk.brier_score_loss(truth, probabilities[:, 1], pos_label=1)
            if binary
            else sk.brier_score_loss(truth, probabilities, labels=labels, scale_by_half=False),
            "ece": ece(truth, predicted, probabilities[np.arange(rows), predicted]),
        }
    # The definition of the Brier score, so that a change of scikit-learn's conventions is noticed.
    by_hand = (probabilities[:, 1] - truth) ** 2 if binary else ((probabilities - one_hot) ** 2).sum(axis=1)
    assert abs(values["brier"] - by_hand.mean()) < 1e-12
    return {name: defined(value) for name, value in values.items()}


def regression(truth, predicted):
    """Every regression metric."""
    truth, predicted = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r2 = sk.r2_score(truth, predicted, force_finite=False) if len(truth) > 1 else None
    values = {
        "rmse": sk.root_mean_squared_error(truth, predicted),
        "mae": sk.mean_absolute_error(truth, predicted),
        "r2": r2,
        "median_ae": sk.median_absolute_error(truth, predicted),
    }
    return {name: defined(value) for name, value in values.items()}


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def cases():
    """Name, task, class names, threshold, truth, predictions. Fixed seeds, so the same on every machine."""
    rng = np.random.default_rng(20261121)
    names = ["no", "yes"]

    def binary(name, truth, positive, threshold=None):
        positive = np.asarray(positive, dtype=float)
        return name, "binary", names, threshold, np.asarray(truth), np.column_stack([1 - positive, positive])

    truth = (rng.random(400) < 0.24).astype(int)
    score = 1 / (1 + np.exp(-(rng.normal(size=400) + 1.6 * truth - 1.5)))
    yield binary("binary", truth, score)
    yield binary("binary_threshold", truth, score, 0.3)
    # Scores on a coarse grid that includes the edges of bins: many ties, 0 and 1 among them.
    yield binary("binary_ties", truth, np.round(score * 15) / 15)
    extreme = np.where(rng.random(60) < 0.3, np.round(rng.random(60)), rng.random(60))
    yield binary("binary_extreme", (rng.random(60) < 0.5).astype(int), extreme)
    yield binary("binary_constant", [0, 1, 0, 0, 1, 0, 1], [0.4] * 7)
    yield binary("binary_only_negative", [0, 0, 0, 0], [0.1, 0.2, 0.3, 0.45])
    yield binary("binary_only_positive", [1, 1, 1], [0.1, 0.9, 0.5])
    yield binary("binary_one_row", [1], [0.7])

    truth = rng.integers(0, 4, 300)
    logits = rng.normal(size=(300, 4)) + 1.2 * np.eye(4)[truth]
    several = ["a", "b", "c", "d"]
    yield "multiclass", "multiclass", several, None, truth, softmax(logits)
    coarse = np.round(softmax(logits) * 10) + 1
    yield "multiclass_ties", "multiclass", several, None, truth, coarse / coarse.sum(axis=1, keepdims=True)
    # Class 3 never occurs in the truth; class 2 is never predicted.
    logits[:, 2] -= 20
    yield "multiclass_absent", "multiclass", several, None, np.minimum(truth, 2), softmax(logits)
    yield "multiclass_one", "multiclass", several, None, np.ones(20, dtype=int), softmax(rng.normal(size=(20, 4)))

    truth = np.exp(rng.normal(7.5, 1.0, 301))
    yield "regression", "regression", [], None, truth, truth * np.exp(rng.normal(0, 0.2, 301))
    yield "regression_even", "regression", [], None, truth[:50], truth[:50] + rng.normal(0, 300, 50)
    yield "regression_offset", "regression", [], None, truth + 1e7, truth + 1e7 + rng.normal(0, 5, 301)
    yield "regression_constant", "regression", [], None, np.full(9, 3.5), rng.normal(3.5, 1, 9)
    yield "regression_one_row", "regression", [], None, np.array([2.0]), np.array([2.5])
    yield "regression_poor", "regression", [], None, rng.normal(size=40), rng.normal(size=40) * 9


def expected(task, threshold, truth, predictions):
    if task == "regression":
        return regression(truth, predictions)
    return classification(truth, predictions, 0.5 if threshold is None else threshold)


def make():
    GOLDEN.mkdir(exist_ok=True)
    for name, task, classes, threshold, truth, predictions in cases():
        content = {
            "made_by": f"tests/peers/sklearn_metrics.py with scikit-learn {sklearn.__version__}, numpy {np.__version__}",
            "task": task,
            "classes": classes,
            "threshold": threshold,
            "expected": expected(task, threshold, truth, predictions),
            "truth": [float(value) for value in truth],
            "predictions": [float(value) for value in np.asarray(predictions).ravel()],
        }
        path = GOLDEN / f"metrics_{name}.json"
        path.write_text(json.dumps(content, separators=(",", ":")).replace(',"', ',\n"') + "\n")
        print("wrote", path.name)


def agree(ours, theirs, tolerance=TOLERANCE):
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(ours - theirs) <= tolerance * max(1.0, abs(theirs))


def check():
    """Recomputes every committed golden file; returns (passed, failed)."""
    passed = failed = 0
    for path in sorted(GOLDEN.glob("metrics_*.json")):
        golden = json.loads(path.read_text())
        predictions = np.array(golden["predictions"])
        if golden["task"] != "regression":
            predictions = predictions.reshape(-1, len(golden["classes"]))
        fresh = expected(golden["task"], golden["threshold"], np.array(golden["truth"]), predictions)
        for name, value in golden["expected"].items():
            if agree(value, fresh[name], 1e-9):
                passed += 1
            else:
                failed += 1
                print(f"{path.name}: {name} is {value}, scikit-learn {sklearn.__version__} says {fresh[name]}")
    if passed == 0:
        failed += 1
        print("no golden files found")
    return passed, failed


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif sys.argv[1:] == ["check"]:
        good, bad = check()
        print(f"golden metrics: {good} passed, {bad} failed")
        sys.exit(1 if bad else 0)
    else:
        sys.exit(__doc__)
