"""Program: runs the real `orrery` in a workspace of its own, and small real tables to run it on."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pandas as pd
from sklearn import datasets

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Orrery:
    """The program under test, on a workspace of its own."""

    def __init__(self, binary, home):
        self.binary = str(pathlib.Path(binary).resolve())
        self.home = pathlib.Path(home)

    def call(self, *arguments):
        """Runs one command with --json; returns its JSON documents. Raises with the program's own words when it fails."""
        command = [self.binary, "--home", str(self.home), "--json", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            words = (done.stderr.strip() + "\n" + done.stdout.strip())[-2000:]
            raise RuntimeError(f"orrery {' '.join(map(str, arguments))} ended with {done.returncode}: {words}")
        text = done.stdout.strip()
        try:
            return [json.loads(text)]
        except json.JSONDecodeError:
            return [json.loads(line) for line in text.splitlines()]

    def train(self, file, target, model, *more):
        """Trains; returns the finished event and the model's folder."""
        events = self.call("train", "--data", file, "--target", target, "--model", model, "--device", "cpu", *more)
        finished = events[-1]
        assert finished["event"] == "finished", finished
        name, version = finished["model"].rsplit(":", 1)
        return finished, self.home / "models" / name / version

    def predict(self, model, file, out):
        """Predicts on a file; returns the report and what was written."""
        report = self.call("predict", "--model", model, "--data", file, "--out", out)[-1]
        table = pd.read_parquet(out) if str(out).endswith(".parquet") else pd.read_csv(out)
        return report, table

    def evaluate(self, model, file):
        """Measures a model on a file; returns {metric: {value, low, high}}."""
        return self.call("evaluate", "--model", model, "--data", file)[-1]["metrics"]


def flights(rows=3000):
    """The shipped sample: categories, missing numbers, two classes."""
    return pd.read_csv(ROOT / "assets" / "samples" / "flights.csv").head(rows)


def wine():
    """Three classes, numbers only (scikit-learn's bundled wine)."""
    table = datasets.load_wine(as_frame=True).frame
    table["target"] = np.array(["barolo", "grignolino", "barbera"])[table["target"]]
    return table


def digits():
    """Ten classes of pictures of 8 by 8 pixels (scikit-learn's bundled digits)."""
    table = datasets.load_digits(as_frame=True).frame
    table["target"] = "digit " + table["target"].astype(str)
    return table


def diabetes():
    """A number to predict; with a date, a boolean and missing values made from its columns, so that every encoding is used."""
    table = datasets.load_diabetes(as_frame=True, scaled=False).frame
    rng = np.random.default_rng(3)
    table["visit"] = pd.Timestamp("2019-12-30 06:30:00") + pd.to_timedelta(rng.integers(0, 900 * 24, len(table)), unit="h")
    table["elderly"] = table["age"] > 60
    table["pressure"] = pd.cut(table["bp"], [0, 80, 95, 105, 200], labels=["low", "normal", "raised", "high"]).astype(str)
    table.loc[rng.random(len(table)) < 0.1, "bmi"] = np.nan
    table.loc[rng.random(len(table)) < 0.1, "pressure"] = None
    table.loc[rng.random(len(table)) < 0.1, "visit"] = pd.NaT
    return table


def write(table, folder, name):
    """Writes a table as Parquet; returns the path."""
    path = pathlib.Path(folder) / f"{name}.parquet"
    table.to_parquet(path, index=False)
    return path


def find_binary(given):
    """The program to test: as given, else from ORRERY_BIN, else the debug build."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    for path in [given, os.environ.get("ORRERY_BIN"), pathlib.Path(target) / "debug" / "orrery"]:
        if path and pathlib.Path(path).is_file():
            return path
    raise SystemExit("The program was not found: build it (cargo build) or name it with --orrery.")
