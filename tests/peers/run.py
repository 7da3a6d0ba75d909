"""Peers: Orrery's answers held against programs nobody here wrote.

    python tests/peers/run.py [--orrery PATH] all | metrics | onnx | pandas | linear …

metrics   scikit-learn's metrics, golden and live; what predict promises, as pandas sees it
onnx      ONNX Runtime on model.onnx of models trained here
pandas    the profile of a file against pandas
linear    linear and logistic regression against scikit-learn
explain   captum's and shap's values, recomputed from their definitions
search    Optuna's Parzen estimators, recomputed from their definition
compare   the tests of whether models differ: paired bootstrap, McNemar, DeLong, 5x2cv, corrections, calibration
oip       NVIDIA's tritonclient: it still sends what the codec's tests read, and reads what the codec writes
fleet     Seldon's MLServer, KServe's Python server and NVIDIA's tritonserver as endpoints of the fleet (of mlserver.txt, kserve.txt
          and triton.txt, each in an environment of its own)
node      NVIDIA's tritonclient against `orrery node`; ONNX files it serves against ONNX Runtime; promtool on its /metrics and a gateway's

Each ends with a line "NAME: N passed, N failed". The exit code is 1 when anything failed or could not run.
"""

import argparse
import importlib
import pathlib
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

CHECKS = ["metrics", "onnx", "pandas", "linear", "compare", "explain", "search", "oip", "node", "fleet"]


def metrics(orrery, folder):
    import live_metrics
    import sklearn_metrics

    golden, live = sklearn_metrics.check(), live_metrics.run(orrery, folder)
    return golden[0] + live[0], golden[1] + live[1]


def onnx(orrery, folder):
    return importlib.import_module("onnx_runtime").run(orrery, folder)


def pandas(orrery, folder):
    return importlib.import_module("pandas_profile").run(orrery, folder)


def linear(orrery, folder):
    import sklearn_linear

    golden, live = sklearn_linear.check(), importlib.import_module("linear_models").run(orrery, folder)
    return golden[0] + live[0], golden[1] + live[1]


def compare(_orrery, _folder):
    import paired_tests

    return paired_tests.check()


def explain(_orrery, _folder):
    import explanations

    return explanations.check()


def search(_orrery, _folder):
    import search_tpe

    return search_tpe.check()


def oip(_orrery, _folder):
    return importlib.import_module("triton_client").run()


def node(orrery, folder):
    ours, files = importlib.import_module("node_triton"), importlib.import_module("node_onnx")
    ours, files = ours.run(orrery, folder), files.run(orrery, folder)
    return ours[0] + files[0], ours[1] + files[1]


def fleet(orrery, folder):
    passed = failed = 0
    for name in ("mlserver", "kserve", "triton"):
        begin = time.monotonic()
        (folder / name).mkdir()
        own = type(orrery)(orrery.binary, folder / name / "home")
        done = importlib.import_module(f"fleet_{name}").run(own, folder / name)
        print(f"  {name}: {done[0]} of {sum(done)} in {time.monotonic() - begin:.0f} s", flush=True)
        passed, failed = passed + done[0], failed + done[1]
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orrery", help="the program [default: $ORRERY_BIN, else the debug build]")
    parser.add_argument("checks", nargs="+", choices=[*CHECKS, "all"])
    arguments = parser.parse_args()
    import program

    binary = program.find_binary(arguments.orrery)
    broken = 0
    for name in CHECKS if "all" in arguments.checks else arguments.checks:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"orrery-peers-{name}-") as folder:
            folder = pathlib.Path(folder)
            orrery = program.Orrery(binary, folder / "home")
            try:
                passed, failed = globals()[name](orrery, folder)
            except Exception:  # a check that could not run has failed
                traceback.print_exc()
                passed, failed = 0, 1
        print(f"{name}: {passed} passed, {failed} failed ({time.monotonic() - begin:.0f} s)", flush=True)
        broken += failed
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
