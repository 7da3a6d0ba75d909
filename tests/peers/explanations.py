"""Explanations: captum's and shap's values on small networks and trees, kept as a golden file that the Rust tests read.

    python explanations.py make     writes tests/golden/explain.json (needs torch, captum 0.9, shap 0.51 and scikit-learn)
    python explanations.py check    recomputes every value from the definitions with numpy, and compares

Weights, rows and background are in the file. Integrated gradients and their means over the background (expected gradients in the
limit) are captum's, with 100,000 and 4,000 midpoints in 64 bits (rectifiers have kinks, which finer rules meet no better); Shapley values of whole columns, which may be several inputs,
are those of shap's KernelExplainer with groups, which takes all sets of so few columns, and of its Exact explainer where every input is
a column; those of trees are shap's TreeExplainer's, path-dependent.
"""

import itertools
import json
import math
import pathlib
import sys

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "explain.json"


# ---- the definitions


def forward(case, x):
    """Raw outputs [rows, outputs] of a perceptron with rectifiers."""
    for layer, (weight, bias) in enumerate(case["layers"]):
        x = (np.maximum(x, 0.0) if layer else x) @ np.asarray(weight) + np.asarray(bias)
    return x


def answer(case, x):
    """What is explained: the number in its unit, or the log-odds of the class."""
    raw = forward(case, np.asarray(x, float))
    if case["kind"] == "value":
        return case["mean"] + case["std"] * raw[:, 0]
    if case["kind"] == "binary":
        return raw[:, 0]
    others = np.delete(raw, case["class"], axis=1)
    top = others.max(axis=1)
    return raw[:, case["class"]] - top - np.log(np.exp(others - top[:, None]).sum(axis=1))


def gradient(case, x):
    """The slope of the answer at every input [rows, inputs], by the chain rule."""
    hidden, x = [], np.asarray(x, float)
    for layer, (weight, bias) in enumerate(case["layers"]):
        before = np.maximum(x, 0.0) if layer else x
        hidden.append(x)
        x = before @ np.asarray(weight) + np.asarray(bias)
    if case["kind"] == "value":
        slope = np.full_like(x, case["std"])
    elif case["kind"] == "binary":
        slope = np.ones_like(x)
    else:
        p = np.exp(x - x.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        own = p[:, [case["class"]]]
        slope = -p / (1 - own)
        slope[:, case["class"]] = 1.0
    for layer in reversed(range(len(case["layers"]))):
        slope = slope @ np.asarray(case["layers"][layer][0]).T
        if layer:
            slope = slope * (hidden[layer] > 0)
    return slope


def by_column(case, values):
    """Inputs added up to their columns."""
    owners = np.asarray(case["owners"])
    return np.stack([values[:, owners == column].sum(axis=1) for column in range(owners.max() + 1)], axis=1)


def integrated(case, baseline, points=100_000):
    """Integrated gradients of the rows by the midpoint rule, which a kink costs 1/points."""
    rows, baseline = np.asarray(case["rows"]), np.asarray(baseline, float)
    shares = (np.arange(points) + 0.5) / points
    means = [gradient(case, baseline + shares[:, None] * (row - baseline)).mean(axis=0) for row in rows]
    return by_column(case, np.stack(means) * (rows - baseline))


def shapley(case):
    """Shapley's sum over all sets of columns, each worth the mean answer over the background."""
    owners, background = np.asarray(case["owners"]), np.asarray(case["background"])
    many = owners.max() + 1
    found = []
    for row in np.asarray(case["rows"]):
        worth = np.empty(1 << many)
        for subset in range(1 << many):
            on = (subset >> owners & 1).astype(bool)
            worth[subset] = answer(case, np.where(on, row, background)).mean()
        values = np.zeros(many)
        for column, subset in itertools.product(range(many), range(1 << many)):
            if not subset >> column & 1:
                size = subset.bit_count()
                weight = math.factorial(size) * math.factorial(many - size - 1) / math.factorial(many)
                values[column] += weight * (worth[subset | 1 << column] - worth[subset])
        found.append(values)
    return np.stack(found)


def tree_answer(tree, row, on, node=0):
    """A tree's answer where only the columns that are on are known."""
    left, right = tree["left"][node], tree["right"][node]
    if left == 0:
        return tree["value"][node]
    feature = tree["feature"][node]
    if on >> feature & 1:
        return tree_answer(tree, row, on, left if row[feature] < tree["threshold"][node] else right)
    cover = tree["cover"]
    sides = [(child, cover[child] / (cover[left] + cover[right])) for child in (left, right)]
    return sum(share * tree_answer(tree, row, on, child) for child, share in sides)


def tree_shapley(case):
    many, found = len(case["rows"][0]), []
    for row in case["rows"]:
        worth = [sum(tree_answer(tree, row, on) for tree in case["trees"]) for on in range(1 << many)]
        values = np.zeros(many)
        for column, subset in itertools.product(range(many), range(1 << many)):
            if not subset >> column & 1:
                size = subset.bit_count()
                weight = math.factorial(size) * math.factorial(many - size - 1) / math.factorial(many)
                values[column] += weight * (worth[subset | 1 << column] - worth[subset])
        found.append(values)
    return np.stack(found)


# ---- the cases


def networks():
    """Networks, rows and backgrounds. Fixed seeds, so the same on every machine; every number is one of 32 bits."""
    rng = np.random.default_rng(20261127)
    short = lambda values: np.asarray(values, np.float32).astype(float).round(4).astype(np.float32).astype(float).tolist()
    kinds = [("value", 1, {"mean": 3.0, "std": 2.0}), ("binary", 1, {}), ("classes", 3, {"class": 2})]
    for kind, outputs, more in kinds:
        owners = [0, 1, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9] if kind == "value" else [0, 1, 1, 2, 3]
        sizes = [len(owners), 12, 12, outputs]
        layers = [
            (short(rng.normal(0, 1.2 / math.sqrt(inputs), (inputs, width))), short(rng.normal(0, 0.3, width)))
            for inputs, width in itertools.pairwise(sizes)
        ]
        background = rng.normal(size=(12, len(owners)))
        # Values that a row shares with the background.
        background[::3, 0] = 0.5
        rows = rng.normal(size=(4, len(owners)))
        rows[:2, 0] = 0.5
        yield {
            "kind": kind,
            "owners": owners,
            "layers": layers,
            "background": short(background),
            "rows": short(rows),
            "baseline": short(background.mean(axis=0)),
            **more,
        }


def torch_module(case):
    import torch

    class Explained(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList()
            for weight, bias in case["layers"]:
                layer = torch.nn.Linear(len(weight), len(bias), dtype=torch.float64)
                layer.weight.data = torch.tensor(weight, dtype=torch.float64).T.contiguous()
                layer.bias.data = torch.tensor(bias, dtype=torch.float64)
                self.layers.append(layer)

        def forward(self, x):
            for at, layer in enumerate(self.layers):
                x = layer(torch.relu(x) if at else x)
            if case["kind"] == "value":
                return case["mean"] + case["std"] * x[:, 0]
            if case["kind"] == "binary":
                return x[:, 0]
            logs = torch.log_softmax(x, dim=1)
            keep = [at for at in range(x.shape[1]) if at != case["class"]]
            return logs[:, case["class"]] - torch.logsumexp(logs[:, keep], dim=1)

    return Explained()


def foreign_network(case):
    """captum's and shap's values."""
    import captum.attr
    import shap
    import torch
    from shap.utils._legacy import DenseData

    torch.set_num_threads(1)
    module = torch_module(case)
    double = lambda values: torch.tensor(values, dtype=torch.float64)
    explainer = captum.attr.IntegratedGradients(module)

    def from_one(baseline, points=4000):
        baselines = double([baseline])
        settings = {"n_steps": points, "method": "riemann_middle", "internal_batch_size": 100_000}
        found = explainer.attribute(double(case["rows"]), baselines=baselines, **settings)
        return by_column(case, found.detach().numpy())

    owners = np.asarray(case["owners"])
    groups = [np.flatnonzero(owners == column) for column in range(owners.max() + 1)]
    predict = lambda x: module(double(np.asarray(x))).detach().numpy()
    data = DenseData(np.asarray(case["background"]), [str(at) for at in range(len(groups))], groups)
    kernel = shap.KernelExplainer(predict, data)
    shapley = kernel.shap_values(np.asarray(case["rows"]), nsamples=1 << len(groups), l1_reg=False, silent=True)
    return {
        "answers": predict(case["rows"]),
        "mean_answer": predict(case["background"]).mean(),
        "integrated": from_one(case["baseline"], 100_000),
        "expected": np.mean([from_one(row) for row in case["background"]], axis=0),
        "shapley": shapley,
    }


def foreign_trees():
    """Boosted trees of scikit-learn and their values by shap."""
    import shap
    from sklearn.ensemble import GradientBoostingRegressor

    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 5)).round(4)
    y = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.1 * rng.normal(size=300)
    model = GradientBoostingRegressor(n_estimators=12, max_depth=4, learning_rate=0.3, random_state=0).fit(x, y)
    rows = rng.normal(size=(6, 5)).round(5)
    values = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(rows)
    trees = []
    for (grown,) in model.estimators_:
        tree = grown.tree_
        inner = tree.children_left >= 0
        keep = lambda values: np.where(inner, values, 0).tolist()
        trees.append(
            {
                "feature": keep(tree.feature),
                # A row of exactly the threshold goes left there and right here; none is.
                "threshold": keep(tree.threshold),
                "left": keep(tree.children_left),
                "right": keep(tree.children_right),
                "value": np.where(inner, 0, 0.3 * tree.value[:, 0, 0]).tolist(),
                "cover": tree.weighted_n_node_samples.tolist(),
            }
        )
    base = float(model.init_.constant_[0, 0])
    case = {"trees": trees, "rows": rows.tolist(), "base": base}
    return {**case, "expected": {"answers": model.predict(rows), "shapley": values}}


def expected_of(case):
    """The same figures by the definitions."""
    return {
        "answers": answer(case, case["rows"]),
        "mean_answer": answer(case, case["background"]).mean(),
        "integrated": integrated(case, case["baseline"]),
        "expected": np.mean([integrated(case, row, 4000) for row in case["background"]], axis=0),
        "shapley": shapley(case),
    }


def apart(a, b):
    """The largest difference, as a share of the row's largest figure."""
    a, b = np.atleast_2d(np.asarray(a, float)), np.atleast_2d(np.asarray(b, float))
    return float((np.abs(a - b).max(axis=1) / np.abs(b).max(axis=1)).max())


TOLERANCE = {"answers": 1e-9, "mean_answer": 1e-9, "integrated": 1e-4, "expected": 4e-4, "shapley": 1e-6}


def compare(name, found, expected):
    wrong = []
    for key, values in expected.items():
        gap = apart(found[key], values)
        if not gap <= TOLERANCE[key]:
            wrong.append(f"{name}: {key} is {gap:.1e} apart")
    return len(expected), wrong


def make():
    import captum
    import shap

    cases = []
    for case in networks():
        expected = foreign_network(case)
        _, wrong = compare(case["kind"], expected_of(case), expected)
        assert not wrong, wrong
        cases.append({**case, "expected": expected})
    trees = foreign_trees()
    gap = apart(tree_shapley(trees), trees["expected"]["shapley"])
    assert gap < 1e-6, gap
    made_by = f"tests/peers/explanations.py with captum {captum.__version__}, shap {shap.__version__}, numpy {np.__version__}"
    content = {"made_by": made_by, "networks": cases, "trees": trees}
    plain = lambda value: value.tolist() if hasattr(value, "tolist") else float(value)
    text = json.dumps(content, separators=(",", ":"), default=plain)
    GOLDEN.write_text(text.replace(',"', ',\n"') + "\n")
    print("wrote", GOLDEN.name, len(text), "bytes")


def check():
    """Recomputes the committed golden file; returns (passed, failed)."""
    content = json.loads(GOLDEN.read_text())
    passed, failed = 0, []
    for case in content["networks"]:
        many, wrong = compare(case["kind"], expected_of(case), case["expected"])
        passed, failed = passed + many - len(wrong), failed + wrong
    trees = content["trees"]
    gap = apart(tree_shapley(trees), trees["expected"]["shapley"])
    passed, failed = (passed + 1, failed) if gap < 1e-6 else (passed, failed + [f"trees: {gap:.1e} apart"])
    for line in failed:
        print(line)
    return passed, len(failed)


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif sys.argv[1:] == ["check"]:
        good, bad = check()
        print(f"explanations: {good} passed, {bad} failed")
        sys.exit(1 if bad else 0)
    else:
        sys.exit(__doc__)
