#!/usr/bin/env python3
"""Captures what NVIDIA's own client sends, and checks what it reads of our answers (needs tritonclient[http]).

    python engine/oip/tests/goldens/make.py           write requests/ anew: the exact bodies that tritonclient sends
    python engine/oip/tests/goldens/make.py --check   make requests/ again and compare; read responses/ with tritonclient
                                                      and compare with the arrays they were made of

A body is NAME.body; NAME.header holds its Inference-Header-Content-Length where it has one. Nothing here is random.
"""

import pathlib
import sys
import tempfile

import ml_dtypes
import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult

HERE = pathlib.Path(__file__).parent

BYTES = np.array([b"", b"plain", "Köln".encode(), b"\x00\xff\x80"], dtype=object)
TEXTS = np.array(["", 'say "hi"\n', "Köln ☃", "\U0001f980"], dtype=object)
ARRAYS = {
    "BOOL": np.array([[True, False], [False, True]]),
    "UINT8": np.array([[0, 255], [1, 2]], dtype=np.uint8),
    "UINT16": np.array([[0, 65535], [1, 2]], dtype=np.uint16),
    "UINT32": np.array([[0, 4294967295], [1, 2]], dtype=np.uint32),
    "UINT64": np.array([[0, 18446744073709551615], [1, 2]], dtype=np.uint64),
    "INT8": np.array([[-128, 127], [-1, 0]], dtype=np.int8),
    "INT16": np.array([[-32768, 32767], [-1, 0]], dtype=np.int16),
    "INT32": np.array([[-2147483648, 2147483647], [-1, 0]], dtype=np.int32),
    "INT64": np.array([[-9223372036854775808, 9223372036854775807], [-1, 0]], dtype=np.int64),
    "FP16": np.array([[0.1, -65504.0], [5.960464477539063e-08, 1.0]], dtype=np.float16),
    "BF16": np.array([[0.1, -3.0], [1e-40, 3.3895313892515355e38]], dtype=ml_dtypes.bfloat16),
    "FP32": np.array([[0.1, -3.4028234663852886e38], [1e-45, 16777216.0]], dtype=np.float32),
    "FP64": np.array([[0.1, -1.7976931348623157e308], [5e-324, 9007199254740993.0]], dtype=np.float64),
}


def tensor(name, array, datatype, binary):
    one = InferInput(name, list(array.shape), datatype)
    return one.set_data_from_numpy(array, binary_data=binary)


# Where requests go: the goldens, or for a check another folder.
REQUESTS = HERE / "requests"


def put(name, body, header):
    folder = REQUESTS
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.body").write_bytes(body if isinstance(body, bytes) else body.encode())
    if header is not None:
        (folder / f"{name}.header").write_text(str(header))


def infer(name, inputs, **options):
    put(name, *InferenceServerClient.generate_request_body(inputs, **options))


def requests():
    for datatype, array in ARRAYS.items():
        infer(f"{datatype.lower()}_binary", [tensor("x", array, datatype, True)])
        if datatype != "BF16":
            infer(f"{datatype.lower()}_json", [tensor("x", array, datatype, False)])
    infer("bytes_binary", [tensor("x", BYTES, "BYTES", True)])
    infer("bytes_json", [tensor("x", TEXTS, "BYTES", False)])
    infer("empty_binary", [tensor("x", np.empty((0, 3), np.float32), "FP32", True),
                           tensor("s", np.empty((0,), object), "BYTES", True)])
    infer("empty_json", [tensor("x", np.empty((0, 3), np.float32), "FP32", False)])
    infer("special_binary", [tensor("x", np.array([np.nan, np.inf, -np.inf], np.float32), "FP32", True)])
    infer("special_json", [tensor("x", np.array([np.nan, np.inf, -np.inf], np.float32), "FP32", False)])
    infer("scalar_json", [tensor("x", np.array(7, np.int32), "INT32", False)])
    infer("mixed", [tensor("a", ARRAYS["FP32"], "FP32", True), tensor("b", TEXTS, "BYTES", False),
                    tensor("c", BYTES, "BYTES", True), tensor("d", ARRAYS["INT64"], "INT64", False)])
    infer("outputs", [tensor("x", ARRAYS["FP32"], "FP32", True)], request_id="run-7",
          outputs=[InferRequestedOutput("p", binary_data=True), InferRequestedOutput("q", binary_data=False),
                   InferRequestedOutput("r", binary_data=True, class_count=3)])
    infer("parameters", [tensor("x", ARRAYS["FP32"], "FP32", False)], request_id="é", sequence_id=18446744073709551615,
          sequence_start=True, priority=2, timeout=5000, parameters={"flag": False, "name": "n", "level": -3})
    shared = InferInput("x", [2, 2], "FP32")
    shared.set_shared_memory("region", 16)
    infer("shared_memory", [shared])
    control()


def control():
    """Bodies of repository control, taken from the client's own calls."""
    client = InferenceServerClient("127.0.0.1:1")
    sent = []

    class Answer:
        status_code = 200

        def read(self):
            return b"[]"

    def post(request_uri, request_body, headers, query_params):
        sent.append((request_uri, request_body))
        return Answer()

    client._post = post
    calls = {
        "index": client.get_model_repository_index,
        "load": lambda: client.load_model("m"),
        "load_config": lambda: client.load_model("m", config='{"backend":"onnxruntime"}'),
        "load_files": lambda: client.load_model("m", config="{}", files={"file:1/model.onnx": b"\x00\xffonnx"}),
        "unload": lambda: client.unload_model("m"),
        "unload_dependents": lambda: client.unload_model("m", unload_dependents=True),
    }
    for name, call in calls.items():
        call()
        put(f"control_{name}", sent[-1][1], None)


def wanted():
    """Arrays that each of our responses must give back."""
    for form in ["binary", "json"]:
        for datatype, array in ARRAYS.items():
            yield f"{datatype.lower()}_{form}", {"y": array}
    yield "bytes_binary", {"y": BYTES}
    yield "bytes_json", {"y": TEXTS}
    yield "empty_binary", {"y": np.empty((0, 3), np.float32), "s": np.empty((0,), object)}
    yield "mixed", {"a": ARRAYS["FP32"], "b": TEXTS, "c": BYTES, "d": ARRAYS["INT64"]}
    special = np.array([np.nan, np.inf, -np.inf], np.float32)
    yield "special_binary", {"y": special}
    yield "special_literals", {"y": special}
    yield "special_null", {"y": np.full(3, np.nan, np.float32)}


def same(ours, array):
    if array.dtype == object:
        texts = [one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else one for one in ours.ravel()]
        asked = [one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else one for one in array.ravel()]
        return ours.shape == array.shape and texts == asked
    if ours.dtype != array.dtype or ours.shape != array.shape:
        return False
    if np.isnan(array.astype(np.float64)).any():
        return np.array_equal(ours, array, equal_nan=True)
    return ours.tobytes() == array.tobytes()


def check_requests():
    """Whether the client still sends the bytes that the goldens hold."""
    global REQUESTS
    with tempfile.TemporaryDirectory() as folder:
        REQUESTS = pathlib.Path(folder)
        requests()
        sent = {path.name: path.read_bytes() for path in REQUESTS.iterdir()}
    held = {path.name: path.read_bytes() for path in (HERE / "requests").iterdir()}
    changed = [name for name in sorted(sent.keys() | held.keys()) if sent.get(name) != held.get(name)]
    for name in changed:
        print(f"FAILED {name}: the client sends {sent.get(name)!r}")
    return len(held) - len(changed), len(changed)


def check_responses():
    """Whether the client reads the arrays that our responses were made of."""
    passed = failed = 0
    for name, arrays in wanted():
        body = (HERE / "responses" / f"{name}.body").read_bytes()
        header = HERE / "responses" / f"{name}.header"
        length = int(header.read_text()) if header.exists() else None
        result = InferResult.from_response_body(body, header_length=length)
        answer = result.get_response()
        good = answer["model_name"] == "m" and answer["model_version"] == "1" and answer["id"] == "run-7"
        for output, array in arrays.items():
            ours = result.as_numpy(output)
            good = good and ours is not None and same(ours, array)
        passed, failed = passed + good, failed + (not good)
        if not good:
            print(f"FAILED {name}: {answer}")
    return passed, failed


def check():
    """Both checks: passed and failed."""
    both = check_requests(), check_responses()
    return sum(one[0] for one in both), sum(one[1] for one in both)


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        passed, failed = check()
        print(f"tritonclient: {passed} passed, {failed} failed")
        sys.exit(1 if failed else 0)
    requests()
