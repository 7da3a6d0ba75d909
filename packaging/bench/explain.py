#!/usr/bin/env python3
"""Explains the same rows of the same network as captum and shap, in turn, and prints the ratio of the speeds.

Usage: explain.py --data DIR [--orrery PATH] [--pairs N] [--only TEXT] [--python PATH]

DIR holds diamonds.parquet, as for quality.py. An MLP of 3 x 256 is trained on it by Orrery (10 epochs, one-hot categories); the peers
get the same weights in PyTorch, the rows encoded by the model's own preprocess.json, and a background of 100 training rows. A player is
a raw column on both sides: captum's inputs are added up, shap's are grouped. Integrated gradients of 50 points, expected gradients
(GradientShap) of 50, Kernel SHAP over all sets of columns, permutation SHAP of one order forth and back. Our rate is that of a whole
command less one that explains a single row; the peer's is its bare call. Two threads each. Every line ends with a JSON object.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

import pairs

HERE = pathlib.Path(__file__).resolve().parent
THREADS = 2
# name, our method, our samples, rows of ours, rows of the peer's
SETUPS = [
    ("integrated gradients, 50 points", "integrated-gradients", 50, 2000, 1000),
    ("expected gradients, 50 points", "expected-gradients", 50, 2000, 500),
    ("kernel shap, all sets", "kernel-shap", None, 200, 20),
    ("permutation shap, 1 order", "permutation-shap", 1, 1000, 200),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--python", help="interpreter with the peers")
    parser.add_argument("--peer", nargs=3, metavar=("METHOD", "ROWS", "MODEL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        method, rows, model = options.peer
        print(json.dumps(peer(options.data, method, int(rows), pathlib.Path(model))))
        return
    python = pairs.peers_python(options.python)
    with tempfile.TemporaryDirectory() as home:
        train = ["train", "--data", options.data / "diamonds.parquet", "--target", "price", "--split-column", "split"]
        train += ["--model", "mlp", "--categories", "one-hot", "--epochs", "10", "--name", "net", "--json"]
        pairs.last_json([options.orrery, "--home", home, *train], env=environment())
        model = pathlib.Path(home) / "models" / "net" / "1"
        for name, method, samples, ours, theirs in SETUPS:
            if options.only in name:
                print(name, flush=True)
                compare(options, python, (home, model), name, method, samples, ours, theirs)


def environment():
    return {**os.environ, "RAYON_NUM_THREADS": str(THREADS)}


def compare(options, python, made, name, method, samples, rows, theirs):
    home, model = made

    def command(many):
        run = [options.orrery, "--home", home, "explain", "--model", "net", "--method", method, "--quick", "--json"]
        run += ["--rows", f"0..{many}", "--background", "100"]
        run += ["--samples", str(samples)] if samples else []
        began = time.perf_counter()
        found = pairs.last_json(run, env=environment())
        return time.perf_counter() - began, found

    def ours():
        (one, _), (many, found) = command(1), command(rows)
        return (rows - 1) / (many - one), found

    def other():
        run = [python, __file__, "--data", options.data, "--peer", method, str(theirs), model]
        found = pairs.last_json(run)
        return found["rows_per_s"], found

    found = pairs.alternate(options.pairs, ours, other, lambda result: "")
    print(json.dumps({"name": name, **found}), flush=True)


def peer(data, method, rows, model):
    """One method of captum's or shap's on the model's weights; rows a second, and the first row's figures by column."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    import numpy
    import pandas
    import torch

    sys.path.insert(0, str(HERE.parent.parent / "tests" / "peers"))
    import preprocess

    torch.set_num_threads(THREADS)
    rules = preprocess.load(model)
    frame = pandas.read_parquet(data / "diamonds.parquet")
    x = preprocess.encode(rules, frame[frame["split"] == "test"].head(rows))
    pool = frame[frame["split"] != "test"].sample(100, random_state=0)
    background = preprocess.encode(rules, pool)
    network, owners = module(model), columns_of(rules)
    double = torch.from_numpy
    mean = double(background).mean(0, keepdim=True)
    groups = [numpy.flatnonzero(owners == column) for column in range(owners.max() + 1)]
    forward = network.forward

    def predict(values):
        with torch.inference_mode():
            return forward(double(numpy.ascontiguousarray(values, dtype=numpy.float32))).numpy()

    if method == "integrated-gradients":
        import captum.attr

        explain = captum.attr.IntegratedGradients(network)
        calls = [
            lambda: explain.attribute(double(x), baselines=mean, n_steps=50),
            lambda: explain.attribute(double(x), baselines=mean, n_steps=50, internal_batch_size=5000),
        ]
    elif method == "expected-gradients":
        import captum.attr

        explain = captum.attr.GradientShap(network)
        calls = [lambda: explain.attribute(double(x), baselines=double(background), n_samples=50)]
    elif method == "kernel-shap":
        import shap
        from shap.utils._legacy import DenseData

        explain = shap.KernelExplainer(predict, DenseData(background, [str(at) for at in range(len(groups))], groups))
        calls = [lambda: explain.shap_values(x, nsamples="auto", l1_reg=False, silent=True)]
    else:
        explain = permutation(predict, background, owners)
        calls = [lambda: explain(x)]
    best = 0.0
    for call in calls:
        began = time.perf_counter()
        found = call()
        best = max(best, rows / (time.perf_counter() - began))
    found = numpy.asarray(found.detach() if hasattr(found, "detach") else found)[0]
    if len(found) == len(owners):
        found = numpy.array([found[group].sum() for group in groups])
    return {"rows_per_s": best, "first": dict(zip([rule["name"] for rule in rules["features"]], found.tolist()))}


def permutation(predict, background, owners):
    """shap's PermutationExplainer with whole columns switched; one order forth and back."""
    import numpy
    import shap

    many = int(owners.max()) + 1

    class Columns:
        """A masker whose mask has a place a raw column."""

        shape = (None, many)
        immutable_outputs = True
        clustering = None

        def __call__(self, mask, row):
            on = numpy.broadcast_to(mask, (many,))[owners]
            return (numpy.where(on, ROWS[int(row[0])], background),)

    # The explainer sees a row as its place, a figure a column.
    explainer = shap.PermutationExplainer(predict, Columns(), seed=0)

    def explain(x):
        global ROWS
        ROWS = x
        places = numpy.repeat(numpy.arange(len(x), dtype=float)[:, None], many, axis=1)
        return explainer(places, max_evals=2 * many + 1, silent=True).values

    return explain


def columns_of(rules):
    """The raw column of each encoded input, in preprocess.json's order."""
    import numpy

    continuous, flags, categories = [], [], []
    for place, feature in enumerate(rules["features"]):
        rule = feature["encoding"]
        if rule["as"] == "category":
            codes = len(rule["values"]) + 1 + int(rule["missing"])
            categories += [place] * codes
        else:
            continuous.append(place)
            flags += [place] * int(rule["indicator"])
    return numpy.array(continuous + flags + categories)


def module(model):
    """The network of weights.safetensors in PyTorch: piecewise-linear numbers, rectifiers, the target's unit."""
    import json as text

    import numpy
    import torch
    from safetensors import safe_open

    with safe_open(model / "weights.safetensors", "pt") as file:
        arch = text.loads(file.metadata()["architecture"])
        weights = {name: file.get_tensor(name) for name in file.keys()}
    edges = arch["ple_edges"]
    embedded = [column for column in range(arch["numeric"]) if column < len(edges) and edges[column]]
    plain = [column for column in range(arch["numeric"]) if column not in embedded]

    class Network(torch.nn.Module):
        def forward(self, x):
            parts = [x[:, plain]]
            for at, column in enumerate(embedded):
                edge = torch.tensor(edges[column])
                inside, bias = weights["ple.weight"][at], weights["ple.bias"][at]
                below = torch.cat([bias[None], bias + inside[: len(edge) - 2].cumsum(0)])
                place = torch.bucketize(x[:, column].detach(), edge[1:-1], right=True)
                share = (x[:, column] - edge[place]) / (edge[place + 1] - edge[place])
                parts.append(below[place] + share[:, None] * inside[place])
            h = torch.cat(parts, dim=1)
            for layer in range(arch["depth"]):
                h = torch.relu(h @ weights[f"layers.{layer}.weight"] + weights[f"layers.{layer}.bias"])
            raw = (h @ weights["head.weight"] + weights["head.bias"])[:, 0]
            return arch["output"]["mean"] + arch["output"]["std"] * raw

    assert not arch["category_sizes"] and arch["family"] == "mlp" and not arch["output"]["log"], arch
    assert numpy.isfinite([value.sum() for value in weights.values()]).all()
    return Network()


if __name__ == "__main__":
    main()
