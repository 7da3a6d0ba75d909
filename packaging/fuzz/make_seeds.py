#!/usr/bin/env python3
"""Makes the seeds of the table targets with other people's writers (needs pandas and pyarrow), and those of `oip` from what
NVIDIA's client was seen to send. Nothing here is random."""

import datetime
import gzip
import io
import pathlib

import pandas
import pyarrow
import pyarrow.parquet

SEEDS = pathlib.Path(__file__).parent / "seeds"
DAY = datetime.datetime(2013, 1, 1, 17, 5)
FRAME = pandas.DataFrame({
    "id": range(12),
    "town": ["Ulm", "Köln", None, "say \"hi\", twice"] * 3,
    "x": [0.5, -1e300, None, 3.0] * 3,
    "on": [True, False, True, True] * 3,
    "at": [DAY + datetime.timedelta(hours=7 * i) for i in range(12)],
})


def put(target, name, content):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def ipc(make, table, **options):
    out = io.BytesIO()
    with make(out, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return out.getvalue()


def parquet(table, **options):
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, **options)
    return out.getvalue()


def oip():
    """A header length (all ones for none), then a body: requests of NVIDIA's client, and our answers to it."""
    goldens = pathlib.Path(__file__).parents[2] / "engine/oip/tests/goldens"
    names = ["requests/mixed", "requests/outputs", "requests/parameters", "requests/bytes_binary", "requests/bytes_json",
             "requests/special_json", "requests/fp16_json", "requests/bf16_binary", "requests/uint64_json", "requests/bool_binary",
             "requests/empty_binary", "requests/scalar_json", "requests/shared_memory", "requests/control_load_files",
             "requests/control_unload", "responses/mixed", "responses/fp64_json", "responses/bytes_binary"]
    for name in names:
        header = goldens / f"{name}.header"
        length = int(header.read_text()) if header.exists() else 0xFFFFFFFF
        body = (goldens / f"{name}.body").read_bytes()
        put("oip", name.replace("/", "_"), length.to_bytes(4, "little") + body)
    texts = {
        "nested": '{"inputs":[{"data":[[[1,2.5],[-3e-7,4]]],"shape":[1,2,2],"datatype":"FP32","name":"x"}]}',
        "base64": '{"model_name":"m","outputs":[{"name":"b","shape":[2],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["AP8=",""]}]}',
        "index": '[{"name":"iris","version":"v1","state":"READY","reason":""},{"name":"n"}]',
        "metadata": '{"name":"m","versions":["1"],"platform":"onnx","inputs":[{"name":"x","datatype":"FP64","shape":[-1,4]}],"outputs":null}',
        "stats": '{"model_stats":[{"name":"m","inference_stats":{"success":{"count":1,"ns":2}},"batch_stats":[{"batch_size":1}],"memory_usage":[{"type":"CPU","byte_size":1}]}]}',
    }
    for name, text in texts.items():
        put("oip", name, b"\xff\xff\xff\xff" + text.encode())


def main():
    oip()
    text = FRAME.to_csv(index=False)
    put("csv", "plain.csv", text)
    put("csv", "semicolons.csv", FRAME.to_csv(index=False, sep=";", decimal=","))
    put("csv", "quoted.csv", FRAME.to_csv(index=False, quoting=1, lineterminator="\r\n"))
    put("csv", "latin1.csv", FRAME.to_csv(index=False).encode("latin-1"))
    put("csv", "utf16.csv", FRAME.to_csv(index=False).encode("utf-16"))
    put("csv", "dates.csv", "d,e,f\n01/02/2013,2013-02-30,12:30\n13/01/2013,2013-W05-2,24:00\n")
    put("csv", "numbers.csv", "a,b,c,d\n1e400,007,\"1,234.5\",inf\n-0,0x1F,99999999999999999999,nan\n5e-324,+1,1_0,-\n")
    put("csv", "lines.jsonl", FRAME.to_json(orient="records", lines=True))
    put("csv", "nested.jsonl", '{"a":1,"b":[1,{"c":null}]}\n{"a":"x","b":{"c":[[]]},"":1e9}\n{"a":true}\n')
    table = pyarrow.Table.from_pandas(FRAME, preserve_index=False).replace_schema_metadata(None)
    words = table.column("town").combine_chunks().dictionary_encode()
    table = table.append_column("word", words)
    put("columnar", "file.arrow", ipc(pyarrow.ipc.new_file, table))
    put("columnar", "stream.arrow", ipc(pyarrow.ipc.new_stream, table))
    put("columnar", "zstd.arrow", ipc(pyarrow.ipc.new_stream, table.select(["id", "x"]), compression="zstd"))
    nested = pyarrow.table({"list": [[1, 2], [], None], "struct": [{"x": 1}, None, {"x": 3}]})
    put("columnar", "nested.arrow", ipc(pyarrow.ipc.new_stream, nested))
    put("columnar", "snappy.parquet", parquet(table))
    put("columnar", "plain.parquet", parquet(table, compression="none", use_dictionary=False))
    put("columnar", "pages2.parquet", parquet(table, compression="zstd", data_page_version="2.0", row_group_size=5))
    put("columnar", "nested.parquet", parquet(nested))
    put("columnar", "table.csv.gz", gzip.compress(text.encode(), mtime=0))
    put("columnar", "members.csv.gz", b"".join(gzip.compress(text[at:at + 90].encode(), mtime=0) for at in range(0, len(text), 90)))


if __name__ == "__main__":
    main()
