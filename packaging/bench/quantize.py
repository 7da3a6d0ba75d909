#!/usr/bin/env python3
"""Measures quantization: an MLP 1024 x 1024 x 4 in whole numbers against itself in floats and against ONNX Runtime on the same files.

Usage: quantize.py [--orrery PATH] [--python PATH] [--rounds N]

A table of 1,024 columns of two values and a noisy target is made (seed 0), a network of four layers of 1,024 units is trained on it and
quantized. In each of N rounds every figure is taken once, ours (a new process that loads the model folder from disk) and ONNX Runtime's
(a new process that loads the same model.onnx) in turn, 2 threads each. Told are medians over the rounds, with the range of the rounds, and
what quantizing does to the quality on the test rows. PATH of --python has onnxruntime. Ends with a line of JSON.
"""

import argparse
import csv
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

COLUMNS = 1024
ROWS = 6000
SCHEMES = ["dynamic-int8", "static-int8"]

PEER = '''
import json, sys, time
import numpy, onnxruntime
settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = 2
model = onnxruntime.InferenceSession(sys.argv[1], settings, providers=["CPUExecutionProvider"])
found = {}
for name, rows in (("row_secs", 1), ("batch_secs", 64)):
    x = (numpy.arange(rows * int(sys.argv[2])) * 7919 % 13 // 6).astype(numpy.float32).reshape(rows, -1)
    end = time.perf_counter() + 0.15
    while time.perf_counter() < end:
        model.run(None, {"x": x})
    times, end = [], time.perf_counter() + 0.7
    while time.perf_counter() < end or len(times) < 30:
        began = time.perf_counter()
        model.run(None, {"x": x})
        times.append(time.perf_counter() - began)
    found[name] = sorted(times)[len(times) // 2]
print(json.dumps(found))
'''


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        measure(options, pathlib.Path(home))


def table(path):
    """Columns of 0 and 1; the target is a noisy sum of some of them, with a few that count only together."""
    draw = random.Random(0)
    weights = [draw.gauss(0, 1) if draw.random() < 0.2 else 0.0 for _ in range(COLUMNS)]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"x{column}" for column in range(COLUMNS)] + ["y"])
        for _ in range(ROWS):
            row = [draw.randrange(2) for _ in range(COLUMNS)]
            score = sum(weight * (2 * value - 1) for weight, value in zip(weights, row))
            score += 6 * ((row[0] ^ row[1]) + (row[2] ^ row[3]) - 1) + draw.gauss(0, 4)
            writer.writerow(row + ["yes" if score > 0 else "no"])


def call(options, home, *arguments):
    command = [options.orrery, "--home", home, "--json", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{arguments[0]} ended with {done.returncode}: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(options, home):
    file = home / "table.csv"
    table(file)
    print(f"Training {COLUMNS} x 1024 x 4 on {ROWS} rows…", file=sys.stderr)
    network = ["--width", "1024", "--depth", "4", "--epochs", "3", "--name", "wide"]
    call(options, home, "train", "--data", file, "--target", "y", "--model", "mlp", *network)
    folders = {"floats": home / "models/wide/1"}
    reports = {}
    for version, scheme in enumerate(SCHEMES, 2):
        reports[scheme] = call(options, home, "quantize", "wide:1", "--scheme", scheme)
        folders[scheme] = home / f"models/wide/{version}"
    found = {}
    for number in range(1, options.rounds + 1):
        for name, folder in folders.items():
            mine = call(options, home, "job", "measure", folder)
            command = [options.python, "-c", PEER, str(folder / "model.onnx"), str(COLUMNS)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"ONNX Runtime: {done.stderr[-1500:]}")
            theirs = json.loads(done.stdout)
            for figure in ("row_secs", "batch_secs"):
                ours = mine[figure]["median"]
                found.setdefault((name, figure), []).append((ours, theirs[figure]))
                print(f"round {number}, {name}, {figure}: ours {ours * 1e6:.1f} us, ONNX Runtime {theirs[figure] * 1e6:.1f} us", flush=True)
    result = {}
    print()
    for (name, figure), pairs in found.items():
        ratios = [ours / theirs for ours, theirs in pairs]
        ours = statistics.median(ours for ours, _ in pairs)
        line = {
            "us": round(ours * 1e6, 1),
            "peer_us": round(statistics.median(theirs for _, theirs in pairs) * 1e6, 1),
            "ratio": [round(value, 3) for value in (statistics.median(ratios), min(ratios), max(ratios))],
        }
        if name != "floats":
            gains = [before / after for (before, _), (after, _) in zip(found["floats", figure], pairs)]
            line["faster_than_floats"] = [round(value, 2) for value in (statistics.median(gains), min(gains), max(gains))]
        result[f"{name} {figure}"] = line
        print(f"{name}, {figure}: {json.dumps(line)}")
    for scheme, report in reports.items():
        metric, difference = report["difference"]
        before, after = (report[side]["files"]["model.onnx"] for side in ("before", "after"))
        quality = {
            "metric": metric,
            "difference": difference,
            "agreement": report["agreement"],
            "accuracy": [report[side]["test"]["accuracy"]["value"] for side in ("before", "after")],
            "onnx_bytes_ratio": round(after / before, 3),
        }
        result[f"{scheme} quality"] = quality
        print(f"{scheme}: {json.dumps(quality)}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
