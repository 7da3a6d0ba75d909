"""Preprocess: applies a model's `preprocess.json` to a raw table, from its published meaning alone.

The proof that any tool can read a model folder: nothing here comes from Orrery's own code.

An encoded row is float32: first the continuous inputs of all features in order (scaled numbers, years, elapsed days), then their flags
(missing indicators, sines and cosines of date parts that come round again), then categories, as one code each or one-hot.

- number, standard scale: (value - mean) / std, missing 0; quantile scale: linear between knots to the share below, then the normal
  quantile with the share kept within 1e-7 of 0 and 1.
- category: `values` (by code point) have codes 1, 2, …; 0 is the bucket of rare and unknown ones; missing is the last code where
  training rows lacked values, else 0.
- date: parts `elapsed` (days since 1970) and `year` are standardized, `month`, `day`, `weekday`, `hour` become sine and cosine.
"""

import json
import pathlib
import statistics

import numpy as np
import pandas as pd

LIMIT = 1e6
CYCLES = {"month": (1, 12), "day": (1, 31), "weekday": (0, 7), "hour": (0, 24)}


def load(folder):
    rules = json.loads((pathlib.Path(folder) / "preprocess.json").read_text())
    if rules["format"] != 1:
        raise ValueError(f"preprocess.json has format {rules['format']}; this reader knows 1")
    return rules


def encode(rules, table):
    """Raw table to float32 [rows, inputs]."""
    continuous, flags, categories = [], [], []
    for feature in rules["features"]:
        column, rule = table[feature["name"]], feature["encoding"]
        if rule["as"] == "number":
            values = pd.to_numeric(column, errors="raise").to_numpy(dtype=float, na_value=np.nan)
            continuous.append(scaled(rule["scale"], values))
            if rule["indicator"]:
                flags.append(np.isnan(values).astype(float))
        elif rule["as"] == "date":
            encode_date(rule, column, continuous, flags)
        else:
            categories.append(encode_category(rule, column, rules["categories"] == "one_hot"))
    parts = [np.asarray(part, dtype=np.float32).reshape(len(table), -1) for part in continuous + flags + categories]
    return np.concatenate(parts, axis=1)


def scaled(scale, values):
    missing = np.isnan(values)
    if scale["by"] == "standard":
        result = (values - scale["mean"]) / scale["std"]
    else:
        result = np.array([0.0 if m else normal_quantile(share(scale["knots"], v)) for m, v in zip(missing, values)])
    return np.where(missing, 0.0, np.clip(result, -LIMIT, LIMIT))


def share(knots, value):
    """Share of the training distribution below a value; the middle of the run where knots repeat."""
    knots = np.asarray(knots)
    last = len(knots) - 1
    first, after = np.searchsorted(knots, value, "left"), np.searchsorted(knots, value, "right")
    if first < after:
        place = (first + after - 1) / 2
    elif after == 0:
        place = 0
    elif after > last:
        place = last
    else:
        place = after - 1 + (value - knots[after - 1]) / (knots[after] - knots[after - 1])
    return place / last


def normal_quantile(p):
    return statistics.NormalDist().inv_cdf(min(max(p, 1e-7), 1 - 1e-7))


def encode_date(rule, column, continuous, flags):
    times = pd.to_datetime(column)
    missing = times.isna().to_numpy()
    seconds = (times - pd.Timestamp(0)).dt.total_seconds()
    parts = {
        "elapsed": seconds / 86400,
        "year": times.dt.year,
        "month": times.dt.month,
        "day": times.dt.day,
        "weekday": times.dt.weekday,
        "hour": times.dt.hour + times.dt.minute / 60 + times.dt.second / 3600,
    }
    for name in rule["parts"]:
        values = parts[name].to_numpy(dtype=float, na_value=np.nan)
        if name in CYCLES:
            first, length = CYCLES[name]
            angle = (values - first) / length * 2 * np.pi
            flags.append(np.where(missing, 0, np.sin(angle)))
            flags.append(np.where(missing, 0, np.cos(angle)))
        else:
            mean, std = rule[name]
            continuous.append(np.where(missing, 0, np.clip((values - mean) / std, -LIMIT, LIMIT)))
    if rule["indicator"]:
        flags.append(missing.astype(float))


def encode_category(rule, column, one_hot):
    codes_of = {value: code for code, value in enumerate(rule["values"], start=1)}
    absent = len(rule["values"]) + 1 if rule["missing"] else 0
    codes = np.array([absent if pd.isna(value) else codes_of.get(text(value), 0) for value in column])
    if not one_hot:
        return codes
    return np.eye(len(rule["values"]) + 1 + int(rule["missing"]))[codes]


def text(value):
    """A value as Orrery writes it: booleans in lower case, whole numbers without a decimal point."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)
