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
        return check(orrery, server)


def check(orrery, server):
    checks = served.Checks()
    checks.findings(served.conform(orrery, server, "--control", "times"), "ml_server", FINDINGS)
    # As an endpoint: its model is seen and believed only after it has answered.
    status = checks.endpoint(orrery, "mlserver", server)
    checks.expect("it is known as MLServer", status["server"], "ml_server")
    checks.expect("its model is seen", [(model["name"], model["proved"]) for model in status["models"]], [("times", True)])
    return checks.passed, checks.failed


def start(program, folder):
    """MLServer on free ports, with a model of a few lines."""
    folder.mkdir()
    (folder / "times_runtime.py").write_text(RUNTIME)
    ports = [served.free_port() for _ in range(3)]
    settings = {"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2]}
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
    tensor = {"datatype": "FP64", "shape": [-1, 2]}
    model = {
        "name": "times",
        "implementation": "times_runtime.Times",
        "parameters": {"version": "1"},
        "inputs": [{"name": "x", **tensor}],
        "outputs": [{"name": "y", **tensor}],
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    url = f"http://127.0.0.1:{ports[0]}"
    return served.Server("mlserver", [program, "start", "."], folder, url, "/v2/models/times/ready", PYTHONPATH=str(folder))
