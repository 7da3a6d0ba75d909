"""Triton's client: NVIDIA's tritonclient[http] against `orrery node`, unchanged, and its answers against `orrery predict`."""

import json
import signal
import ssl
import subprocess
import urllib.request

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

import program


class Node:
    """A node, or a gateway, on a free port, ended by SIGTERM."""

    def __init__(self, orrery, *arguments, kind="node"):
        command = [orrery.binary, "--home", str(orrery.home), "--json", kind, "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = json.loads(self.process.stdout.readline())["address"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.code = self.process.wait(timeout=60)


def tensors(table, metadata, binary):
    """A table's rows as the inputs that a model's metadata asks for."""
    made = []
    for described in metadata["inputs"]:
        column = table[described["name"]]
        if described["datatype"] == "BYTES":
            texts = ["" if value is None or value != value else str(value) for value in column]
            values = np.array(texts, dtype=object)
        else:
            values = column.to_numpy(dtype={"FP64": np.float64, "BOOL": np.bool_}[described["datatype"]])
        tensor = triton.InferInput(described["name"], list(values.shape), described["datatype"])
        tensor.set_data_from_numpy(values, binary_data=binary)
        made.append(tensor)
    return made


def wait(client):
    import time

    for _ in range(600):
        if client.is_server_ready():
            return
        time.sleep(0.05)
    raise RuntimeError("the node did not become ready")


def secured(orrery, check):
    """The same client over TLS, which it does by OpenSSL."""
    fixtures = program.ROOT / "engine" / "src" / "http" / "fixtures"
    pair = ["--tls-cert", fixtures / "first.pem", "--tls-key", fixtures / "first.key"]
    trust = lambda: ssl.create_default_context(cafile=fixtures / "ca.pem")
    with Node(orrery, *pair) as node:
        with triton.InferenceServerClient(node.address, ssl=True, ssl_context_factory=trust) as client:
            wait(client)
            check("TLS: metadata", client.get_model_metadata("late")["name"] == "late")
        try:
            urllib.request.urlopen(f"https://{node.address}/v2")
            check("TLS: a client that does not know the authority refuses", False)
        except urllib.error.URLError as error:
            check(f"TLS: {error}", "CERTIFICATE_VERIFY_FAILED" in str(error))


def run(orrery, folder):
    passed = failed = 0

    def check(what, holds):
        nonlocal passed, failed
        passed, failed = passed + bool(holds), failed + (not holds)
        if not holds:
            print(f"FAILED node: {what}", flush=True)

    def refused(what, work, *words):
        try:
            work()
        except InferenceServerException as error:
            check(f"{what}: {error}", all(word in str(error) for word in words))
        else:
            check(f"{what}: it was not refused", False)

    flights, wine, diabetes = program.flights(), program.wine(), program.diabetes().drop(columns=["visit"])
    tables = {"late": (flights, "late", "gbt"), "grape": (wine, "target", "mlp"), "sugar": (diabetes, "target", "linear")}
    expected = {}
    for name, (table, target, model) in tables.items():
        file = program.write(table, folder, name)
        orrery.train(file, target, model, "--name", name, "--epochs", "2", "--trees", "20")
        expected[name] = orrery.predict(name, file, folder / f"{name}-out.parquet")[1]

    with Node(orrery) as node, triton.InferenceServerClient(node.address) as client:
        check("live", client.is_server_live())
        wait(client)
        server = client.get_server_metadata()
        check("server metadata", server["name"] == "orrery" and "binary_tensor_data" in server["extensions"])
        index = client.get_model_repository_index()
        check("index", {(entry["name"], entry["state"]) for entry in index} == {(name, "READY") for name in tables})

        for name, (table, target, _) in tables.items():
            metadata = client.get_model_metadata(name)
            check(f"{name} is ready", client.is_model_ready(name) and client.is_model_ready(name, "1"))
            rows = table.head(300)
            for binary_in in (True, False):
                for binary_out in (True, False):
                    outputs = [triton.InferRequestedOutput(o["name"], binary_data=binary_out) for o in metadata["outputs"]]
                    answer = client.infer(name, tensors(rows, metadata, binary_in), request_id="seven", outputs=outputs)
                    way = f"{name}, binary {binary_in}/{binary_out}"
                    check(f"{way}: id", answer.get_response()["id"] == "seven")
                    got, want = answer.as_numpy("prediction"), expected[name]["prediction"].head(300).to_numpy()
                    if got.dtype == object:
                        got = np.array([value.decode() if isinstance(value, bytes) else value for value in got])
                        want = want.astype(str)
                        check(f"{way}: predictions", (got == want).all())
                    else:
                        check(f"{way}: predictions", np.allclose(got.astype(float), want.astype(float), rtol=1e-9))
                    columns = [c for c in expected[name] if c.startswith("probability_")]
                    if columns:
                        want = expected[name][columns].head(300).to_numpy()
                        check(f"{way}: probabilities", np.allclose(answer.as_numpy("probabilities"), want, atol=1e-9))
            alone = client.infer(name, tensors(table.head(1), metadata, True), outputs=[triton.InferRequestedOutput("prediction")])
            check(f"{name}: one output of two", [o["name"] for o in alone.get_response()["outputs"]] == ["prediction"])

        statistics = client.get_inference_statistics("late", "1")["model_stats"][0]
        check("statistics", statistics["inference_count"] == 4 * 300 + 1 and statistics["inference_stats"]["success"]["count"] == 5)

        metadata = client.get_model_metadata("grape")
        refused("a missing input", lambda: client.infer("grape", tensors(wine.head(1), metadata, True)[1:]), "is missing")
        refused("an unknown model", lambda: client.infer("nope", tensors(wine.head(1), metadata, True)), "There is no model")
        refused("an unknown version", lambda: client.get_model_metadata("grape", "9"), "version 9")
        refused(
            "an unknown output",
            lambda: client.infer("grape", tensors(wine.head(1), metadata, True), outputs=[triton.InferRequestedOutput("x")]),
            "no output 'x'",
        )
        client.unload_model("grape")
        check("unloaded", not client.is_model_ready("grape"))
        refused("an unloaded model", lambda: client.infer("grape", tensors(wine.head(1), metadata, True)), "not ready")
        client.load_model("grape")
        check("loaded again", client.is_model_ready("grape"))
        client.infer("grape", tensors(wine.head(1), metadata, True))
        refused("a model that is not there", lambda: client.load_model("nope"), "There is no model")

    check("a clean end on SIGTERM", node.code == 0)
    secured(orrery, check)
    return passed, failed
