"""Tests of whether models differ: scipy's, statsmodels' and mlxtend's values, kept as golden files that the Rust tests read.

    python paired_tests.py make     writes tests/golden/compare_*.json (needs scikit-learn, statsmodels 0.15 and mlxtend 0.25)
    python paired_tests.py check    recomputes every value from scipy's distributions and the definitions, and compares

McNemar (exact, and chi-square with continuity correction), Wilson's interval, Holm and Benjamini-Hochberg are statsmodels'; 5x2cv
t and combined F are mlxtend's, called with models whose accuracies are given; calibration bins are cut by hand and the Brier score
is scikit-learn's. No Python library has DeLong's test: it is computed from its definition (the O(m n) structural components of
DeLong, DeLong and Clarke-Pearson 1988), and compare_delong_proc.json, which is not made here, holds what R's pROC publishes of its
data set aSAH (Turck et al. 2010). The paired bootstrap is scipy.stats.bootstrap's (paired, percentile), with the bounds that another
bootstrap of so many resamples keeps to.
"""

import json
import pathlib
import sys

import numpy as np
import scipy
from scipy import stats

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def mcnemar(only_a, only_b):
    """Exact p; corrected chi-square and its p."""
    exact = min(1.0, 2 * stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5))
    chi = (abs(only_a - only_b) - 1) ** 2 / (only_a + only_b)
    return {"exact_p": exact, "chi_square": chi, "chi_square_p": stats.chi2.sf(chi, 1)}


def components(scores, positive):
    """Structural components: each pair's order, averaged over either class."""
    x, y = scores[positive], scores[~positive]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(), psi.mean(axis=1), psi.mean(axis=0)


def delong(a, b, positive):
    a, b, positive = np.asarray(a, float), np.asarray(b, float), np.asarray(positive, bool)
    (auc_a, a10, a01), (auc_b, b10, b01) = components(a, positive), components(b, positive)
    covariance = np.cov(a10, b10) / positive.sum() + np.cov(a01, b01) / (~positive).sum()
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (auc_b - auc_a) / error
    half = stats.norm.ppf(0.975) * error
    return {
        "a": auc_a,
        "b": auc_b,
        "variance_a": covariance[0, 0],
        "variance_b": covariance[1, 1],
        "z": z,
        "p": 2 * stats.norm.sf(abs(z)),
        "low": auc_b - auc_a - half,
        "high": auc_b - auc_a + half,
    }


def auroc(positive, scores, axis=-1):
    """By midranks (Mann and Whitney 1947)."""
    ranks = stats.rankdata(scores, axis=axis)
    many = positive.sum(axis=axis)
    return ((ranks * positive).sum(axis=axis) - many * (many + 1) / 2) / (many * (positive.shape[axis] - many))


def log_loss(positive, scores, axis=-1):
    return -np.log(np.where(positive == 1, scores, 1 - scores)).mean(axis=axis)


def rmse(truth, predicted, axis=-1):
    return np.sqrt(((predicted - truth) ** 2).mean(axis=axis))


# scipy's resamples, and standard errors (of both bootstraps together) that a share of them may be off
RESAMPLES, ERRORS = 40_000, 4


def bootstrap(metric, truth, a, b, resamples):
    """The second less the first; within which bounds the ends of an interval of so many `resamples` lie."""
    measure = {"auroc": auroc, "log_loss": log_loss, "rmse": rmse}[metric]
    data = tuple(np.asarray(column, float) for column in (truth, a, b))

    def difference(truth, a, b, axis=-1):
        return measure(truth, b, axis) - measure(truth, a, axis)

    found = stats.bootstrap(
        data, difference, n_resamples=RESAMPLES, batch=2000, paired=True, vectorized=True, method="percentile", rng=7
    )
    drawn = found.bootstrap_distribution
    # A quantile is where a share of the resamples lies below, and shares have binomial errors.
    off = ERRORS * np.sqrt(0.025 * 0.975 * (1 / resamples + 1 / RESAMPLES))
    around = lambda level: np.quantile(drawn, [level - off, level + off]).tolist()
    return {
        "a": measure(*data[:2]),
        "b": measure(data[0], data[2]),
        "low": found.confidence_interval.low,
        "high": found.confidence_interval.high,
        "low_between": around(0.025),
        "high_between": around(0.975),
        "share_below": (drawn <= 0).mean(),
        "share_off": ERRORS * np.sqrt(0.25 * (1 / resamples + 1 / RESAMPLES)),
    }


def five_by_two(differences):
    d = np.asarray(differences, float)
    variances = ((d - d.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    t = d[0, 0] / np.sqrt(variances.sum() / 5)
    f = (d**2).sum() / (2 * variances.sum())
    return {"t": t, "t_p": 2 * stats.t.sf(abs(t), 5), "f": f, "f_p": stats.f.sf(f, 10, 5)}


def corrections(p):
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    holm = np.empty(len(p))
    holm[order] = np.minimum(1, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return {"holm": holm.tolist(), "benjamini_hochberg": stats.false_discovery_control(p).tolist()}


def wilson(hits, rows):
    interval = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    return {"low": interval.low, "high": interval.high}


def calibration(predicted, hits, bins=15):
    """Bins of equally many rows; no two of these predictions are equal."""
    predicted, hits = np.asarray(predicted, float), np.asarray(hits, float)
    order = np.argsort(predicted)
    cuts = [-(-bin * len(order) // bins) for bin in range(bins + 1)]
    parts = [order[begin:end] for begin, end in zip(cuts, cuts[1:])]
    p = np.array([predicted[part].mean() for part in parts])
    o = np.array([hits[part].mean() for part in parts])
    share = np.array([len(part) for part in parts]) / len(order)
    rate = hits.mean()
    return {
        "ece": (share * abs(p - o)).sum(),
        "largest": abs(p - o).max(),
        "brier": ((predicted - hits) ** 2).mean(),
        "reliability": (share * (p - o) ** 2).sum(),
        "resolution": (share * (o - rate) ** 2).sum(),
        "uncertainty": rate * (1 - rate),
        "rows": [len(part) for part in parts],
    }


def welch(here, rest):
    found = stats.ttest_ind(here, rest, equal_var=False, alternative="greater")
    interval = stats.t.interval(0.95, len(here) - 1, loc=np.mean(here), scale=stats.sem(here))
    return {"p": found.pvalue, "low": interval[0], "high": interval[1]}


KINDS = {
    "mcnemar": lambda given: mcnemar(given["only_a"], given["only_b"]),
    "delong": lambda given: delong(given["a"], given["b"], given["positive"]),
    "delong_proc": lambda given: delong(given["a"], given["b"], given["positive"]),
    "bootstrap": lambda given: bootstrap(**given),
    "five_by_two": lambda given: five_by_two(given["differences"]),
    "corrections": lambda given: corrections(given["p"]),
    "wilson": lambda given: wilson(given["hits"], given["rows"]),
    "calibration": lambda given: calibration(given["predicted"], given["hits"]),
    "welch": lambda given: welch(given["here"], given["rest"]),
}


def cases():
    """Kind and what is given. Fixed seeds, so the same on every machine."""
    rng = np.random.default_rng(20261127)
    for only_a, only_b in [(150, 86), (1, 7), (0, 5), (14, 12), (13, 12), (3, 30), (0, 40), (700, 640)]:
        yield "mcnemar", {"only_a": only_a, "only_b": only_b}
    for rows, decimals in [(60, 6), (400, 6), (400, 1)]:
        positive = rng.random(rows) < 0.3
        common = rng.normal(size=rows) + 1.1 * positive
        a = np.round(common + 0.8 * rng.normal(size=rows), decimals)
        b = np.round(common + 0.4 * rng.normal(size=rows), decimals)
        yield "delong", {"a": a.tolist(), "b": b.tolist(), "positive": positive.tolist()}
    yield "five_by_two", {"differences": np.round(rng.normal(0.02, 0.02, (5, 2)), 4).tolist()}
    yield "five_by_two", {"differences": np.round(rng.normal(0, 0.02, (5, 2)), 4).tolist()}
    for many in [1, 6, 20]:
        p = np.round(rng.random(many) ** 3, 5)
        yield "corrections", {"p": np.concatenate([p, p[: many // 3]]).tolist()}
    for hits, rows in [(0, 10), (10, 10), (7, 40), (990, 1000)]:
        yield "wilson", {"hits": hits, "rows": rows}
    predicted = rng.random(200)
    yield "calibration", {"predicted": predicted.tolist(), "hits": (rng.random(200) < predicted**1.5).tolist()}
    yield "welch", {"here": rng.gamma(2, 1.4, 40).tolist(), "rest": rng.gamma(2, 1.0, 200).tolist()}
    positive = rng.random(150) < 0.4
    chances = lambda noise: 1 / (1 + np.exp(-(1.4 * (positive - 0.4) + noise * rng.normal(size=150))))
    a, b = (np.clip(np.round(chances(noise), 2), 0.01, 0.99).tolist() for noise in (1.0, 0.8))
    for metric in ("auroc", "log_loss"):
        yield "bootstrap", {"metric": metric, "truth": positive.astype(int).tolist(), "a": a, "b": b, "resamples": 10_000}
    truth = np.round(rng.gamma(2, 10, 150), 3)
    a, b = (np.round(truth + rng.normal(size=150) * spread, 3).tolist() for spread in (4.2, 3.9))
    yield "bootstrap", {"metric": "rmse", "truth": truth.tolist(), "a": a, "b": b, "resamples": 10_000}


def agree(a, b, tolerance=1e-9):
    if isinstance(a, list):
        return len(a) == len(b) and all(agree(x, y, tolerance) for x, y in zip(a, b))
    return abs(a - b) <= tolerance * max(1.0, abs(b))


def foreign(kind, given):
    """The same figures from libraries that have the tests ready."""
    from statsmodels.stats import contingency_tables, multitest, proportion

    if kind == "mcnemar":
        table = [[5, given["only_a"]], [given["only_b"], 9]]
        exact = contingency_tables.mcnemar(table, exact=True)
        chi = contingency_tables.mcnemar(table, exact=False, correction=True)
        return {"exact_p": exact.pvalue, "chi_square": chi.statistic, "chi_square_p": chi.pvalue}
    if kind == "corrections":
        adjusted = lambda method: multitest.multipletests(given["p"], method=method)[1].tolist()
        return {"holm": adjusted("holm"), "benjamini_hochberg": adjusted("fdr_bh")}
    if kind == "wilson":
        low, high = proportion.proportion_confint(given["hits"], given["rows"], method="wilson")
        return {"low": low, "high": high}
    if kind == "calibration":
        from sklearn.metrics import brier_score_loss

        return {"brier": brier_score_loss(given["hits"], given["predicted"])}
    if kind == "five_by_two":
        return mlxtend_five_by_two(given["differences"])
    return {}


def mlxtend_five_by_two(differences):
    from mlxtend import evaluate

    # Models whose scores are the given differences, and 0. The libraries take the first less the second.
    class Scored:
        def __init__(self, scores):
            self.scores = scores

        def fit(self, *_):
            return self

    def scorer(model, *_):
        return model.scores.pop(0)

    flat = [value for pair in differences for value in pair]
    x, y = np.zeros((40, 1)), np.arange(40) % 2
    found = {}
    for name, test in [("t", evaluate.paired_ttest_5x2cv), ("f", evaluate.combined_ftest_5x2cv)]:
        first, second = Scored(list(flat)), Scored([0.0] * 10)
        statistic, p = test(first, second, x, y, scoring=scorer, random_seed=1)
        found |= {name: statistic, f"{name}_p": p}
    return found


def make():
    import mlxtend
    import statsmodels

    by_kind = {}
    for kind, given in cases():
        expected = KINDS[kind](given)
        for name, value in foreign(kind, given).items():
            assert agree(expected[name], value, 1e-7), (kind, given, name, expected[name], value)
        by_kind.setdefault(kind, []).append({"expected": expected, "given": given})
    versions = f"statsmodels {statsmodels.__version__}, mlxtend {mlxtend.__version__}, numpy {np.__version__}"
    versions += f", scipy {scipy.__version__}"
    for kind, found in by_kind.items():
        content = {"made_by": f"tests/peers/paired_tests.py with {versions}", "cases": found}
        path = GOLDEN / f"compare_{kind}.json"
        path.write_text(json.dumps(content, separators=(",", ":"), default=float).replace(',"', ',\n"') + "\n")
        print("wrote", path.name)


def check():
    """Recomputes every committed golden file; returns (passed, failed)."""
    passed = failed = 0
    for kind, compute in KINDS.items():
        for case in json.loads((GOLDEN / f"compare_{kind}.json").read_text())["cases"]:
            fresh = compute(case["given"])
            for name, value in case["expected"].items():
                if agree(value, fresh[name]):
                    passed += 1
                else:
                    failed += 1
                    print(f"{kind}: {name} is {value}, recomputed {fresh[name]}")
    return passed, failed


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif sys.argv[1:] == ["check"]:
        good, bad = check()
        print(f"paired tests: {good} passed, {bad} failed")
        sys.exit(1 if bad else 0)
    else:
        sys.exit(__doc__)
