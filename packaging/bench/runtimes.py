#!/usr/bin/env python3
"""Times CPU runtimes on one network: rten, tract and ONNX Runtime, one thread each, on 1 and on 64 rows.

Usage: runtimes.py [--orrery PATH] [--python PATH] [--rounds N] [--calls N] [--model FILE.onnx --columns N]

A network of 26 inputs is trained for an epoch and exported, as serve.py does, or FILE is taken (one float input [rows, N]). The folder
runtimes beside this one is built into $CARGO_TARGET_DIR, else into the user's cache. In each of N rounds rten and tract are called in
turn, call by call, then ONNX Runtime; PATH of --python has it, and it is left out where that has none. Told are the medians over
the rounds, with the range of the rounds. Ends with a line of JSON.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from serve import FEATURES, has, trained

HERE = pathlib.Path(__file__).resolve().parent
ROWS = ("1", "64")

ONNX_RUNTIME = '''
import json, sys, time
import numpy, onnxruntime
settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = 1
model = onnxruntime.InferenceSession(sys.argv[1], settings, providers=["CPUExecutionProvider"])
name, columns, found = model.get_inputs()[0].name, int(sys.argv[2]), {}
for rows in (1, 64):
    x = numpy.asarray([((at * 37 % 101) - 50) / 50 for at in range(rows * columns)], numpy.float32).reshape(rows, columns)
    times = []
    for _ in range(int(sys.argv[3])):
        began = time.perf_counter()
        model.run(None, {name: x})
        times.append(time.perf_counter() - began)
    found[rows] = sorted(times)[len(times) // 2] * 1e6
print(json.dumps(found))
'''


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--python", default=sys.executable, help="has onnxruntime")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--columns", type=int, default=FEATURES)
    options = parser.parse_args()
    program = built()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or trained(options, pathlib.Path(folder))
        micros, apart = measure(options, program, str(model))
    for rows, runtimes in micros.items():
        told = [f"{name} {statistics.median(all):.1f} us ({min(all):.1f} to {max(all):.1f})" for name, all in runtimes.items()]
        print(f"{rows} rows: {', '.join(told)}; rten and tract at most {apart[rows]:.1e} apart")
    figures = {rows: {name: [round(f(all), 2) for f in (statistics.median, min, max)] for name, all in runtimes.items()} for rows, runtimes in micros.items()}
    print(json.dumps({"micros": figures, "apart": apart, "rounds": options.rounds, "calls": options.calls}))


def built():
    """The program that times rten and tract."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", cache / "orrery/runtimes"))
    command = ["cargo", "build", "--release", "--manifest-path", HERE / "runtimes/Cargo.toml", "--target-dir", target]
    subprocess.run(command, check=True)
    return target / "release/orrery-runtimes"


def measure(options, program, model):
    """Microseconds by rows and runtime, a median a round; and how far rten's and tract's answers are apart."""
    micros, apart = {rows: {} for rows in ROWS}, {}
    arguments = [model, str(options.columns), str(options.calls)]
    peer = has(options.python, "onnxruntime")
    if not peer:
        print(f"SKIPPED ONNX Runtime: {options.python} has no onnxruntime", flush=True)
    for _ in range(options.rounds):
        found = last([program, *arguments])
        others = last([options.python, "-c", ONNX_RUNTIME, *arguments]) if peer else {}
        for rows in ROWS:
            one = found[rows]
            apart[rows] = one.pop("apart")
            one |= {"ONNX Runtime": others[rows]} if peer else {}
            for name, value in one.items():
                micros[rows].setdefault(name, []).append(value)
    return micros, apart


def last(command):
    environment = {**os.environ, "RTEN_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
