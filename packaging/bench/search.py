#!/usr/bin/env python3
"""Searches recorded objectives with Orrery's samplers and with Optuna's, and prints what each found.

Usage: search.py [--orrery PATH] [--seeds N] [--trials N] [--python PATH] [--only TEXT]
       search.py --record NAME…      trains every combination of an objective's grid again and writes search/NAME.json
       search.py --record-peer       runs Optuna and writes search/optuna.json, which the Rust tests hold the samplers against

The objectives are grids of settings of scikit-learn's and LightGBM's models, each combination trained once on a small table and judged
on rows that were held out; a sampler sees a whole number for the place on each axis. Regret is the best value found less the table's
own best, as a share of what a trial at random is off by (the table's mean less its best): 0 is the optimum, 1 no better than one
random trial. Both sides have the same number of trials and seeds. The bound on noise is two standard errors of the difference of the
means. Every line ends with a JSON object.
"""

import argparse
import functools
import itertools
import json
import math
import pathlib
import statistics
import subprocess
import sys

import pairs

HERE = pathlib.Path(__file__).resolve().parent
TABLES = HERE / "search"
PEER = TABLES / "optuna.json"
# Ours, and what of Optuna's is the same.
SAMPLERS = [("tpe", {}), ("independent-tpe", {"multivariate": False}), ("random", None)]
LOG = lambda low, high, steps: [low * (high / low) ** (at / (steps - 1)) for at in range(steps)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--only", default="")
    parser.add_argument("--python", help="interpreter with the peers")
    parser.add_argument("--record", nargs="+", metavar="NAME", choices=[*OBJECTIVES, "all"])
    parser.add_argument("--record-peer", action="store_true")
    parser.add_argument("--peer", nargs=4, metavar=("NAME", "SAMPLER", "SEEDS", "TRIALS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.record:
        for name in OBJECTIVES if "all" in options.record else options.record:
            record(name)
    elif options.record_peer:
        record_peer(options.seeds, options.trials)
    elif options.peer:
        name, sampler, seeds, trials = options.peer
        print(json.dumps(optuna_runs(name, dict(SAMPLERS)[sampler], int(seeds), int(trials))))
    else:
        compare(options)


def compare(options):
    python = pairs.peers_python(options.python)
    worse = 0
    for path in sorted(TABLES.glob("*.json")):
        name = path.stem
        if path == PEER or options.only not in name:
            continue
        print(name, flush=True)
        for sampler, peer in SAMPLERS:
            ours = [regret(name, our_run(options, path, sampler, seed)) for seed in range(options.seeds)]
            result = {"objective": name, "sampler": sampler, "trials": options.trials, "seeds": options.seeds}
            result.update(summary("ours", ours))
            if peer is not None:
                command = [python, __file__, "--peer", name, sampler, str(options.seeds), str(options.trials)]
                theirs = [regret(name, best) for best in pairs.last_json(command)]
                result.update(summary("optuna", theirs))
                difference = statistics.mean(ours) - statistics.mean(theirs)
                noise = 2 * math.sqrt(statistics.variance(ours) / len(ours) + statistics.variance(theirs) / len(theirs))
                result.update(difference=round(difference, 5), noise=round(noise, 5), worse=difference > noise)
                worse += difference > noise
            print(f"  {sampler}: {json.dumps(result)}", flush=True)
    print(f"{worse} comparisons worse than Optuna's by more than the noise")
    sys.exit(1 if worse else 0)


def summary(who, regrets):
    return {
        f"{who}_mean": round(statistics.mean(regrets), 5),
        f"{who}_median": round(statistics.median(regrets), 5),
        f"{who}_worst": round(max(regrets), 5),
        f"{who}_error": round(statistics.stdev(regrets) / math.sqrt(len(regrets)), 5),
    }


@functools.cache
def table(name):
    read = json.loads((TABLES / f"{name}.json").read_text())
    return read, {tuple(row["at"]): row["value"] for row in read["rows"]}


def regret(name, best):
    values = list(table(name)[1].values())
    return (best - min(values)) / (statistics.mean(values) - min(values))


def our_run(options, path, sampler, seed):
    command = [options.orrery, "--json", "search", "--table", path, "--sampler", sampler]
    command += ["--trials", str(options.trials), "--seed", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["best"][-1]


def optuna_runs(name, settings, seeds, trials):
    """The best value of each seed."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    read, values = table(name)

    def objective(trial):
        at = [trial.suggest_int(axis["name"], axis["range"]["low"], axis["range"]["high"]) for axis in read["space"]]
        return values[tuple(at)]

    found = []
    for seed in range(seeds):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **settings))
        study.optimize(objective, n_trials=trials)
        found.append(study.best_value)
    return found


def record_peer(seeds, trials):
    import optuna

    found = {
        name: {
            sampler: optuna_runs(name, settings, seeds, trials) for sampler, settings in SAMPLERS if settings is not None
        }
        for name in OBJECTIVES
    }
    made_by = f"packaging/bench/search.py with optuna {optuna.__version__}"
    PEER.write_text(json.dumps({"made_by": made_by, "trials": trials, "best": found}) + "\n")


def record(name):
    import lightgbm
    import sklearn

    axes, judge, about = OBJECTIVES[name]
    rows = []
    for at in itertools.product(*(range(len(axis)) for axis in axes.values())):
        curve = judge(**{key: axis[place] for (key, axis), place in zip(axes.items(), at)})
        curve = [float(f"{value:.6g}") for value in curve]
        rows.append({"at": list(at), "value": curve[-1], **({"curve": curve} if len(curve) > 1 else {})})
    space = [
        {"name": key, "range": {"kind": "int", "low": 0, "high": len(axis) - 1}} for key, axis in axes.items()
    ]
    grid = "; ".join(f"{key} {', '.join(f'{value:.4g}' for value in axis)}" for key, axis in axes.items())
    made_by = f"scikit-learn {sklearn.__version__}, lightgbm {lightgbm.__version__}"
    text = json.dumps({"about": f"{about} {grid}. {made_by}", "space": space, "rows": rows}, separators=(",", ":"))
    (TABLES / f"{name}.json").write_text(text.replace('{"at"', '\n{"at"') + "\n")


@functools.cache
def split(name):
    """Training and held-out rows of one of scikit-learn's own tables, standardized."""
    from sklearn import datasets, model_selection, preprocessing

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    stratify = y if name != "diabetes" else None
    parts = model_selection.train_test_split(x, y, test_size=0.4, random_state=0, stratify=stratify)
    scale = preprocessing.StandardScaler().fit(parts[0])
    return scale.transform(parts[0]), scale.transform(parts[1]), parts[2], parts[3]


def svm(c, gamma):
    from sklearn.svm import SVC

    x, held, y, truth = split("digits")
    return [1 - SVC(C=c, gamma=gamma).fit(x, y).score(held, truth)]


def mlp(rate, decay, width, batch):
    """Log loss after each of 9 passes."""
    import numpy as np
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    x, held, y, truth = split("digits")
    net = MLPClassifier(width, learning_rate_init=rate, alpha=decay, batch_size=batch, random_state=0)
    curve = []
    for _ in range(9):
        net.partial_fit(x, y, classes=np.arange(10))
        curve.append(log_loss(truth, np.clip(net.predict_proba(held), 1e-7, 1)))
    return curve


def trees(rate, leaves, penalty, columns):
    import lightgbm
    from sklearn.metrics import root_mean_squared_error

    x, held, y, truth = split("diabetes")
    settings = {"objective": "l2", "learning_rate": rate, "num_leaves": leaves, "lambda_l2": penalty, "verbose": -1}
    settings.update(feature_fraction=columns, num_threads=1, seed=0, deterministic=True, min_data_in_leaf=5)
    model = lightgbm.train(settings, lightgbm.Dataset(x, y), 90)
    return [root_mean_squared_error(truth, model.predict(held))]


def forest(depth, columns, leaf, share):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import log_loss

    x, held, y, truth = split("breast_cancer")
    model = RandomForestClassifier(
        20, max_depth=depth, max_features=columns, min_samples_leaf=leaf, max_samples=share, random_state=0
    )
    return [log_loss(truth, model.fit(x, y).predict_proba(held).clip(1e-3, 1))]


OBJECTIVES = {
    "digits-svm": ({"c": LOG(0.01, 1000, 24), "gamma": LOG(1e-5, 1, 24)}, svm, "Error of an SVM on digits."),
    "digits-mlp": (
        {"rate": LOG(1e-4, 0.1, 10), "decay": LOG(1e-6, 1, 5), "width": [8, 16, 32, 64, 128], "batch": [16, 64, 256]},
        mlp,
        "Log loss of a network of one layer on digits.",
    ),
    "diabetes-trees": (
        {
            "rate": LOG(0.005, 0.5, 10),
            "leaves": [2, 3, 5, 8, 12, 20, 32],
            "penalty": LOG(0.01, 100, 6),
            "columns": [0.2, 0.4, 0.6, 0.8, 1.0],
        },
        trees,
        "RMSE of LightGBM on diabetes.",
    ),
    "cancer-forest": (
        {
            "depth": [1, 2, 3, 4, 6, 8, 12],
            "columns": [1, 2, 4, 8, 16, 30],
            "leaf": [1, 2, 3, 5, 8, 13, 20],
            "share": [0.3, 0.5, 0.7, 0.9],
        },
        forest,
        "Log loss of a random forest on breast cancer.",
    ),
}

if __name__ == "__main__":
    main()
