"""Optuna's Parzen estimators: densities kept as golden files that the Rust tests read.

    python search_tpe.py make     writes tests/golden/search_parzen.json (needs optuna 5.0)
    python search_tpe.py check    recomputes every density from its definition with scipy, and compares

The estimators are those that `TPESampler` makes from a trial's parameters with its defaults: truncated normals as wide as the distance
to the neighbours, a prior over the whole range, whole numbers as the mass of their cell, younger observations heavier than old ones.
"""

import json
import pathlib
import sys

import numpy as np
from scipy import stats

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "search_parzen.json"
RANGES = {
    "plain": {"kind": "float", "low": -2.0, "high": 3.0, "log": False},
    "rate": {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "layers": {"kind": "int", "low": 1, "high": 6, "log": False},
    "width": {"kind": "int", "low": 16, "high": 512, "log": True},
    "word": {"kind": "choice", "options": ["a", "b", "c"]},
    # Equal numbers among many are sorted in no order that is promised, which decides whose width is whose: these have none.
    "units": {"kind": "int", "low": 1, "high": 1_000_000, "log": False},
    "rows": {"kind": "int", "low": 10, "high": 100_000_000, "log": True},
}
FEW, MANY = ["plain", "rate", "layers", "width", "word"], ["plain", "rate", "units", "rows", "word"]


def draw(generator, given):
    if given["kind"] == "choice":
        return given["options"][generator.integers(len(given["options"]))]
    low, high = given["low"], given["high"]
    value = np.exp(generator.uniform(np.log(low), np.log(high))) if given["log"] else generator.uniform(low, high)
    return int(round(value)) if given["kind"] == "int" else float(value)


def weights(count):
    ramp = np.linspace(1.0 / count, 1.0, num=count - 25) if count >= 25 else []
    all_weights = np.append(np.concatenate([ramp, np.ones(min(count, 25))]), 1.0)
    return all_weights / all_weights.sum()


def mass(low, high, mus, sigmas):
    """Of normals between two points; on the right of the centre by what is above, which keeps small masses exact."""
    below = stats.norm.cdf(high, mus, sigmas) - stats.norm.cdf(low, mus, sigmas)
    above = stats.norm.sf(low, mus, sigmas) - stats.norm.sf(high, mus, sigmas)
    return np.where(low > mus, above, below)


def kernels(given, seen):
    """Log density of a value under each kernel, the prior's the last."""
    count = len(seen) + 1
    if given["kind"] == "choice":
        rows = np.full((count, len(given["options"])), 1.0 / count)
        for row, value in enumerate(seen):
            rows[row, given["options"].index(value)] += 1
        rows /= rows.sum(axis=1, keepdims=True)
        return lambda value: np.log(rows[:, given["options"].index(value)])
    half = 0.5 if given["kind"] == "int" else 0.0
    scale = np.log if given["log"] else (lambda value: np.asarray(value, float))
    low, high = scale(given["low"] - half), scale(given["high"] + half)
    mus = np.array([scale(value) for value in seen], float)
    padded = np.concatenate([[low], np.sort(mus), [high]])
    gaps = np.diff(padded)
    wide = np.maximum(gaps[:-1], gaps[1:])
    if len(mus) > 1:
        wide[0], wide[-1] = gaps[1], gaps[-2]
    sigmas = np.empty(len(mus))
    sigmas[np.argsort(mus, kind="stable")] = wide
    sigmas = np.clip(sigmas, (high - low) / min(100.0, 1.0 + count), high - low)
    mus, sigmas = np.append(mus, (low + high) / 2), np.append(sigmas, high - low)
    whole = mass(low, high, mus, sigmas)

    def log(value):
        if half:
            return np.log(mass(scale(value - half), scale(value + half), mus, sigmas) / whole)
        return stats.norm.logpdf(scale(value), mus, sigmas) - np.log(whole)

    return log


def density(names, seen, asked):
    """Logarithm of the density of each asked point."""
    each = [kernels(RANGES[name], [values[name] for values in seen]) for name in names]
    result = []
    for values in asked:
        logs = np.log(weights(len(seen))) + sum(log(values[name]) for name, log in zip(names, each))
        result.append(float(np.logaddexp.reduce(logs)))
    return result


def given_cases():
    generator = np.random.default_rng(0)
    for all_names, counts in [(FEW, (1, 2, 5, 7)), (MANY, (2, 24, 25, 26, 60))]:
        for names, count in [(names, count) for names in [*([name] for name in all_names), all_names] for count in counts]:
            draws = [{name: draw(generator, RANGES[name]) for name in names} for _ in range(count + 6)]
            yield {"names": names, "seen": draws[:count], "asked": draws[count:]}


def optuna_density(names, seen, asked):
    from optuna import distributions
    from optuna.samplers import TPESampler
    from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

    space = {}
    for name in names:
        given = RANGES[name]
        if given["kind"] == "choice":
            space[name] = distributions.CategoricalDistribution(given["options"])
        else:
            kind = distributions.IntDistribution if given["kind"] == "int" else distributions.FloatDistribution
            space[name] = kind(given["low"], given["high"], log=given["log"])
    internal = lambda trials: {name: np.array([space[name].to_internal_repr(values[name]) for values in trials]) for name in names}
    estimator = _ParzenEstimator(internal(seen), space, TPESampler()._parzen_estimator_parameters)
    return estimator.log_pdf(internal(asked)).tolist()


def make():
    import optuna

    cases = [{"given": given, "expected": optuna_density(**given)} for given in given_cases()]
    made_by = f"tests/peers/search_tpe.py with optuna {optuna.__version__}, numpy {np.__version__}"
    text = json.dumps({"made_by": made_by, "ranges": RANGES, "cases": cases}, separators=(",", ":"))
    GOLDEN.write_text(text.replace(',{"given"', ',\n{"given"') + "\n")


def check():
    """Passed and failed."""
    passed = failed = 0
    for case in json.loads(GOLDEN.read_text())["cases"]:
        ours = density(**case["given"])
        good = np.allclose(ours, case["expected"], rtol=1e-8, atol=1e-8)
        passed, failed = passed + good, failed + (not good)
        if not good:
            print(f"  {case['given']['names']}, {len(case['given']['seen'])} seen: {ours} {case['expected']}")
    return int(passed), int(failed)


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    print("search: %d passed, %d failed" % check())
