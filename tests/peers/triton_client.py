"""NVIDIA's tritonclient against the codec: the bytes it sends are those that engine/oip reads in its tests, and it reads ours."""

import importlib.util
import pathlib

MAKE = pathlib.Path(__file__).resolve().parents[2] / "engine/oip/tests/goldens/make.py"


def run():
    """Passed and failed."""
    spec = importlib.util.spec_from_file_location("oip_goldens", MAKE)
    goldens = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(goldens)
    return goldens.check()
