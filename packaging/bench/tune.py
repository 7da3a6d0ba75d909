#!/usr/bin/env python3
"""Trains a few models and records how each is best served, setting by setting: the surfaces of tests/golden/tune.

    packaging/bench/tune.py --data DIR --out tests/golden/tune [--only NAME,...] [--machine WORDS]

The program is target/debug/orrery (or --program FILE). Replay the search on what was recorded with
`orrery tune replay tests/golden/tune/*.json`. Every setting is measured twice, the second time after all the others.
"""

import argparse
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Name, title, file, training, quantized too, load, space.
SURFACES = [
    ("flights-mlp", "MLP 3 x 256 of flights, floats and int8, 8 clients of 16 rows", "flights_delay.parquet",
     ["--target", "late", "--model", "mlp", "--width", "256", "--depth", "3", "--epochs", "1"], True,
     ["--clients", "8", "--rows", "16"],
     ["--batch-rows", "16,32,64,128,256", "--threads", "1,2", "--instances", "1,2,4", "--delay", "0,250,500,1000"]),
    ("digits-mlp", "MLP 3 x 512 of digits, floats and int8, 16 clients of 4 rows", "digits.parquet",
     ["--target", "target", "--model", "mlp", "--width", "512", "--depth", "3", "--epochs", "1"], True,
     ["--clients", "16", "--rows", "4"],
     ["--batch-rows", "4,8,16,32,64", "--threads", "1,2", "--instances", "1,2,4", "--delay", "0,250,500,1000"]),
    ("diamonds-gbt", "Trees of diamonds, 16 clients of 32 rows", "diamonds.parquet",
     ["--target", "price", "--model", "gbt", "--trees", "300"], False,
     ["--clients", "16", "--rows", "32"],
     ["--batch-rows", "32,64,128,256,512", "--threads", "1,2", "--instances", "1,2,3,4", "--delay", "0,250,500,1000,2000"]),
    ("diamonds-tabm", "TabM of diamonds, 8 clients of 8 rows", "diamonds.parquet",
     ["--target", "price", "--model", "tabm", "--epochs", "1"], False,
     ["--clients", "8", "--rows", "8"],
     ["--batch-rows", "8,16,32,64,128", "--threads", "1,2", "--instances", "1,2,3,4", "--delay", "0,250,500,1000,2000"]),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--home", type=pathlib.Path, default=None)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/debug/orrery")
    parser.add_argument("--only", default="")
    parser.add_argument("--secs", default="0.15")
    parser.add_argument("--machine", default="")
    asked = parser.parse_args()
    home = asked.home or pathlib.Path(tempfile.mkdtemp(prefix="orrery-tune-"))
    asked.out.mkdir(parents=True, exist_ok=True)

    def orrery(*arguments):
        subprocess.run([asked.program, "--home", home, *arguments], check=True, stdin=subprocess.DEVNULL)

    for name, title, file, training, quantized, load, space in SURFACES:
        if asked.only and name not in asked.only.split(","):
            continue
        if not (home / "models" / name).exists():
            orrery("train", "--data", asked.data / file, "--split-column", "split", *training, "--name", name, "--seed", "0")
            if quantized:
                orrery("quantize", f"{name}:1", "--scheme", "dynamic-int8")
        orrery("tune", "record", "--model", f"{name}:1", *load, *space, "--secs", asked.secs, "--most-repeats", "8",
               "--title", title, "--machine", asked.machine, "--out", asked.out / f"{name}.json", "--twice")


if __name__ == "__main__":
    main()
