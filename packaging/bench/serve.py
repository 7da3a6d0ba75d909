#!/usr/bin/env python3
"""Measures serving: `orrery node` against MLServer and against uvicorn with ONNX Runtime, with the same model, on loopback.

Usage: serve.py [--orrery PATH] [--python PATH] [--pairs N] [--seconds S] [--model FILE.onnx]

A network of 26 inputs is trained for an epoch and exported (or FILE is taken, whose input must be `x`, float, [rows, N]). Every
server answers the same body of one row as JSON; wrk (Debian's) asks by 32 connections, then by one. Servers take turns in each of N
rounds, one at a time, so that a busy moment meets all of them. Told are medians over the rounds and the node's ratio to each peer.
PATH of --python has mlserver, onnxruntime, starlette, uvicorn, uvloop, httptools and orjson; a peer it lacks is told as SKIPPED. With one connection the node's median is compared with the bare call of rten, which `runtimes_side_by_side` measures
(engine/learn/src/onnx/tests.rs), and of ONNX Runtime, measured here, and with what the node takes to say that it lives, asked by the same
connection: HTTP, loopback and the changes of processes, without a model. Ends with a line of JSON.
"""

import argparse
import csv
import json
import os
import pathlib
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

FEATURES = 26

APP = '''
import os
import numpy, onnxruntime, orjson
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = 1
model = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], settings, providers=["CPUExecutionProvider"])
name = model.get_outputs()[0].name

async def infer(request):
    tensor = orjson.loads(await request.body())["inputs"][0]
    x = numpy.asarray(tensor["data"], numpy.float32).reshape(tensor["shape"])
    y = model.run(None, {"x": x})[0]
    output = {"name": name, "shape": list(y.shape), "datatype": "FP32", "data": y.ravel().tolist()}
    return Response(orjson.dumps({"model_name": "bench", "outputs": [output]}), media_type="application/json")

app = Starlette(routes=[Route("/v2/models/bench/infer", infer, methods=["POST"])])
'''

RUNTIME = '''
import os
import numpy, onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

class OrtModel(MLModel):
    async def load(self):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        self.runtime = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], settings, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0]).astype(numpy.float32)
        y = self.runtime.run(None, {"x": x})[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("y", y)])
'''

BARE = '''
import os, sys, time
import numpy, onnxruntime
settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = 1
model = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], settings, providers=["CPUExecutionProvider"])
x = numpy.zeros((1, int(sys.argv[1])), numpy.float32)
times = []
for _ in range(3000):
    began = time.perf_counter()
    model.run(None, {"x": x})
    times.append(time.perf_counter() - began)
print(sorted(times)[len(times) // 2] * 1e6)
'''


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orrery", default="orrery")
    parser.add_argument("--python", default=sys.executable, help="has MLServer and ONNX Runtime")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--model", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options, pathlib.Path(folder))


def measure(options, folder):
    model = options.model or trained(options, folder)
    os.environ["BENCH_MODEL"] = str(model.resolve())
    place = folder / "models" / "bench" / "1"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(model.read_bytes())
    servers = {"node": node}
    for name, start, needs in [("uvicorn", uvicorn, ["uvicorn", "starlette", "orjson", "onnxruntime"]), ("mlserver", mlserver, ["mlserver", "onnxruntime"])]:
        missing = [module for module in needs if not has(options.python, module)]
        if missing:
            print(f"SKIPPED {name}: {options.python} has no {', '.join(missing)}", flush=True)
        else:
            servers[name] = start
    width = FEATURES
    rounds = {name: [] for name in servers}
    for number in range(options.pairs):
        for name, start in servers.items():
            port = free_port()
            process = start(options, folder, port)
            try:
                width = width_of(port) if name == "node" else width
                body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, width], "data": [0.1] * width}]})
                url = f"http://127.0.0.1:{port}/v2/models/bench/infer"
                wait(url, body, process)
                figures = {}
                for connections in (32, 1):
                    wrk(folder, url, body, connections, 1)
                    figures[connections] = wrk(folder, url, body, connections, options.seconds)
                if name == "node":
                    figures["live"] = wrk(folder, f"http://127.0.0.1:{port}/v2/health/live", None, 1, options.seconds)
                rounds[name].append(figures)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)
            print(f"round {number + 1} {name}: {figures}", file=sys.stderr, flush=True)
    print(json.dumps(summary(rounds, bare(options, width))))


def summary(rounds, bare_micros):
    median = lambda name, connections, what: statistics.median(one[connections][what] for one in rounds[name])
    figures = {}
    for name in rounds:
        for connections in (32, 1):
            for what in ("requests_per_sec", "p50_micros", "p99_micros", "errors"):
                figures[f"{name}_c{connections}_{what}"] = median(name, connections, what)
    for name in rounds:
        if name == "node":
            continue
        for what in ("requests_per_sec", "p99_micros"):
            ratios = [mine[32][what] / other[32][what] for mine, other in zip(rounds["node"], rounds[name])]
            figures[f"node_to_{name}_c32_{what}"] = [round(f(ratios), 3) for f in (statistics.median, min, max)]
    live = [one["live"]["p50_micros"] for one in rounds["node"]]
    above = [one[1]["p50_micros"] - one["live"]["p50_micros"] for one in rounds["node"]]
    figures["node_c1_p50_live_micros"] = [statistics.median(live), min(live), max(live)]
    figures["node_c1_p50_above_live_micros"] = [statistics.median(above), min(above), max(above)]
    if bare_micros is not None:
        figures["bare_onnx_runtime_micros"] = bare_micros
        figures["node_c1_p50_above_bare_onnx_runtime_micros"] = figures["node_c1_p50_micros"] - bare_micros
    return figures


def trained(options, folder):
    """An MLP of 26 numbers, exported by the program itself."""
    random.seed(1)
    table = folder / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"x{i}" for i in range(FEATURES)] + ["y"])
        for _ in range(2000):
            row = [random.gauss(0, 1) for _ in range(FEATURES)]
            writer.writerow([f"{value:.6f}" for value in [*row, row[0] * row[1] + row[2]]])
    command = [options.orrery, "--home", folder / "home", "train", "--data", table, "--target", "y", "--model", "mlp", "--epochs", "1", "--name", "bench"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "home" / "models" / "bench" / "1" / "model.onnx"


def node(options, folder, port):
    command = [options.orrery, "--home", folder / "home", "node", "--listen", f"127.0.0.1:{port}", "--models", folder / "models"]
    process = spawn(command, folder)
    wait_for_port(port, process)
    return process


def uvicorn(options, folder, port):
    (folder / "bench_app.py").write_text(APP)
    return spawn([options.python, "-m", "uvicorn", "--log-level", "error", "--no-access-log", "--port", str(port), "bench_app:app"], folder)


def mlserver(options, folder, port):
    place = folder / "mlserver"
    place.mkdir(exist_ok=True)
    (place / "bench_runtime.py").write_text(RUNTIME)
    others = {"grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "http_port": port, **others, "parallel_workers": 0, "debug": False}
    (place / "settings.json").write_text(json.dumps(settings))
    (place / "model-settings.json").write_text(json.dumps({"name": "bench", "implementation": "bench_runtime.OrtModel"}))
    return spawn([str(pathlib.Path(options.python).parent / "mlserver"), "start", "."], place)


def spawn(command, folder):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.Popen([str(word) for word in command], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def has(python, module):
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port, process):
    for _ in range(600):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5).read()
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the node ended before it was ready")
            time.sleep(0.05)
    raise SystemExit("the node did not become ready")


def width_of(port):
    metadata = json.loads(urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/bench", timeout=5).read())
    return metadata["inputs"][0]["shape"][1]


def wait(url, body, process):
    """Until the server answers with outputs: one that is up may still load its model."""
    problem = None
    for _ in range(600):
        try:
            request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
            if json.loads(urllib.request.urlopen(request, timeout=5).read())["outputs"]:
                return
        except (OSError, ValueError, KeyError) as error:
            problem = error
        if process.poll() is not None:
            raise SystemExit(f"{url}: the server ended before it answered")
        time.sleep(0.1)
    raise SystemExit(f"{url} gave no answer within 60 s: {problem}")


def wrk(folder, url, body, connections, seconds):
    script = folder / "wrk.lua"
    post = f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [[{body}]]\n' if body else ""
    script.write_text(
        post + "function done(summary, latency)\n"
        '  io.write(string.format("FIGURES %f %f %f %d\\n", summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),\n'
        "    summary.errors.status + summary.errors.read + summary.errors.timeout + summary.errors.connect + summary.errors.write))\nend\n"
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"FIGURES (\S+) (\S+) (\S+) (\d+)", told)
    rate, p50, p99, errors = (float(word) for word in found.groups())
    return {"requests_per_sec": round(rate, 1), "p50_micros": p50, "p99_micros": p99, "errors": errors}


def bare(options, width):
    """Median microseconds of ONNX Runtime's own call on one row."""
    if not has(options.python, "onnxruntime"):
        return None
    told = subprocess.run([options.python, "-c", BARE, str(width)], check=True, capture_output=True, text=True).stdout
    return round(float(told), 1)


if __name__ == "__main__":
    main()
