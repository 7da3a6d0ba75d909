#!/usr/bin/env python3
"""Trains the published set-ups on flights and diamonds and prints each test figure beside the figure to reach.

Usage: quality.py --data DIR [--orrery PATH] [--only TEXT]

DIR holds flights_delay.parquet (nycflights13 with weather and planes, 327,346 rows, column `split`) and
diamonds.parquet (ggplot2, 53,940 rows, column `split`). Exits 1 when a figure is not reached.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

FLIGHTS = ("flights_delay.parquet", "late", "auroc")
DIAMONDS = ("diamonds.parquet", "price", "rmse")
# name, table, arguments, figure to reach (at least for AUROC, at most for RMSE), what a peer reached
SETUPS = [
    ("flights mlp, 3 epochs", FLIGHTS, ["--model", "mlp", "--epochs", "3"], 0.775, "0.770 PyTorch"),
    ("flights tabm, defaults", FLIGHTS, ["--model", "tabm"], 0.785, "0.770 PyTorch MLP"),
    ("flights gbt, defaults", FLIGHTS, ["--model", "gbt"], 0.800, "0.801 LightGBM"),
    ("diamonds mlp, 20 epochs", DIAMONDS, ["--model", "mlp", "--epochs", "20"], 550.0, "560 PyTorch"),
    ("diamonds tabm, defaults", DIAMONDS, ["--model", "tabm"], 530.0, "521 LightGBM"),
    ("diamonds gbt, defaults", DIAMONDS, ["--model", "gbt"], 532.0, "521 LightGBM"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        for name, table, arguments, wanted, peer in SETUPS:
            if options.only in name:
                missed += not run(options, home, name, table, arguments, wanted, peer)
    sys.exit(1 if missed else 0)


def run(options, home, name, table, arguments, wanted, peer):
    file, target, metric = table
    command = [options.orrery, "--home", home, "train", "--data", options.data / file, "--target", target]
    command += ["--split-column", "split", "--seed", options.seed, "--json", *arguments]
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    secs = time.monotonic() - began
    last = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if last.get("event") != "finished":
        print(f"{name:26} FAILED: {last.get('message', 'no answer')}", flush=True)
        return False
    figure = last["test"][metric]
    reached = figure["value"] >= wanted if metric == "auroc" else figure["value"] <= wanted
    digits = 4 if metric == "auroc" else 1
    interval = f"{figure['value']:.{digits}f} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"
    print(
        f"{name:26} {metric} {interval:28} to reach {wanted} ({peer}) {'ok' if reached else 'MISSED'}"
        f"  {secs:.0f} s, {last['samples_per_sec']:.0f} rows/s on {last['device']}",
        flush=True,
    )
    return reached


if __name__ == "__main__":
    main()
