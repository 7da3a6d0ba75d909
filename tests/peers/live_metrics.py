"""Live metrics: `orrery evaluate` against scikit-learn on the predictions `orrery predict` wrote, for models just trained; and
what predict promises about columns, formulas, missing columns and unseen categories, as pandas sees it."""

import json

import numpy as np
import pandas as pd

import program
import sklearn_metrics

# name, table, target, model and what to train with
RUNS = [
    ("flights gbt", program.flights, "late", "gbt", ["--trees", "30"]),
    ("flights linear", program.flights, "late", "linear", []),
    ("wine gbt", program.wine, "target", "gbt", ["--trees", "20"]),
    ("diabetes linear", program.diabetes, "target", "linear", []),
    ("diabetes gbt", program.diabetes, "target", "gbt", ["--trees", "30"]),
]


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, what):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED metrics: {what}", flush=True)


def same_values(before, after):
    """Whether a column came through with every value."""
    if before.dtype.kind in "biuf" and after.dtype.kind in "biuf":
        return np.allclose(before.astype(float), after.astype(float), rtol=0, atol=0, equal_nan=True)
    if before.dtype.kind == "M":
        return (pd.to_datetime(after).fillna(pd.Timestamp(0)) == before.fillna(pd.Timestamp(0))).all()
    text = lambda column: column.map(lambda value: "" if pd.isna(value) else str(value).lower())
    return (text(before) == text(after)).all()


def check_one(orrery, folder, tally, name, make, target, model, more):
    table = make()
    file = program.write(table, folder, f"live-{make.__name__}")
    finished, model_folder = orrery.train(file, target, model, *more)
    card = json.loads((model_folder / "card.json").read_text())
    report, predicted = orrery.predict(finished["model"], file, folder / "live.parquet")
    tally.check(report["rows"] == len(table) == len(predicted), f"{name}: {len(predicted)} of {len(table)} rows came out")
    tally.check(list(predicted.columns[: table.shape[1]]) == list(table.columns), f"{name}: the columns' order")
    for column in table.columns:
        tally.check(same_values(table[column], predicted[column]), f"{name}: '{column}' was changed")
    if card["task"] == "regression":
        expected = sklearn_metrics.regression(table[target], predicted["prediction"])
    else:
        classes = card["classes"]
        codes = table[target].astype(str).map({label: code for code, label in enumerate(classes)})
        probabilities = predicted[[f"probability_{label}" for label in classes]].to_numpy()
        expected = sklearn_metrics.classification(codes, probabilities)
        chosen = predicted["prediction"].astype(str)
        best = np.array(classes)[probabilities.argmax(axis=1)]
        tally.check((chosen == best).all(), f"{name}: prediction is the most probable class")
    measured = orrery.evaluate(finished["model"], file)
    for metric, value in expected.items():
        ours = measured[metric]
        tally.check(sklearn_metrics.agree(ours["value"], value), f"{name}: {metric} {ours['value']}, scikit-learn {value}")
        inside = ours["low"] is not None and ours["low"] <= ours["high"]
        tally.check(inside, f"{name}: {metric} has no interval")
    print(f"{name}: {', '.join(f'{metric} {value:.4f}' for metric, value in expected.items() if value is not None)}", flush=True)
    return finished["model"], table


def check_promises(orrery, folder, tally, model, table):
    """A CSV with awkward cells, an extra column, an unseen category and a taken name; then one without a column."""
    rows = table.drop(columns=["late"]).head(50).copy()
    rows.insert(0, "note", ["=1+1", "+cmd", "-x", "@SUM(A1)", "plain, \"quoted\""] * 10)
    rows["prediction"] = 7
    rows.loc[rows.index[:3], "carrier"] = "??"
    path = folder / "awkward.csv"
    rows.to_csv(path, index=False)
    report, predicted = orrery.predict(model, path, folder / "awkward-out.csv")
    tally.check(report["added_columns"][0] == "prediction_2", f"a taken name gets a suffix: {report['added_columns']}")
    tally.check((predicted["prediction"] == 7).all(), "the input's own column of that name stays")
    tally.check(["carrier", 3] in report["unseen_categories"], f"unseen categories: {report['unseen_categories']}")
    tally.check(set(report["extra_columns"]) == {"note", "prediction"}, f"extra columns: {report['extra_columns']}")
    cells = list(predicted["note"].head(5))
    tally.check(cells == ["'=1+1", "'+cmd", "'-x", "'@SUM(A1)", "plain, \"quoted\""], f"formulas: {cells}")
    rows.drop(columns=["distance"]).to_csv(path, index=False)
    try:
        orrery.predict(model, path, folder / "never.csv")
        tally.check(False, "a missing column must be an error")
    except RuntimeError as error:
        tally.check("distance" in str(error), f"the missing column is named: {error}")
        tally.check(not (folder / "never.csv").exists(), "nothing is written")


def run(orrery, folder):
    """Returns (passed, failed)."""
    tally = Tally()
    for name, make, target, model, more in RUNS:
        try:
            trained, table = check_one(orrery, folder, tally, name, make, target, model, more)
            if name == "flights gbt":
                check_promises(orrery, folder, tally, trained, table)
        except Exception as error:  # one broken model must not hide the others
            tally.check(False, f"{name}: {error}")
    return tally.passed, tally.failed
