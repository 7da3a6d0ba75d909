#!/usr/bin/env python3
"""Reads and profiles the same files as pandas, in turn, and prints the ratio of the times beside the one to reach.

Usage: read.py --data DIR [--orrery PATH] [--pairs N] [--only TEXT] [--python PATH]

DIR holds flights_raw.csv.gz (31 MB unpacked, 336,776 x 19), as for training.py. Ours is `orrery job run` with an import: the times
are those that the job logs for reading (types found over the whole file) and for profiling, its peak is what the system says of the
process. The peer is pandas: read_csv, then describe, nunique and duplicated. Files are in the page cache. Every set-up ends with
a JSON object. Exit status 1 when a figure is not reached.
"""

import argparse
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import pairs

THREADS = 2
PARQUET_ROWS = 3_000_000
# name, file, our figure, the peer's, the highest ratio to reach
SETUPS = [
    ("read csv", "flights_raw.csv", "read", "read", 2.0),
    ("read and profile csv", "flights_raw.csv", "all", "all", 1.0),
    ("read csv.gz", "flights_raw.csv.gz", "read", "read", 1.5),
]
MOST_MEMORY = 3.0
MOST_PROFILE_SECS = 3.0
# Runs a command with its messages in a file; its exit code and its peak in KB.
STARTER = """
import json, os, sys
out, null = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), os.open(os.devnull, os.O_WRONLY)
files = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
_, status, usage = os.wait4(os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=files), 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--orrery", default=shutil.which("orrery"))
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--python", help="interpreter with the peers")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--make", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(peer(options.peer)))
        return
    if options.make:
        make(options.data, options.make)
        return
    python = pairs.peers_python(options.python)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(options.data / "flights_raw.csv.gz", folder)
        plain = folder / "flights_raw.csv"
        plain.write_bytes(gzip.decompress((folder / "flights_raw.csv.gz").read_bytes()))
        for name, file, ours, theirs, most in SETUPS:
            if options.only in name:
                print(name, flush=True)
                found = compare(options, python, folder / file, ours, theirs)
                report(missed, {"setup": name, "unit": "s", "reach": most, **found}, found["ratio"] <= most)
        if options.only in "memory":
            report(missed, *memory(options, folder))
        if options.only in "profile parquet":
            report(missed, *large(options, python, folder))
    if missed:
        sys.exit(f"Not reached: {', '.join(missed)}")


def report(missed, figures, reached):
    print(json.dumps({**figures, "reached": reached}), flush=True)
    if not reached:
        missed.append(figures["setup"])


def compare(options, python, file, ours, theirs):
    def mine():
        result = job(options, file)
        return (result["read"] if ours == "read" else result["read"] + result["profile"]), result

    def other():
        result = pairs.last_json([python, __file__, "--data", options.data, "--peer", str(file)])
        return (result["read"] if theirs == "read" else result["read"] + result["profile"]), result

    return pairs.alternate(options.pairs, mine, other)


def memory(options, folder):
    """Our peak over that of an import of one row, as a multiple of the file."""
    small = folder / "small.csv"
    small.write_text("a,b\n1,2\n")
    file = folder / "flights_raw.csv"
    idle = min(job(options, small)["peak"] for _ in range(3))
    peaks = [job(options, file)["peak"] - idle for _ in range(options.pairs)]
    multiples = sorted(peak / file.stat().st_size for peak in peaks)
    middle = multiples[len(multiples) // 2]
    figures = {"setup": "memory", "unit": "peak above idle / file size", "reach": MOST_MEMORY, "multiple": round(middle, 3)}
    figures |= {"multiple_min": round(multiples[0], 3), "multiple_max": round(multiples[-1], 3), "idle_mb": idle >> 20}
    return figures, middle <= MOST_MEMORY


def large(options, python, folder):
    """Our profile of a Parquet file of 3,000,000 rows and 5 columns."""
    file = folder / "flights_3m.parquet"
    subprocess.run([python, __file__, "--data", options.data, "--make", file], check=True)
    results = [job(options, file) for _ in range(options.pairs)]
    secs = sorted(result["profile"] for result in results)
    middle = secs[len(secs) // 2]
    figures = {"setup": "profile parquet", "unit": "s", "reach": MOST_PROFILE_SECS, "secs": middle}
    reads = sorted(result["read"] for result in results)
    figures |= {"secs_min": secs[0], "secs_max": secs[-1], "read_secs": reads[len(reads) // 2]}
    return figures, middle <= MOST_PROFILE_SECS


def job(options, file):
    """Imports a file into a new workspace; seconds by part and the peak in bytes."""
    with tempfile.TemporaryDirectory() as home:
        spec = pathlib.Path(home) / "spec.json"
        budget = {"memory_bytes": 4 << 30, "rows": 50_000_000, "columns": 10_000}
        wanted = {"job": "import", "home": home, "file": str(file), "options": {}, "budget": budget}
        spec.write_text(json.dumps(wanted))
        environment = {**os.environ, "BURN_DEVICE": "flex", "ORRERY_LOG": "debug", "RAYON_NUM_THREADS": str(THREADS)}
        log = pathlib.Path(home) / "log"
        command = [options.orrery, "job", "run", str(spec), "--detached"]
        # A child's peak begins at that of the program that started it: a small one does.
        starter = [sys.executable, "-S", "-c", STARTER, str(log), *map(str, command)]
        done = subprocess.run(starter, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, check=True)
        code, peak_kb = json.loads(done.stdout)
        said = log.read_text()
        parts = dict(re.findall(r"(\w+) took ([\d.]+) s", said))
        if code != 0 or not {"read", "profile"} <= parts.keys():
            sys.exit(f"Exit status {code}: {' '.join(map(str, command))}\n{said[-2000:]}")
    return {**{part: float(secs) for part, secs in parts.items()}, "peak": peak_kb << 10}


# ---------------------------------------------------------------- the peer's side


def peer(file):
    import pandas

    began = time.perf_counter()
    frame = pandas.read_csv(file)
    read = time.perf_counter() - began
    began = time.perf_counter()
    frame.describe(include="all")
    frame.nunique()
    frame.duplicated().sum()
    return {"read": read, "profile": time.perf_counter() - began}


def make(data, file):
    """Flights again and again, with delays that differ, so that rows do not repeat."""
    import numpy
    import pandas

    frame = pandas.read_csv(data / "flights_raw.csv.gz", usecols=["time_hour", "arr_delay", "distance", "origin", "dest"])
    rows = numpy.arange(PARQUET_ROWS)
    frame = frame.iloc[rows % len(frame)].reset_index(drop=True)
    frame["arr_delay"] += rows // 336_776 * 0.01
    frame["time_hour"] = pandas.to_datetime(frame["time_hour"])
    frame.to_parquet(file, index=False, compression="zstd")


if __name__ == "__main__":
    main()
