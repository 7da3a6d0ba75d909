#!/usr/bin/env python3
"""Measures how soon a person is answered: from spawn to the first batch of training, and a row asked of a loaded model.

Usage: latency.py --data FILE --target COLUMN [--orrery PATH] [--starts N] [--rows N]

FILE is imported once; then `job run` is spawned on its dataset as the window does, and timed to its first training batch (the
line with the training's first point, which is written after that batch). A session child then answers one row at a time. The
last figure is the share of a training's time spent on telling its progress, as the training itself counts it. Ends with a line of JSON.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ENVIRONMENT = {**os.environ, "BURN_DEVICE": "flex", "ORRERY_LOG": "info"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--arguments", default="", help="more arguments of `train`, in one text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        measure(options, pathlib.Path(home))


def measure(options, home):
    program = [options.orrery, "--home", home]
    training = ["train", "--data", options.data, "--target", options.target, "--json", "--name", "latency"]
    training += options.arguments.split()
    # One short run gives the registry a model, and a spec to start from.
    subprocess.run(program + training + ["--model", "mlp", "--epochs", "1"], check=True, stdout=subprocess.DEVNULL)
    run = max((home / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)
    spec = json.loads((run / "spec.json").read_text())
    firsts = [first_batch(options, home, spec, number) for number in range(options.starts)]
    loading, answers = session(options, home)
    answers.sort()
    share = progress_share(program, training, home)
    figures = {
        "first_batch_secs": round(statistics.median(firsts), 4),
        "first_batch_secs_min": round(min(firsts), 4),
        "first_batch_secs_max": round(max(firsts), 4),
        "session_first_answer_secs": round(loading, 4),
        "session_p50_ms": round(answers[len(answers) // 2] * 1e3, 3),
        "session_p95_ms": round(answers[int(len(answers) * 0.95)] * 1e3, 3),
        "progress_share": share,
    }
    print(json.dumps(figures))


def first_batch(options, home, spec, number):
    """Seconds from the spawn of a training to the line that follows its first batch."""
    run = str(spec["run"])[:-4] + f"{number:04x}"
    folder = home / "runs" / run
    folder.mkdir()
    (folder / "control").touch()
    file = folder / "spec.json"
    file.write_text(json.dumps({**spec, "run": run}))
    began = time.monotonic()
    child = subprocess.Popen(
        [options.orrery, "job", "run", file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    passed = None
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "failed":
            raise SystemExit(line.decode())
        if event["event"] == "points":
            passed = time.monotonic() - began
            break
    child.kill()
    child.wait()
    return passed


def session(options, home):
    """Seconds to the first answer, and to each one after it."""
    file = home / "session.json"
    file.write_text(json.dumps({"job": "session", "home": str(home), "model": "latency:1"}))
    child = subprocess.Popen(
        [options.orrery, "job", "run", file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    began, times = time.monotonic(), []
    for number in range(options.rows + 1):
        child.stdin.write(json.dumps({"request": number, "row": []}) + "\n")
        child.stdin.flush()
        answer = json.loads(child.stdout.readline())
        if "Ok" not in answer["answer"]:
            raise SystemExit(answer)
        now = time.monotonic()
        times.append(now - began)
        began = now
    child.stdin.close()
    child.wait()
    return times[0], times[1:]


def progress_share(program, training, home):
    """What part of a training's seconds went into telling its progress."""
    command = program + training + ["--model", "mlp", "--epochs", "2"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    # The training's process keeps its log beside the run.
    run = max((home / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)
    found = re.search(r"progress took ([0-9.]+) s of ([0-9.]+) s", (run / "stderr.log").read_text())
    return round(float(found[1]) / float(found[2]), 5) if found else None


if __name__ == "__main__":
    main()
