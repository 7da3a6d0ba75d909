"""MLServer: Seldon's server, unchanged, as an endpoint of the fleet: what it does and does not, and a version put onto it."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

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
}


def run(orrery, folder):
    program = pathlib.Path(os.environ.get("ORRERY_MLSERVER", pathlib.Path(sys.prefix).parent / "mlserver" / "bin" / "mlserver"))
    if not program.exists():
        print(f"SKIPPED: MLServer is not installed ({program.name} of tests/peers/mlserver.txt)")
        return 0, 0
    with Server(program, folder / "mlserver") as server:
        return check(orrery, server)


def check(orrery, server):
    passed = failed = 0

    def expect(what, found, wanted):
        nonlocal passed, failed
        if found == wanted:
            passed += 1
        else:
            failed += 1
            print(f"fleet: {what}: {found!r} instead of {wanted!r}")

    report = orrery.call("fleet", "conform", server.url, "--control", "times")[-1]
    expect("server", report["server"], "ml_server")
    found = {one["name"]: one["finding"] for one in report["checks"]}
    for name, wanted in FINDINGS.items():
        expect(name, found.get(name), wanted)

    # As an endpoint: its model is seen and believed only after it has answered.
    orrery.call("fleet", "regions", "set", "us-east", "--enable")
    orrery.call("fleet", "endpoints", "add", "peer", server.url, "--region", "us-east")
    status = orrery.call("fleet", "status")[-1]
    text = json.dumps(status)
    expect("it is known as MLServer", '"ml_server"' in text, True)
    expect("its model is seen", '"times"' in text, True)
    return passed, failed


class Server:
    """MLServer on free ports, with two versions of a model of a few lines."""

    def __init__(self, program, folder):
        folder.mkdir()
        (folder / "times_runtime.py").write_text(RUNTIME)
        ports = [free_port() for _ in range(3)]
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
        self.url = f"http://127.0.0.1:{ports[0]}"
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen([str(program), "start", "."], cwd=folder, env=environment, stdout=self.log, stderr=self.log)

    def __enter__(self):
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(self.url + "/v2/models/times/ready", timeout=5)
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.__exit__()
                    raise RuntimeError(f"MLServer did not start; see {self.log.name}") from None
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
