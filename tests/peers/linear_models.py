"""Linear models: Orrery's linear and logistic regression against scikit-learn's on the same encoded rows and the same penalty.

Orrery minimises mean loss + l2 / 2 |W|² with l2 = 1 / rows unless told otherwise, intercepts free: scikit-learn's LogisticRegression with
C = 1, and Ridge with alpha = 1 on the standardized target. Both sides must reach the same minimum and the same predictions.
"""

import json
import struct

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

import preprocess
import program

RUNS = [("flights, two classes", program.flights, "late"), ("wine, three classes", program.wine, "target"), ("diabetes, a number", program.diabetes, "target")]
# The minimum may lie this much (relative) above scikit-learn's, and predictions this far apart (target: in its deviation).
OBJECTIVE, PREDICTION = 1e-4, 1e-2


def tensors(path):
    """Reads a safetensors file of float32."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    read = lambda one: np.frombuffer(body[slice(*one["data_offsets"])], dtype="<f4").reshape(one["shape"]).astype(float)
    return {name: read(one) for name, one in header.items()}


def objective(x, y, weights, bias, classes):
    """Mean loss + |W|² / 2 rows."""
    raw = x @ weights + bias
    if classes == 0:
        losses = (y - raw[:, 0]) ** 2 / 2
    elif classes == 2:
        losses = np.logaddexp(0, raw[:, 0]) - y * raw[:, 0]
    else:
        losses = np.logaddexp.reduce(raw, axis=1) - raw[np.arange(len(y)), y]
    return losses.mean() + (weights**2).sum() / 2 / len(y)


def check_one(orrery, folder, make, target):
    table = make()
    # A column of the file divides the rows, so both sides know which are training rows.
    table["part"] = np.array(["train", "train", "train", "valid", "test"])[np.arange(len(table)) % 5]
    file = program.write(table, folder, f"linear-{make.__name__}")
    finished, model_folder = orrery.train(file, target, "linear", "--split-column", "part")
    card = json.loads((model_folder / "card.json").read_text())
    _, predicted = orrery.predict(finished["model"], file, folder / "linear.parquet")
    x = preprocess.encode(preprocess.load(model_folder), table).astype(float)
    train = (table["part"] == "train").to_numpy()
    classes = len(card["classes"])
    if classes:
        y = table[target].map({name: code for code, name in enumerate(card["classes"])}).to_numpy()
        theirs = LogisticRegression(C=1.0, max_iter=20_000, tol=1e-9).fit(x[train], y[train])
        weights, bias = theirs.coef_.T, theirs.intercept_
        names = [f"probability_{name}" for name in card["classes"]]
        gap = np.abs(theirs.predict_proba(x) - predicted[names].to_numpy()).max()
    else:
        values = table[target].to_numpy(dtype=float)
        mean, std = values[train].mean(), values[train].std()
        y = (values - mean) / std
        theirs = Ridge(alpha=1.0, tol=1e-12).fit(x[train], y[train])
        weights, bias = theirs.coef_.reshape(-1, 1), np.array([theirs.intercept_])
        gap = np.abs(theirs.predict(x) - (predicted["prediction"].to_numpy() - mean) / std).max()
    ours = tensors(model_folder / "weights.safetensors")
    reached = objective(x[train], y[train], ours["head.weight"], ours["head.bias"], classes)
    least = objective(x[train], y[train], weights, bias, classes)
    return (reached - least) / abs(least), gap


def run(orrery, folder):
    """Returns (passed, failed)."""
    passed = failed = 0
    for name, make, target in RUNS:
        try:
            above, gap = check_one(orrery, folder, make, target)
            good = above <= OBJECTIVE and gap <= PREDICTION
            print(f"{'ok    ' if good else 'FAILED'} linear: {name}: minimum {above:+.1e} above scikit-learn's, predictions {gap:.1e} apart", flush=True)
        except Exception as error:  # one broken model must not hide the others
            good = False
            print(f"FAILED linear: {name}: {error}", flush=True)
        passed, failed = passed + good, failed + (not good)
    return passed, failed
