"""ONNX Runtime against `orrery node --models`: the same files and rows, asked by NVIDIA's client; and Prometheus' own check
of /metrics, the node's and a gateway's."""

import json
import pathlib
import shutil
import subprocess
import urllib.request

import numpy as np
import onnxruntime
import tritonclient.http as triton

import program
from node_triton import Node, wait

TOLERANCE = 1e-4

# name, table, target, what to train with
RUNS = [
    ("mlp", program.flights, "late", ["--epochs", "1"]),
    ("resnet", program.diabetes, "target", ["--epochs", "1"]),
    ("tabm", program.wine, "target", ["--epochs", "1", "--members", "4", "--width", "64"]),
    ("linear", program.wine, "target", []),
]


def ask(client, name, x, binary):
    tensor = triton.InferInput("x", list(x.shape), "FP32")
    tensor.set_data_from_numpy(x, binary_data=binary)
    answer = client.infer(name, [tensor])
    return answer.as_numpy(answer.get_response()["outputs"][0]["name"])


def compare(client, name, file, check):
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    width = session.get_inputs()[0].shape[1]
    metadata = client.get_model_metadata(name)
    check(f"{name}: names", [o["name"] for o in metadata["outputs"]] == [o.name for o in session.get_outputs()])
    check(f"{name}: shape", metadata["inputs"][0]["shape"] == ["-1", str(width)] or metadata["inputs"][0]["shape"] == [-1, width])
    rng = np.random.default_rng(4)
    for rows in (1, 3, 257):
        x = rng.normal(size=(rows, width)).astype(np.float32)
        # Categories are codes: the unknown one is there in every column.
        x[:, width // 2 :] = 0
        want = session.run(None, {"x": x})[0]
        for binary in (True, False):
            got = ask(client, name, x, binary)
            gap = np.max(np.abs(got - want) / np.maximum(np.abs(want), 1))
            check(f"{name}: {rows} rows, binary {binary}: gap {gap:.1e}", got.shape == want.shape and gap < TOLERANCE)


def promtool(what, address, check):
    if shutil.which("promtool") is None:
        print("SKIPPED node: promtool is not there (packaging/linux/setup.sh test takes it out of Debian's prometheus)", flush=True)
        return
    text = urllib.request.urlopen(f"http://{address}/metrics").read()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    check(f"promtool on the {what}: {done.stdout.decode()}{done.stderr.decode()}", done.returncode == 0 and not done.stderr)


def run(orrery, folder):
    """Returns (passed, failed)."""
    passed = failed = 0

    def check(what, holds):
        nonlocal passed, failed
        passed, failed = passed + bool(holds), failed + (not holds)
        if not holds:
            print(f"FAILED node: {what}", flush=True)

    models = pathlib.Path(folder) / "models"
    for kind, make, target, more in RUNS:
        _, made = orrery.train(program.write(make(), folder, kind), target, kind, "--name", f"onnx-{kind}", *more)
        (models / kind / "1").mkdir(parents=True)
        shutil.copy(made / "model.onnx", models / kind / "1" / "model.onnx")
    with Node(orrery, "--models", str(models)) as node, triton.InferenceServerClient(node.address) as client:
        wait(client)
        for kind, *_ in RUNS:
            compare(client, kind, models / kind / "1" / "model.onnx", check)
        promtool("node", node.address, check)
        config = pathlib.Path(folder) / "gateway.json"
        config.write_text(json.dumps({"endpoints": [{"name": "node", "url": f"http://{node.address}"}]}))
        with Node(orrery, "--config", str(config), kind="gateway") as gateway:
            with triton.InferenceServerClient(gateway.address) as through:
                wait(through)
                compare(through, "linear", models / "linear" / "1" / "model.onnx", check)
            promtool("gateway", gateway.address, check)
    return passed, failed
