"""MLServer: Seldon's server, unchanged, as an endpoint of the fleet: what it does and does not, and a version put onto it."""

import json
import os
import pathlib
import sys

import served

RUNTIME = '''
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Times(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0])
        factor = int(self.settings.parameters.version or 1)
        output = NumpyCodec.encode_output("y", factor * x)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
'''

# What MLServer 1.7.1 is known to do otherwise: its validation answers 422 with FastAPI's own body.
FINDINGS = {
    "live": "conforms",
    "ready": "conforms",
    "ready is true": "conforms",
    "server metadata": "conforms",
    "model metadata": "conforms",
    "unknown model": "conforms",
    "repository index": "conforms",
    "outputs selection": "conforms",
    "request id": "conforms",
    "by version": "conforms",
    "malformed body": "deviates",
    "binary tensors": "unsupported",
    "statistics": "unsupported",
    "load settings": "unsupported",
}


def run(orrery, folder):
    program = pathlib.Path(os.environ.get("ORRERY_MLSERVER", pathlib.Path(sys.prefix).parent / "mlserver" / "bin" / "mlserver"))
    if not program.exists():
        print(f"SKIPPED fleet: MLServer is not installed ({program.name} of tests/peers/mlserver.txt)")
        return 0, 0
    with start(program, folder / "mlserver") as server:
        return check(orrery, server, folder)


def check(orrery, server, folder):
    checks = served.Checks()
    checks.findings(served.conform(orrery, server, "--control", "times"), "ml_server", FINDINGS)
    # As an endpoint: its model is seen and believed only after it has answered.
    status = checks.endpoint(orrery, "mlserver", server)
    checks.expect("it is known as MLServer", status["server"], "ml_server")
    checks.expect("its model is seen", [(model["name"], model["proved"]) for model in status["models"]], [("times", True)])
    deploy(orrery, server, folder, checks)
    return checks.passed, checks.failed


def deploy(orrery, server, folder, checks):
    """A version that MLServer has in its repository comes by `fleet deploy`: it takes no upload, and loads all that it has of a model."""
    import program

    for _ in range(2):
        orrery.train(program.write(program.wine(), folder, "wine"), "target", "linear", "--name", "times")
    missing = served.fails(orrery, "fleet", "deploy", "times:2", "--to", "mlserver")
    checks.expect(f"what its repository does not have is said: {missing}", "does not have version 2" in missing, True)
    put_version(folder / "mlserver" / "two", "2")
    # The index calls the new version ready before anybody loaded it.
    _, index = server.ask("/v2/repository/index", {})
    checks.expect("the index runs ahead", ("times", "2", "READY") in [(m["name"], m.get("version"), m["state"]) for m in index], True)
    done = orrery.call("fleet", "deploy", "times:2", "--to", "mlserver")[-1]
    checks.expect("the deployment's end", (done["state"], done["from"]), ("done", "1"))
    details = [step["detail"] for step in done["steps"] if step["what"].startswith("load ")]
    checks.expect("it was loaded, not found ready", details, ["loaded by its own repository"])
    row = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 2], "data": [1.5, 2.0]}]}
    for path, factor in [("/v2/models/times/infer", 2), ("/v2/models/times/versions/1/infer", 1)]:
        _, answer = server.ask(path, row)
        found = (answer.get("model_version"), answer.get("outputs", [{}])[0].get("data"))
        checks.expect(f"what answers at {path}", found, (str(factor), [1.5 * factor, 2.0 * factor]))


def start(program, folder):
    """MLServer on free ports, with a model of a few lines."""
    folder.mkdir()
    (folder / "times_runtime.py").write_text(RUNTIME)
    ports = [served.free_port() for _ in range(3)]
    settings = {"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2]}
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
    put_version(folder, "1")
    url = f"http://127.0.0.1:{ports[0]}"
    return served.Server("mlserver", [program, "start", "."], folder, url, "/v2/models/times/ready", PYTHONPATH=str(folder))


def put_version(folder, version):
    """Puts a version into MLServer's repository."""
    folder.mkdir(exist_ok=True)
    tensor = {"datatype": "FP64", "shape": [-1, 2]}
    model = {
        "name": "times",
        "implementation": "times_runtime.Times",
        "parameters": {"version": version},
        "inputs": [{"name": "x", **tensor}],
        "outputs": [{"name": "y", **tensor}],
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
