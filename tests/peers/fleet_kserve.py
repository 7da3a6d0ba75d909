"""KServe: its Python server, unchanged, as an endpoint of the fleet. It names no versions, lists what is not ready, and takes no uploads."""

import os
import pathlib
import sys

import program
import served

# Models of every sort that its users write: one that says what it takes, one that does not, one that is not ready any more, one
# that says it is ready and fails.
MODELS = '''
import sys

from kserve import InferOutput, InferResponse, Model, ModelRepository, ModelServer


class Times(Model):
    def load(self):
        self.ready = True
        return True

    def get_input_types(self):
        return [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]

    def get_output_types(self):
        return [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]

    async def predict(self, payload, headers=None, response_headers=None):
        x = payload.inputs[0].as_numpy()
        output = InferOutput(name="y", shape=list(x.shape), datatype="FP32")
        output.set_data_from_numpy(2 * x, binary_data=payload.use_binary_outputs)
        asked = {"use_binary_outputs": payload.use_binary_outputs, "requested_outputs": payload.request_outputs or None}
        return InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=[output], **asked)


class Bare(Times):
    def get_input_types(self):
        return []

    get_output_types = get_input_types


class Cold(Times):
    async def healthy(self):
        return False


class Liar(Times):
    async def predict(self, payload, headers=None, response_headers=None):
        raise RuntimeError("no weights")


class Repository(ModelRepository):
    def load(self, name):
        if name != "times":
            return False
        model = Times(name)
        self.update(model)
        return model.load()


models = [Times("times"), Bare("bare"), Cold("cold"), Liar("liar")]
for model in models:
    model.load()
ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, registered_models=Repository(), grace_period=2).start(models)
'''

# What KServe 0.21 does: FastAPI's 422 for what is no JSON, no index and no versions; settings of a load are not read.
FINDINGS = {
    "server metadata": "conforms",
    "live": "conforms",
    "ready": "conforms",
    "unknown model": "conforms",
    "repository index": "unsupported",
    "model ready": "conforms",
    "model metadata": "conforms",
    "ready is true": "conforms",
    "request id": "conforms",
    "outputs selection": "conforms",
    "binary tensors": "conforms",
    "by version": "unsupported",
    "malformed body": "deviates",
    "statistics": "unsupported",
    "metrics on the same port": "conforms",
    "unload": "conforms",
    "not ready after unload": "conforms",
    "load": "conforms",
    "answers after load": "conforms",
    "load settings": "unsupported",
}

ROW = {"id": "7", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
CALLS = [
    ("/v2", None),
    ("/v2/health/ready", None),
    ("/v2/health/live", None),
    ("/v2/models", None),
    ("/v2/repository/index", {}),
    ("/v2/models/times", None),
    ("/v2/models/times/ready", None),
    ("/v2/models/bare", None),
    ("/v2/models/cold/ready", None),
    ("/v2/models/times/versions/1", None),
    ("/v2/models/nobody", None),
    ("/v2/models/times/infer", ROW),
    ("/v2/models/liar/infer", ROW),
    ("/v2/repository/models/nobody/load", {}),
    ("/v2/repository/models/times/unload", {}),
    ("/v2/repository/models/times/load", {}),
]


def run(orrery, folder):
    python = pathlib.Path(os.environ.get("ORRERY_KSERVE", pathlib.Path(sys.prefix).parent / "kserve" / "bin" / "python"))
    if not python.exists():
        print("SKIPPED fleet: KServe is not installed (tests/peers/kserve.txt)", flush=True)
        return 0, 0
    folder = folder / "kserve"
    folder.mkdir()
    (folder / "models.py").write_text(MODELS)
    with start(python, folder) as server:
        return check(orrery, server, folder)


def start(python, folder):
    port = served.free_port()
    command = [python, "models.py", port]
    return served.Server("kserve", command, folder, f"http://127.0.0.1:{port}", "/v2/health/ready")


def check(orrery, server, folder):
    checks = served.Checks()
    checks.recorded(server, "kserve", CALLS)
    checks.findings(served.conform(orrery, server, "--control", "times"), "k_serve", FINDINGS)
    # Its default is that a load finds nothing; what a person asked to be tried stays unloaded, and that is said.
    report = served.conform(orrery, server, "--control", "bare")
    load = next(one for one in report["checks"] if one["name"] == "load")
    checks.expect("a load that finds nothing", (load["finding"], "stays unloaded" in load["detail"]), ("deviates", True))
    report = served.conform(orrery, server, "--control", "liar")
    checks.expect("ready is untrue", next(one["finding"] for one in report["checks"] if one["name"] == "ready is true"), "untrue")

    # As an endpoint. `cold` is in its list of models and is not ready; `liar` and `bare` are unloaded now.
    status = checks.endpoint(orrery, "kserve", server)
    checks.expect("it is known as KServe", (status["server"], status["server_version"]), ("k_serve", "kserve 0.21.0"))
    found = {model["name"]: (model["version"], model["state"], model["proved"]) for model in status["models"]}
    checks.expect("its models", found, {"times": ("", "READY", True), "cold": ("", "UNAVAILABLE", None)})
    checks.expect("it is healthy", status["health"], "healthy")

    # No version can be brought to a server that names none, and it is not asked to.
    table = program.write(program.wine(), folder, "wine")
    orrery.train(table, "target", "linear", "--name", "times")
    words = served.fails(orrery, "fleet", "deploy", "times")
    checks.expect(f"nothing is deployed: {words}", "names no versions" in words and "Nothing was changed" in words, True)
    return checks.passed, checks.failed
