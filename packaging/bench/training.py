#!/usr/bin/env python3
"""Trains the same models as PyTorch and LightGBM on the same rows, in turn, and prints the ratio of the speeds.

Usage: training.py --data DIR [--orrery PATH] [--pairs N] [--only TEXT] [--python PATH]

DIR holds flights_delay.parquet and diamonds.parquet, as for quality.py. The network is 3 x 256, ReLU, batch 256, AdamW, one-hot
categories; trees are 500 with 63 leaves, learning rate 0.05. Our speed counts validation, progress and checkpoints; the
peer's is its bare training loop. Every line ends with a JSON object.
"""

import argparse
import json
import os
import pathlib
import tempfile
import time

import pairs

TABLES = {"flights": ("flights_delay.parquet", "late", "auroc"), "diamonds": ("diamonds.parquet", "price", "rmse")}
TREES = ["--trees", "500", "--leaves", "63", "--learning-rate", "0.05", "--patience", "0"]
# name, table, our arguments, the peer's model, the peer's epochs or trees
SETUPS = [
    ("flights mlp", "flights", ["--model", "mlp", "--categories", "one-hot", "--epochs", "3"], "mlp", 3),
    ("diamonds mlp", "diamonds", ["--model", "mlp", "--categories", "one-hot", "--epochs", "20"], "mlp", 20),
    ("flights gbt", "flights", ["--model", "gbt", *TREES], "gbt", 500),
    ("diamonds gbt", "diamonds", ["--model", "gbt", *TREES], "gbt", 500),
    ("flights gbt, our defaults", "flights", ["--model", "gbt"], "gbt", 500),
    ("diamonds gbt, our defaults", "diamonds", ["--model", "gbt"], "gbt", 500),
]
THREADS = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--python", help="interpreter with the peers")
    parser.add_argument("--peer", nargs=3, metavar=("MODEL", "TABLE", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(peer(options.data, *options.peer)))
        return
    python = pairs.peers_python(options.python)
    for name, table, arguments, model, count in SETUPS:
        if options.only in name:
            print(name, flush=True)
            compare(options, python, name, table, arguments, model, count)


def compare(options, python, name, table, arguments, model, count):
    file, target, metric = TABLES[table]

    def ours():
        with tempfile.TemporaryDirectory() as home:
            command = [options.orrery, "--home", home, "train", "--data", options.data / file, "--target", target]
            command += ["--split-column", "split", "--json", *arguments]
            result = pairs.last_json(command, env={**os.environ, "RAYON_NUM_THREADS": str(THREADS)})
        return result["samples_per_sec"], result["test"][metric]["value"]

    def theirs():
        script = [python, __file__, "--data", options.data, "--peer", model, table, str(count)]
        result = pairs.last_json(script)
        return result["samples_per_sec"], result[metric]

    digits = 4 if metric == "auroc" else 1
    found = pairs.alternate(options.pairs, ours, theirs, lambda value: f"({metric} {value:.{digits}f})")
    print(json.dumps({"setup": name, "unit": "training rows/s", **found}), flush=True)


# ---------------------------------------------------------------- the peers' side


def peer(data, model, table, count):
    """Trains one peer; rows a second and its test metric."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    # The peer picks its own kernels.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    import pandas

    file, target, metric = TABLES[table]
    frame = pandas.read_parquet(data / file)
    train = (frame.pop("split") == "train").to_numpy()
    y = frame.pop(target).to_numpy()
    return (torch_mlp if model == "mlp" else lightgbm_trees)(frame, y, train, metric, int(count))


def judge(metric, score, truth):
    import numpy
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, score) if metric == "auroc" else numpy.sqrt(((score - truth) ** 2).mean()))


def encoded(frame, train):
    """Standardized numbers (missing: the mean) and one-hot categories, as float32."""
    import numpy
    import pandas

    blocks = []
    for name in frame:
        column = frame[name]
        if pandas.api.types.is_numeric_dtype(column):
            values = column.to_numpy(float)
            spread = numpy.nanstd(values[train]) or 1.0
            blocks.append(numpy.nan_to_num((values - numpy.nanmean(values[train])) / spread)[:, None])
        else:
            values = column.astype(object).where(column.notna(), "?").astype(str).to_numpy(object)
            blocks.append(values[:, None] == numpy.unique(values[train])[None, :])
    return numpy.concatenate(blocks, axis=1).astype(numpy.float32)


def torch_mlp(frame, y, train, metric, epochs):
    import numpy
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    inputs = encoded(frame, train)
    classes = metric == "auroc"
    mean, spread = (0.0, 1.0) if classes else (y[train].mean(), y[train].std())
    truth = torch.from_numpy(((y - mean) / spread).astype(numpy.int64 if classes else numpy.float32))
    x = torch.from_numpy(inputs)
    layers, width = [], x.shape[1]
    for _ in range(3):
        layers += [torch.nn.Linear(width, 256), torch.nn.ReLU()]
        width = 256
    network = torch.nn.Sequential(*layers, torch.nn.Linear(width, 2 if classes else 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)

    def loss(rows):
        output = network(rows[0])
        return functional.cross_entropy(output, rows[1]) if classes else functional.mse_loss(output[:, 0], rows[1])

    x_train, y_train = x[train], truth[train]
    steps = len(x_train) // 256

    def epoch():
        order = torch.randperm(len(x_train))
        for step in range(steps):
            rows = order[step * 256 : (step + 1) * 256]
            optimizer.zero_grad(set_to_none=True)
            loss((x_train[rows], y_train[rows])).backward()
            optimizer.step()

    began = time.perf_counter()
    for _ in range(epochs):
        epoch()
    secs = time.perf_counter() - began
    with torch.inference_mode():
        output = network(x[~train])
    score = (output[:, 1] - output[:, 0]).numpy() if classes else output[:, 0].numpy() * spread + mean
    return {"samples_per_sec": steps * 256 * epochs / secs, metric: judge(metric, score, y[~train])}


def lightgbm_trees(frame, y, train, metric, trees):
    import lightgbm
    import pandas

    for name in frame:
        if not pandas.api.types.is_numeric_dtype(frame[name]):
            frame[name] = frame[name].astype("category")
    kind = lightgbm.LGBMClassifier if metric == "auroc" else lightgbm.LGBMRegressor
    model = kind(n_estimators=trees, learning_rate=0.05, num_leaves=63, n_jobs=THREADS, verbose=-1)
    began = time.perf_counter()
    model.fit(frame[train], y[train])
    secs = time.perf_counter() - began
    rest = frame[~train]
    score = model.predict_proba(rest)[:, 1] if metric == "auroc" else model.predict(rest)
    return {"samples_per_sec": int(train.sum()) * trees / secs, metric: judge(metric, score, y[~train])}


if __name__ == "__main__":
    main()
