"""Linear models: least squares, logistic and multinomial regression by scikit-learn, as golden files for the solver's own test.

    python tests/peers/sklearn_linear.py make     writes tests/golden/linear_*.json
    python tests/peers/sklearn_linear.py check    fits every committed golden file again

Minimised is sum(weight * loss) / sum(weight) + l2 / 2 * |W|^2: C = 1 / (l2 * sum(weight)) and, with the squared loss halved,
alpha = l2 * sum(weight).
"""

import json
import pathlib
import sys

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
TOLERANCE = 1e-5


def one_hot(numbers, codes, cardinalities):
    parts = [numbers]
    for column, cardinality in zip(codes.T, cardinalities):
        parts.append(np.eye(cardinality)[column])
    return np.hstack(parts)


def fit(case):
    """Coefficients [inputs][outputs] and intercepts [outputs]."""
    weight = np.array(case["weight"])
    x = one_hot(np.array(case["numbers"], dtype=np.float32).astype(float), np.array(case["codes"]), case["cardinalities"])
    y, strength = np.array(case["y"]), case["l2"] * weight.sum()
    if case["loss"] == "squared":
        model = Ridge(alpha=strength, solver="cholesky").fit(x, y, sample_weight=weight)
        return model.coef_[:, None], np.atleast_1d(model.intercept_)
    model = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=100_000).fit(x, y.astype(int), sample_weight=weight)
    return model.coef_.T, model.intercept_


def cases():
    random = np.random.default_rng(20260101)
    for name, loss, classes in [("squared", "squared", 0), ("binary", "binary", 2), ("multiclass", "multiclass", 4)]:
        for weighted in [False, True]:
            rows = 240
            numbers = random.normal(size=(rows, 3)).astype(np.float32)
            numbers[:, 2] += numbers[:, 0]
            cardinalities = [4, 3]
            codes = np.stack([random.integers(0, n, rows) for n in cardinalities], axis=1)
            score = numbers @ [1.0, -2.0, 0.5] + codes[:, 0] * 0.7 + random.normal(size=rows)
            if classes:
                y = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
            else:
                y = (score - score.mean()) / score.std()
            weight = random.integers(0, 4, rows) / 2 if weighted else np.ones(rows)
            yield f"linear_{name}{'_weighted' if weighted else ''}", {
                "loss": loss,
                "outputs": classes if classes > 2 else 1,
                "l2": 0.02,
                "cardinalities": cardinalities,
                "numbers": numbers.astype(float).tolist(),
                "codes": codes.tolist(),
                "y": y.tolist(),
                "weight": weight.tolist(),
            }


def make():
    for name, case in cases():
        coefficients, intercepts = fit(case)
        case = {"made_by": f"scikit-learn {sklearn.__version__}", **case}
        case |= {"coefficients": coefficients.tolist(), "intercepts": intercepts.tolist()}
        path = GOLDEN / f"{name}.json"
        path.write_text(json.dumps(case, separators=(",", ":")).replace(',"', ',\n"') + "\n")
        print("wrote", path.name)


def check():
    """Fits every committed golden file again; returns (passed, failed)."""
    passed = failed = 0
    for path in sorted(GOLDEN.glob("linear_*.json")):
        golden = json.loads(path.read_text())
        coefficients, intercepts = fit(golden)
        gap = max(
            np.abs(coefficients - np.array(golden["coefficients"])).max(),
            np.abs(intercepts - np.array(golden["intercepts"])).max(),
        )
        passed += gap <= TOLERANCE
        failed += gap > TOLERANCE
        if gap > TOLERANCE:
            print(f"{path.name}: scikit-learn {sklearn.__version__} differs by {gap}")
    if passed == 0:
        failed += 1
        print("no golden files found")
    return int(passed), int(failed)


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif sys.argv[1:] == ["check"]:
        good, bad = check()
        print(f"golden linear models: {good} passed, {bad} failed")
        sys.exit(1 if bad else 0)
    else:
        sys.exit(__doc__)
