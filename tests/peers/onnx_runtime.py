"""ONNX Runtime against Orrery: model.onnx of models that Orrery trained, fed with rows encoded by an independent reader of
preprocess.json, gives the program's own predictions within 1e-4 (absolute on logits, relative on the target).
"""

import json

import numpy as np
import onnxruntime

import preprocess
import program

TOLERANCE = 1e-4

# name, table, target, what to train with
RUNS = [
    ("flights linear", program.flights, "late", "linear", []),
    ("flights mlp, embeddings", program.flights, "late", "mlp", ["--epochs", "2"]),
    ("flights mlp, one-hot, quantile", program.flights, "late", "mlp", ["--epochs", "1", "--categories", "one-hot", "--scaling", "quantile"]),
    ("flights resnet", program.flights, "late", "resnet", ["--epochs", "1"]),
    ("flights tabm", program.flights, "late", "tabm", ["--epochs", "1", "--members", "4", "--width", "64"]),
    ("wine linear, three classes", program.wine, "target", "linear", []),
    ("wine mlp, three classes", program.wine, "target", "mlp", ["--epochs", "5"]),
    ("wine tabm, three classes", program.wine, "target", "tabm", ["--epochs", "3", "--members", "4", "--width", "64"]),
    ("digits cnn", program.digits, "target", "cnn", ["--epochs", "3"]),
    ("digits residual cnn", program.digits, "target", "resnet-cnn", ["--epochs", "3"]),
    ("diabetes linear", program.diabetes, "target", "linear", []),
    ("diabetes mlp, log target", program.diabetes, "target", "mlp", ["--epochs", "5", "--target-transform", "log"]),
    ("diabetes resnet, one-hot", program.diabetes, "target", "resnet", ["--epochs", "5", "--categories", "one-hot"]),
    ("diabetes tabm", program.diabetes, "target", "tabm", ["--epochs", "3", "--members", "4", "--width", "64"]),
]


PRUNE = ["prune", "--rounds", "2", "--epochs", "1", "--criterion"]
DISTIL = ["distil", "--temperature", "2", "--epochs", "2"]

# name, table, target, what to train with, what to make of it
SHRUNK = [
    ("flights mlp, pruned by Taylor", program.flights, "late", "mlp", ["--epochs", "1"], [*PRUNE, "taylor"]),
    ("wine resnet, pruned by L2", program.wine, "target", "resnet", ["--epochs", "5"], [*PRUNE, "l2"]),
    ("diabetes tabm, pruned by L1", program.diabetes, "target", "tabm", ["--epochs", "3", "--members", "4", "--width", "64"], [*PRUNE, "l1"]),
    ("flights mlp, weights pruned", program.flights, "late", "mlp", ["--epochs", "1"], [*PRUNE, "l1", "--structure", "weights"]),
    ("flights mlp, distilled from trees", program.flights, "late", "gbt", ["--trees", "20"], [*DISTIL, "--width", "16"]),
    ("diabetes tabm, distilled from trees", program.diabetes, "target", "gbt", ["--trees", "20"], [*DISTIL, "--student", "tabm", "--width", "16"]),
]


def log_probabilities(logits):
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


def gap(card, outputs, table):
    """Largest disagreement between ONNX Runtime's outputs [rows, outputs] and the columns Orrery added."""
    if card["task"] == "regression":
        ours = table["prediction"].to_numpy(dtype=float)
        return float(np.max(np.abs(outputs[:, 0] - ours) / np.maximum(np.abs(ours), 1e-6)))
    ours = np.log(table[[f"probability_{name}" for name in card["classes"]]].to_numpy(dtype=float))
    if outputs.shape[1] == 1:  # one log-odds
        return float(np.max(np.abs(outputs[:, 0] - (ours[:, 1] - ours[:, 0]))))
    # Logits are only fixed up to a shift of the row.
    return float(np.max(np.abs(log_probabilities(outputs) - ours)))


def check_one(orrery, folder, make, target, model, more, then=()):
    table = make()
    file = program.write(table, folder, f"onnx-{target}-{make.__name__}")
    finished, model_folder = orrery.train(file, target, model, *more)
    version = finished["model"]
    if then:
        version = orrery.call(then[0], version, *then[1:])[-1]["model"]
        model_folder = model_folder.parent / version.rsplit(":", 1)[1]
    card = json.loads((model_folder / "card.json").read_text())
    rules = preprocess.load(model_folder)
    # Rows that training never saw anything like: unknown categories, missing values, numbers far outside.
    odd = table.head(200).copy()
    for column in odd.columns:
        if column == target:
            continue
        if odd[column].dtype.kind == "f":
            odd.loc[odd.index[::7], column] = np.nan
            odd.loc[odd.index[::11], column] = odd[column].max() * 3
        elif odd[column].dtype.kind not in "biufM":
            odd.loc[odd.index[::5], column] = "never seen"
    worst = 0.0
    for rows, label in [(table, "rows"), (odd, "odd-rows")]:
        raw = program.write(rows.drop(columns=[target]), folder, label)
        _, predicted = orrery.predict(version, raw, folder / f"{label}-predicted.parquet")
        session = onnxruntime.InferenceSession(str(model_folder / "model.onnx"), providers=["CPUExecutionProvider"])
        inputs = session.get_inputs()
        if [one.name for one in inputs] != ["x"] or inputs[0].type != "tensor(float)":
            raise AssertionError(f"the graph takes {[(one.name, one.type) for one in inputs]}, not x: tensor(float)")
        encoded = preprocess.encode(rules, rows)
        whole = session.run(None, {"x": encoded})[0].astype(float)
        one = session.run(None, {"x": encoded[:1]})[0].astype(float)
        if whole.shape[0] != len(rows) or not np.allclose(one, whole[:1], rtol=1e-4, atol=1e-5):
            raise AssertionError(f"the batch axis is not free: {whole.shape}, {one.shape}")
        worst = max(worst, gap(card, whole.reshape(len(rows), -1), predicted))
    return worst


# name, table, target, what to train with
QUANTIZED = [
    ("flights mlp", program.flights, "late", "mlp", ["--epochs", "2"]),
    ("wine resnet, three classes", program.wine, "target", "resnet", ["--epochs", "5"]),
    ("diabetes tabm", program.diabetes, "target", "tabm", ["--epochs", "3", "--members", "4", "--width", "64"]),
    ("digits cnn", program.digits, "target", "cnn", ["--epochs", "3"]),
    ("digits residual cnn", program.digits, "target", "resnet-cnn", ["--epochs", "3"]),
]
# Pictures that the program computes together: where ranges are those of the rows at hand, these share one.
PICTURES = 64
SCHEMES = [
    ("dynamic-int8", []),
    ("static-int8", []),
    ("static-int8", ["--calibration", "mse"]),
    ("weight-int8", []),
    ("weight-int4", ["--block", "16"]),
]


def outputs_of(path, encoded, as_written=False, together=None):
    settings = onnxruntime.SessionOptions()
    if as_written:
        # Else it computes matrices of whole numbers with inputs of whole numbers, which the file does not say.
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    step = together or len(encoded)
    parts = [session.run(None, {"x": encoded[at : at + step]})[0] for at in range(0, len(encoded), step)]
    return np.concatenate(parts).astype(float).reshape(len(encoded), -1)


def check_quantized(orrery, folder, make, target, model, more):
    """For each scheme: the largest gap between ONNX Runtime and the program, and the one that quantizing itself made."""
    table = make()
    file = program.write(table, folder, f"quantized-{target}-{make.__name__}")
    finished, original = orrery.train(file, target, model, *more)
    raw = program.write(table.drop(columns=[target]), folder, "rows")
    encoded = preprocess.encode(preprocess.load(original), table)
    _, floats = orrery.predict(finished["model"], raw, folder / "floats.parquet")
    for scheme, options in SCHEMES:
        made = orrery.call("quantize", finished["model"], "--scheme", scheme, *options)[-1]
        version = made["model"]
        place = original.parent / version.rsplit(":", 1)[1]
        card = json.loads((place / "card.json").read_text())
        _, predicted = orrery.predict(version, raw, folder / "quantized.parquet")
        files = ["model.onnx", "model.qdq.onnx"] if scheme.endswith("int8") and "weight" not in scheme else ["model.onnx"]
        for name in files:
            if name == "model.onnx" and len(files) == 2:
                text = (place / name).read_bytes()
                quantized = [layer["layer"] for layer in card["compressions"][-1]["report"]["layers"] if layer["quantized"]]
                layers = len([matrix for matrix in quantized if matrix != "embedding.weight"])
                whole = text.count(b"MatMulInteger") + text.count(b"ConvInteger")
                if whole < layers:
                    raise AssertionError(f"{whole} layers of {layers} are computed in whole numbers")
            together = PICTURES if "cnn" in model else None
            outputs = outputs_of(place / name, encoded, as_written=scheme.startswith("weight"), together=together)
            # What the quantization did to the model is the measure of how far two runtimes may be apart.
            made_by_quantizing = gap(card, outputs_of(original / "model.onnx", encoded), predicted)
            yield f"{scheme} {' '.join(options)} {name}", gap(card, outputs, predicted), made_by_quantizing
    if floats.shape != predicted.shape:
        raise AssertionError(f"{predicted.shape} predictions instead of {floats.shape}")


def run(orrery, folder):
    """Returns (passed, failed)."""
    passed = failed = 0
    for name, make, target, model, more in QUANTIZED:
        try:
            for words, between, allowed in check_quantized(orrery, folder, make, target, model, more):
                good = between <= max(allowed, TOLERANCE)
                print(
                    f"{'ok    ' if good else 'FAILED'} onnx: {name}, {words}: largest gap {between:.2e} (quantizing made {allowed:.2e})",
                    flush=True,
                )
                passed, failed = passed + good, failed + (not good)
        except Exception as error:  # one broken model must not hide the others
            failed += 1
            print(f"FAILED onnx: {name}, quantized: {error}", flush=True)
    for name, *what in [*RUNS, *SHRUNK]:
        try:
            worst = check_one(orrery, folder, *what)
            good = worst <= TOLERANCE
            print(f"{'ok    ' if good else 'FAILED'} onnx: {name}: largest gap {worst:.2e} (limit {TOLERANCE:.0e})", flush=True)
        except Exception as error:  # one broken model must not hide the others
            good = False
            print(f"FAILED onnx: {name}: {error}", flush=True)
        passed, failed = passed + good, failed + (not good)
    return passed, failed
