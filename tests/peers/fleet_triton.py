"""Triton: NVIDIA's tritonserver itself, as an endpoint of the fleet: what it does and does not, and versions uploaded onto it.

Its backend for Python is what PyPI has of it. The backend `onnxruntime` is one of Triton's Python-based backends here, which runs
ONNX Runtime on the uploaded model.onnx: the server, the wire format and the configuration are Triton's, the C++ backend is not there.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import threading

import numpy as np
import onnxruntime

import program
import served
from node_triton import Node

TIMES = '''
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.factor = int(args["model_version"])

    def execute(self, requests):
        x = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", (self.factor * x).astype(x.dtype))]) for x in x]
'''

ONNX_BACKEND = '''
import os

import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        file = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        if os.path.exists(BROKEN):
            raise RuntimeError("no weights")
        answers = []
        for request in requests:
            names = list(request.requested_output_names())
            found = self.session.run(names, {tensor.name(): tensor.as_numpy() for tensor in request.inputs()})
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor(*pair) for pair in zip(names, found)]))
        return answers
'''

# What Triton 2.51 does in explicit mode: a body that is no JSON is its own fault (500), its metrics have a port of their own.
FINDINGS = {
    "server metadata": "conforms",
    "live": "conforms",
    "ready": "conforms",
    "unknown model": "conforms",
    "repository index": "conforms",
    "model ready": "conforms",
    "model metadata": "conforms",
    "ready is true": "conforms",
    "request id": "conforms",
    "outputs selection": "conforms",
    "binary tensors": "conforms",
    "by version": "conforms",
    "malformed body": "deviates",
    "statistics": "conforms",
    "metrics on the same port": "unsupported",
    "unload": "conforms",
    "not ready after unload": "conforms",
    "load": "conforms",
    "answers after load": "conforms",
    "load settings": "conforms",
}

ROW = {"id": "7", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
CALLS = [
    ("/v2", None),
    ("/v2/health/ready", None),
    ("/v2/models", None),
    ("/v2/repository/index", {}),
    ("/v2/models/times", None),
    ("/v2/models/times/ready", None),
    ("/v2/models/times/stats", None),
    ("/v2/models/bare", None),
    ("/v2/models/times/versions/7", None),
    ("/v2/models/nobody", None),
    ("/v2/models/nobody/ready", None),
    ("/v2/models/times/infer", ROW),
    ("/v2/repository/models/nobody/load", {}),
    ("/v2/repository/models/times/load", {"parameters": {"version": "2"}}),
]


class Missing(Exception):
    """What this machine lacks to run it."""


class Triton:
    """An installed tritonserver, with backends in a folder of its own."""

    def __init__(self, folder):
        home = pathlib.Path(os.environ.get("ORRERY_TRITON", pathlib.Path(sys.prefix).parent / "triton"))
        package = next(home.glob("lib/python3*/site-packages/pytriton/tritonserver"), None)
        if package is None:
            raise Missing("it is not installed, which tests/peers/triton.txt says where it can be")
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        stub = package / "python_backend_stubs" / python / "triton_python_backend_stub"
        if not stub.exists():
            raise Missing(f"it has no backend for Python {python}")
        self.program = package / "bin" / "tritonserver"
        paths = [package.parent.parent / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR")]
        # Its backend for Python takes NumPy and ONNX Runtime of the environment whose Python is the first in PATH.
        path = os.pathsep.join([str(home / "bin"), os.environ.get("PATH", "")])
        self.environment = {"LD_LIBRARY_PATH": os.pathsep.join(map(str, paths)), "PATH": path}
        for file in (self.program, stub):
            done = subprocess.run(["ldd", file], capture_output=True, text=True, env={**os.environ, **self.environment})
            lacks = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "not found" in line]
            if done.returncode or lacks:
                raise Missing(f"{file.name}: {', '.join(lacks) or done.stderr.strip()}")
        self.backends = folder / "backends"
        shutil.copytree(package / "backends" / "python", self.backends / "python")
        shutil.copy(stub, self.backends / "python")
        (self.backends / "onnxruntime").mkdir()
        # While this file is there, its models answer nothing.
        self.broken = folder / "broken"
        (self.backends / "onnxruntime" / "model.py").write_text(ONNX_BACKEND.replace("BROKEN", repr(str(self.broken))))

    def start(self, folder, mode, *more):
        ports = dict(zip(("http", "grpc", "metrics"), (served.free_port() for _ in range(3))))
        command = [self.program, f"--model-repository={folder}", f"--model-control-mode={mode}"]
        command += [f"--backend-directory={self.backends}", "--exit-timeout-secs=5", *more]
        command += [f"--{name}-port={port}" for name, port in ports.items()]
        command += [f"--{name}-address=127.0.0.1" for name in ports]
        url = f"http://127.0.0.1:{ports['http']}"
        return served.Server(f"triton-{mode}", command, folder.parent, url, "/v2/health/ready", **self.environment)


def repository(folder):
    """Its own models: two versions, one of half floats, one that says nothing of itself."""
    shape = lambda kind: {"data_type": f"TYPE_{kind}", "dims": [-1, 2]}
    for name, versions, kind in [("times", "12", "FP32"), ("own", "12", "FP32"), ("half", "1", "FP16"), ("bare", "1", None)]:
        for version in versions:
            (folder / name / version).mkdir(parents=True)
            (folder / name / version / "model.py").write_text(TIMES)
        if kind is not None:
            config = {"backend": "python", "input": [{"name": "x", **shape(kind)}], "output": [{"name": "y", **shape(kind)}]}
            # Text of a protobuf, in which JSON's commas may stand, and brackets around the values of a field.
            text = "\n".join(f"{field}: {json.dumps(value)}" for field, value in config.items())
            for word in ("data_type", "name", "dims"):
                text = text.replace(f'"{word}"', word)
            (folder / name / "config.pbtxt").write_text(text.replace(f'"TYPE_{kind}"', f"TYPE_{kind}"))
    return folder


def run(orrery, folder):
    folder = folder / "triton"
    folder.mkdir()
    try:
        triton = Triton(folder)
    except Missing as missing:
        print(f"SKIPPED fleet: Triton: {missing}", flush=True)
        return 0, 0
    models, checks = repository(folder / "models"), served.Checks()
    # Its name is its `--id`: it is known by what it claims.
    loaded = [f"--load-model={name}" for name in ("times", "own", "half", "bare")]
    with triton.start(models, "explicit", "--id=gpu-7", *loaded) as server:
        look(orrery, server, checks)
        files = train(orrery, folder)
        upload(orrery, server, checks, files)
        fall_back(orrery, server, checks, files, triton.broken)
        split(orrery, server, checks, files, folder)
        own(orrery, server, checks)
    (folder / "none").mkdir()
    with triton.start(folder / "none", "none") as server:
        orrery.call("fleet", "endpoints", "add", "triton", server.url, "--region", "us-east")
        words = served.fails(orrery, "fleet", "deploy", "grape:1", "--to", "triton")
        checks.expect(f"without control: {words}", "--model-control-mode=explicit" in words, True)
    return checks.passed, checks.failed


def look(orrery, server, checks):
    checks.recorded(server, "triton", CALLS)
    checks.findings(served.conform(orrery, server, "--control", "times"), "triton", FINDINGS)
    status = checks.endpoint(orrery, "triton", server)
    checks.expect("it is known as Triton", (status["server"], status["server_version"]), ("triton", "gpu-7 2.51.0"))
    wanted = {("times", "2"): True, ("own", "2"): True, ("half", "1"): True, ("bare", "1"): None}
    why = [one["reason"] for one in status["models"] if one["reason"]]
    checks.expect(f"its models {why}", proofs(status), wanted)


def proofs(status):
    return {(one["name"], one["version"]): one["proved"] for one in status["models"] if one["state"] == "READY"}


def train(orrery, folder):
    """Versions of `grape` and `own`, and what each version's model.onnx is."""
    table = program.write(program.wine(), folder, "wine")
    made = [orrery.train(table, "target", "linear", "--name", "grape", "--seed", str(seed))[1] for seed in (1, 2)]
    other = program.write(program.diabetes(), folder, "diabetes")
    made.append(orrery.train(other, "target", "linear", "--name", "grape")[1])
    for seed in (1, 2, 3):
        orrery.train(table, "target", "linear", "--name", "own", "--seed", str(seed))
    orrery.train(table, "target", "gbt", "--name", "trees", "--trees", "2")
    return [version / "model.onnx" for version in made]


def versions(server, model):
    status, metadata = server.ask(f"/v2/models/{model}")
    return metadata["versions"] if status == 200 else []


def answer(server, file, model, version=None):
    """The gap between what Triton answers and what ONNX Runtime does, and the version that answered."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    x = np.zeros((3, session.get_inputs()[0].shape[1]), dtype=np.float32)
    x[:, :2] = [[0, 0], [1, -1], [0.5, 2]]
    tensor = {"name": "x", "datatype": "FP32", "shape": list(x.shape), "data": x.ravel().tolist()}
    place = f"/versions/{version}" if version else ""
    _, found = server.ask(f"/v2/models/{model}{place}/infer", {"inputs": [tensor]})
    output = found["outputs"][0]
    got = np.array(output["data"]).reshape(output["shape"])
    return float(np.max(np.abs(got - session.run(None, {"x": x})[0]))) < 1e-6, found["model_version"]


class Gateway(Node):
    """`orrery gateway` on a free port."""

    def __init__(self, orrery, config):
        command = [orrery.binary, "--home", str(orrery.home), "--json", "gateway", "--config", config, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = "http://" + json.loads(self.process.stdout.readline())["address"]

    ask = served.Server.ask


class Callers:
    """Asks a model without a version until it is told to stop; counts what was not answered."""

    def __init__(self, server, file, model):
        self.over, self.answered, self.failed = threading.Event(), 0, []
        self.thread = threading.Thread(target=self.ask, args=(server, file, model))

    def ask(self, server, file, model):
        while not self.over.is_set():
            try:
                answer(server, file, model)
                self.answered += 1
            except Exception as error:  # whatever it is, a caller was not answered
                self.failed.append(repr(error))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def upload(orrery, server, checks, files):
    """Versions of our own, which its repository has not."""
    first, second, _ = files
    deploy = lambda model, *more: orrery.call("fleet", "deploy", model, "--to", "triton", *more)[-1]
    steps = " ".join(step["what"] for step in deploy("grape:1", "--dry-run")["steps"])
    checks.expect(f"a plan: {steps}", ("upload model.onnx of grape version 1" in steps, versions(server, "grape")), (True, []))
    done = deploy("grape:1")
    checks.expect("deployed", (done["state"], done["from"], versions(server, "grape")), ("done", None, ["1"]))
    checks.expect("it answers as ONNX Runtime does", answer(server, first, "grape"), (True, "1"))

    with Callers(server, first, "grape") as callers:
        done = deploy("grape:2")
    checks.expect("the next version beside it", (done["state"], done["from"], versions(server, "grape")), ("done", "1", ["1", "2"]))
    checks.expect(f"no caller of {callers.answered} noticed", (callers.answered > 20, callers.failed[:3]), (True, []))
    checks.expect("the greatest serves", answer(server, second, "grape"), (True, "2"))
    checks.expect("the one before answers, too", answer(server, first, "grape", 1), (True, "1"))
    _, index = server.ask("/v2/repository/index", {})
    checks.expect("its index does not have what was uploaded", "grape" in [one["name"] for one in index], False)
    found = proofs(served.status(orrery, "triton"))
    checks.expect("it is seen all the same", (found.get(("grape", "1")), found.get(("grape", "2"))), (True, True))
    report = served.conform(orrery, server, "--control", "grape")
    unload = next(one for one in report["checks"] if one["name"] == "unload")
    checks.expect("what might not come back is not unloaded", (unload["finding"], versions(server, "grape")), ("unchecked", ["1", "2"]))

    done = deploy("grape:1")
    checks.expect("back to an older one", (done["state"], versions(server, "grape")), ("done", ["1"]))
    checks.expect("the older one serves", answer(server, first, "grape"), (True, "1"))
    words = served.fails(orrery, "fleet", "deploy", "grape:3", "--to", "triton")
    checks.expect(f"other inputs: {words}", ("other inputs" in words, versions(server, "grape")), (True, ["1"]))
    words = served.fails(orrery, "fleet", "deploy", "trees", "--to", "triton")
    checks.expect(f"trees: {words}", "has no model.onnx" in words, True)
    with Node(orrery) as node:
        orrery.call("fleet", "endpoints", "add", "node", f"http://{node.address}", "--region", "us-east")
        words = served.fails(orrery, "fleet", "deploy", "grape:2")
        orrery.call("fleet", "endpoints", "remove", "node")
    checks.expect(f"a node and a Triton: {words}", "encoded features" in words, True)


def fall_back(orrery, server, checks, files, broken):
    """A version that is loaded and does not answer goes again."""
    broken.touch()
    words = served.fails(orrery, "fleet", "deploy", "grape:2", "--to", "triton")
    broken.unlink()
    checks.expect(f"it does not answer: {words}", ("no weights" in words, versions(server, "grape")), (True, ["1"]))
    checks.expect("the one before serves", answer(server, files[0], "grape"), (True, "1"))


def split(orrery, server, checks, files, folder):
    """A canary through a gateway, and then somebody else's upload of that name, which one of ours would take away."""
    first, second, _ = files
    config = {"endpoints": [{"name": "triton", "url": server.url, "region": "us-east"}]}
    config["timeouts"] = {"timeout_secs": 10, "per_try_timeout_secs": 5}
    (folder / "gateway.json").write_text(json.dumps(config))
    with Gateway(orrery, folder / "gateway.json") as gateway:
        orrery.call("fleet", "endpoints", "add", "gw", gateway.url, "--region", "us-east", "--role", "gateway")
        quick = ["--stages", "30,100", "--stage-seconds", "1", "--min-requests", "20", "--max-p95", "100", "--max-drift", "10"]
        with Callers(gateway, first, "grape") as callers:
            done = orrery.call("fleet", "deploy", "grape:2", "--to", "triton", *quick)[-1]
        orrery.call("fleet", "endpoints", "remove", "gw")
    percents = sorted({reading["percent"] for reading in done["readings"]})
    checks.expect("a canary", (done["state"], done["from"], percents[:1]), ("done", "1", [30]))
    checks.expect(f"no caller of {callers.answered} noticed", (callers.answered > 20, callers.failed[:3]), (True, []))
    checks.expect("and it serves", answer(server, second, "grape"), (True, "2"))

    parameters = {"config": json.dumps({"backend": "onnxruntime", "max_batch_size": 0})}
    parameters["file:1/model.onnx"] = base64.b64encode(first.read_bytes()).decode()
    server.ask("/v2/repository/models/grape/load", {"parameters": parameters})
    words = served.fails(orrery, "fleet", "deploy", "grape:2", "--to", "triton")
    checks.expect(f"somebody else's: {words}", ("not uploaded from this workspace" in words, versions(server, "grape")), (True, ["1"]))


def own(orrery, server, checks):
    """A model of its own repository: versions are shown and hidden by its configuration."""
    orrery.call("fleet", "deploy", "own:1", "--to", "triton")
    checks.expect("the older one serves", versions(server, "own"), ["1"])
    done = orrery.call("fleet", "deploy", "own:2", "--to", "triton")[-1]
    checks.expect("the newer one beside it", (done["from"], versions(server, "own")), ("1", ["1", "2"]))
    # A load that names a version it does not have is answered with 200.
    words = served.fails(orrery, "fleet", "deploy", "own:3", "--to", "triton")
    checks.expect(f"a version that is not there: {words}", "the setting was ignored" in words, True)
    checks.expect("what answered before answers", versions(server, "own"), ["1", "2"])
