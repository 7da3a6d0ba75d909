#!/usr/bin/env python3
"""Kills trainings at breakpoints and at random instants, and checks that each, resumed, ends with the bits of the unbroken run.

Usage: kills.py [COUNT] [--orrery PATH] [--workers N] [--seed N]

COUNT kills (1,000 where it is left out) are spread over 20 ways to train. The program must be built with the cargo feature
`fault-injection`. Each broken run is killed once, gone on with, and compared with the unbroken one: weights or trees, graph and
preprocessing byte by byte, the history of validation losses and the card's metrics number by number. Ends with one summary line;
the exit code is 0 only where every run was the same.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

EPOCHS = "--epochs 4 --batch-size 16 --dropout 0.2 --width 16 --depth 2 --members 4"
SETUPS = [
    ("mlp", "binary", EPOCHS),
    ("mlp", "binary", EPOCHS + " --optimizer sgd --categories one-hot"),
    ("mlp", "multiclass", EPOCHS + " --categories one-hot"),
    ("mlp", "regression", EPOCHS + " --optimizer sgd"),
    ("mlp", "multiclass", EPOCHS + " --class-weights"),
    ("resnet", "binary", EPOCHS),
    ("resnet", "multiclass", EPOCHS + " --optimizer sgd --categories one-hot"),
    ("resnet", "regression", EPOCHS),
    ("resnet", "binary", EPOCHS + " --optimizer sgd"),
    ("tabm", "binary", EPOCHS),
    ("tabm", "multiclass", EPOCHS + " --categories one-hot"),
    ("tabm", "regression", EPOCHS),
    ("tabm", "binary", EPOCHS + " --optimizer sgd"),
    ("gbt", "binary", "--trees 40 --leaves 6"),
    ("gbt", "multiclass", "--trees 40 --leaves 6"),
    ("gbt", "regression", "--trees 40 --leaves 6"),
    ("linear", "binary", ""),
    ("linear", "multiclass", ""),
    ("linear", "regression", ""),
    ("auto", "binary", EPOCHS + " --trees 20 --leaves 6"),
]
FILES = ("weights.safetensors", "model.onnx", "trees.json", "preprocess.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    shares = [options.count // len(SETUPS) + (place < options.count % len(SETUPS)) for place in range(len(SETUPS))]
    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        work = [pool.submit(sweep, options, place, share) for place, share in enumerate(shares)]
        results = [found for job in work for found in job.result()]
    report("kills", results, began, f"{len(SETUPS)} set-ups")


def report(what, results, began, over):
    for place, fault in results:
        if fault:
            print(f"DIFFERENT after {place}: {fault}", file=sys.stderr)
    wrong = sum(1 for _, fault in results if fault)
    secs = time.monotonic() - began
    print(f"{what}: {len(results)} over {over}, {len(results) - wrong} the same, {wrong} different, {secs:.0f} s")
    sys.exit(1 if wrong else 0)


def sweep(options, place, count):
    """Kills one way to train `count` times; what was killed where, and what was different, if anything."""
    model, target, more = SETUPS[place]
    chance = random.Random(options.seed * 1000 + place)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        table(home / "table.csv", target)
        train = [options.orrery, "--home", home, "train", "--data", home / "table.csv", "--target", "y", "--json"]
        train += ["--model", model, "--device", "cpu", "--seed", "7", "--patience", "0", "--name", "run", *more.split()]
        began = time.monotonic()
        said = subprocess.run(train, capture_output=True, text=True, check=True).stdout
        usual = time.monotonic() - began
        run = json.loads(said.splitlines()[0])["run"]
        spec = json.loads((home / "runs" / run / "spec.json").read_text())
        unbroken = left(home, run)
        results = []
        while len(results) < count:
            name = f"killed-{len(results)}"
            fault = breakpoint(chance, model)
            killed = kill(options, home, spec, name, fault, chance.random() * usual, chance.random() < 0.5)
            if killed:
                process = job(options, home, name, {})
                process.wait()
                same = process.returncode == 0 and left(home, name) == unbroken
                what = f"{model} {target} {more} {fault or 'at a random instant'}"
                results.append((what, None if same else f"exit code {process.returncode}"))
            else:
                subprocess.run(["rm", "-rf", home / "runs" / name], check=True)
        return results


def breakpoint(chance, model):
    """A fault, or nothing where the instant is to be random."""
    if chance.random() < 0.25:
        return None
    steps = {"linear": 8, "gbt": 40}.get(model, 36)
    place = chance.choice(["step", "step", "step", "checkpoint-write", "checkpoint-rename", "checkpoint", "finish", "register"])
    count = {"step": steps, "finish": 2, "register": 4}.get(place, 6)
    return f"kill@{place}:{chance.randint(1, count)}"


def kill(options, home, spec, name, fault, after, often):
    """Starts a copy of the run and kills it; whether it was killed before its end."""
    folder = home / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps({**spec, "run": name}))
    more = {"ORRERY_CHECKPOINT_SECS": "0"} if often else {}
    process = job(options, home, name, {**more, "ORRERY_FAULT": fault or ""})
    if fault is None:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait() == -9


def job(options, home, name, more):
    command = [options.orrery, "job", "run", home / "runs" / name / "spec.json", "--detached"]
    environment = {**os.environ, "BURN_DEVICE": "flex", **more}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)


def left(home, run):
    """What is left of a finished run, times and names left out."""
    events = []
    for line in (home / "runs" / run / "events.jsonl").read_text().splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            pass  # A line that a kill cut off.
    finished = [event for event in events if event["event"] == "finished"]
    if not finished:
        return None
    folder = home / "models" / finished[-1]["model"].replace(":", "/")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES if (folder / name).exists()}
    card = json.loads((folder / "card.json").read_text())
    history = []
    for event in events:
        if event["event"] in ("started", "rolled_back"):
            step = event.get("from_step", event.get("step"))
            history = [point for point in history if point[1] <= step]
        elif event["event"] == "points":
            curves = ("valid_loss", "valid_metric")
            history += [(curve, point["step"], point["value"]) for curve, point in event["series"] if curve in curves]
    return files, history, [card[name] for name in ("test", "valid", "baselines", "importance", "kind")]


def table(path, target):
    """A small table with numbers, categories and gaps."""
    chance = random.Random(11)
    lines = ["a,b,c,colour,size,y"]
    for row in range(240):
        a, b, c = chance.uniform(-2, 2), chance.random(), "" if row % 17 == 0 else chance.randrange(50)
        colour, size = chance.randrange(4), chance.randrange(3)
        score = 1.5 * a + (1 if colour >= 2 else -1) + chance.random()
        classes = ["yes" if score > 0.3 else "no", "low" if score < -1 else "high" if score > 1 else "middle"]
        y = {"binary": classes[0], "multiclass": classes[1], "regression": f"{10 * score + b:.3f}"}[target]
        lines.append(f"{a:.3f},{b:.3f},{c},{'red green blue grey'.split()[colour]},{'sml'[size]},{y}")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
