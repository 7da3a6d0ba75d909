#!/usr/bin/env python3
"""Makes the broken and hostile files of the corpus with other people's writers: pandas, pyarrow, gzip, csv, json.

Usage: make.py [FOLDER]     (needs pandas and pyarrow; the files are kept in the repository, so tests do not run this)

Every file has one cause, which its name says. cases.rs says how each must end. Nothing here is random.
"""

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import pathlib
import pickle
import sqlite3
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib

import numpy
import pandas
import pyarrow
import pyarrow.feather
import pyarrow.parquet as parquet

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "files")
FRAME = pandas.DataFrame({"id": range(60), "town": ["Ulm", "Köln", "Zürich"] * 20, "x": [i * 0.5 for i in range(60)]})


def put(name, content):
    (FOLDER / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def rows(name, table, **dialect):
    """With the standard library's csv writer."""
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(table)
    put(name, out.getvalue())


def lines(name, values):
    """With the standard library's json writer."""
    put(name, "".join(json.dumps(value) + "\n" for value in values))


# ---------------------------------------------------------------- separated text


def shapes():
    body = [[i, f"t{i}", i / 2] for i in range(30)]
    rows("ragged_short.csv", [["a", "b", "c"], *body, [1, 2], [3]])
    rows("ragged_long.csv", [["a", "b", "c"], *body, [1, 2, 3, 4], [5] * 40])
    rows("ragged_every_row.csv", [["a", "b"], *body])
    rows("only_delimiters.csv", [[""] * 4] * 5)
    rows("one_row.csv", [["a", "y"], [1, "x"]])
    rows("two_rows.csv", [["a", "y"], [1, "x"], [2, "z"]])
    rows("one_column.csv", [["a"], *[[i] for i in range(20)]])
    rows("header_only.csv", [["a", "b"]])
    rows("numbers_as_header.csv", body)
    put("empty.csv", b"")
    put("one_byte.csv", b"a")
    put("one_newline.csv", b"\n")
    put("blank_lines.csv", "\n \n\r\n\n")
    put("spaces_only.csv", b" " * 5000)
    rows("one_class.csv", [["a", "y"], *[[i, "same"] for i in range(60)]])
    rows("class_a_row.csv", [["a", "y"], *[[i, f"class {i}"] for i in range(30)]])
    rows("target_missing.csv", [["a", "y"], *[[i, ""] for i in range(60)]])
    rows("features_missing.csv", [["a", "b", "y"], *[["", "NA", "pq"[i % 2]] for i in range(60)]])
    rows("constant_target.csv", [["a", "y"], *[[i, 1.5] for i in range(60)]])
    rows("infinite_target.csv", [["a", "y"], *[[i, "inf" if i % 3 else i + 0.5] for i in range(60)]])
    rows("wide_short.csv", [[f"c{i}" for i in range(2000)], *[[i % 7] * 2000 for i in range(2)]])
    rows("repeated_header.csv", [["a", "b"], *[["a", "b"] if i % 5 == 0 else [i, i] for i in range(1, 40)]])


def dialects():
    table = [["a", "b", "c"], *[[i, f"{i},5", f"w {i}"] for i in range(30)]]
    rows("semicolons.csv", table, delimiter=";")
    rows("pipes.csv", table, delimiter="|")
    rows("single_quotes.csv", table, quotechar="'")
    rows("backslash_escapes.csv", [["a", "b"], *[[i, 'say "hi"'] for i in range(9)]], doublequote=False, escapechar="\\")
    rows("cr_only.csv", table, lineterminator="\r")
    rows("cr_cr_lf.csv", table, lineterminator="\r\r\n")
    rows("record_separators.csv", table, delimiter="\x1f", lineterminator="\x1e")
    put("mixed_ends.csv", "a,b\n1,2\r\n3,4\r5,6\n7,8\r\n")
    put("no_last_newline.csv", "a,b\n1,2\n3,4")
    put("two_character_delimiter.csv", "a||b||c\n" + "1||2||3\n" * 9)
    put("fixed_width.txt", "name      value\n" + "".join(f"row {i:<6}{i:5}\n" for i in range(9)))
    put("excel_sep_line.csv", "sep=;\na;b\n1;2\n3;4\n")
    put("comment_lines.csv", "# made by hand\n# twice\na,b\n1,2\n3,4\n")
    put("delimiter_tie.csv", "a,b;c\n1,2;3\n4,5;6\n")
    put("unicode_line_ends.csv", "a,b\n1,x\u2028y\n2,x\u0085y\n3,x\x0by\n4,x\x0cy\n")
    put("open_quote_last_row.csv", 'a,b\n1,2\n3,4\n5,"6\n')
    put("open_quote_header.csv", '"a,b\n1,2\n3,4\n')
    put("quote_every_row.csv", "a,b\n" + '1,"2\n' * 501)
    put("quotes_inside_words.csv", 'a,b\nit"s,5" disk\n"x"y,"z" \n')
    put("quotes_only.csv", '"' * 5001)
    put("quoted_line_ends.csv", 'a,b\n"one\ntwo\r\nthree",1\n"\n\n\n",2\n')


def encodings():
    for name, encoding in [("latin1", "latin-1"), ("cp1251", "cp1251"), ("shift_jis", "shift_jis"), ("gb18030", "gb18030")]:
        text = {"latin1": "Zürich", "cp1251": "Москва", "shift_jis": "東京ソ", "gb18030": "北京"}[name]
        FRAME.assign(town=text).to_csv(FOLDER / f"{name}.csv", index=False, encoding=encoding)
    FRAME.to_csv(FOLDER / "utf16_le.csv", index=False, encoding="utf-16")
    FRAME.to_csv(FOLDER / "utf32.csv", index=False, encoding="utf-32")
    FRAME.to_csv(FOLDER / "utf8_bom.csv", index=False, encoding="utf-8-sig")
    FRAME.assign(town="Ulm").to_csv(FOLDER / "ebcdic.csv", index=False, encoding="cp037")
    text = FRAME.to_csv(index=False)
    put("utf16_be.csv", codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    put("utf16_without_mark.csv", text.encode("utf-16-le"))
    put("utf16_odd_byte.csv", codecs.BOM_UTF16_LE + text.encode("utf-16-le") + b"x")
    put("utf16_lone_surrogate.csv", codecs.BOM_UTF16_LE + "a,b\n1,\ud800\n2,x\n".encode("utf-16-le", "surrogatepass"))
    put("utf8_overlong.csv", b"a,b\n1,\xc0\xaf\xc0\x80\n2,\xf8\x88\x80\x80\x80\n")
    put("utf8_cut_off.csv", "a,b\n1,é\n2,日".encode()[:-1])
    put("utf8_and_latin1.csv", "a,b\n".encode() + "1,é\n".encode() * 50 + "2,é\n".encode("latin-1"))
    put("bom_only.csv", codecs.BOM_UTF8)
    put("bom_utf16_only.csv", codecs.BOM_UTF16_LE)
    put("bom_twice.csv", codecs.BOM_UTF8 * 2 + b"a,b\n1,2\n")
    put("nul_cell.csv", b"a,b\n1,x\n2,y\0z\n3,w\n")
    put("nul_header.csv", b"a\0a,b\n1,2\n")
    put("nul_only.csv", bytes(5000))
    put("nul_padding.csv", text.encode() + bytes(3000))
    put("control_bytes.csv", b"a,b\n" + b"\x01\x02\x03\x04\x05\x06\x07,\x0e\x0f\x10\n" * 40)


def names():
    body = [[i] * 6 for i in range(20)]
    doubled = pandas.DataFrame(numpy.arange(60).reshape(20, 3), columns=["a", "a", "a"])
    doubled.to_csv(FOLDER / "names_twice.csv", index=False)
    FRAME.to_csv(FOLDER / "names_index.csv")
    rows("names_none.csv", [[""] * 6, *body])
    rows("names_suffixes.csv", [["a", "a", "a.1", "a.1", "a.1.1", "a"], *body])
    rows("names_blank.csv", [[" ", "\t", "a ", " a", "A", "a"], *body])
    rows("names_control.csv", [["\x07", "a\x1b[31mred", "two\nlines", "tab\tbed", "\x7f", "cr\r"], *body])
    rows("names_bidi.csv", [["\u202ea", "a\u200b", "a", "\ufeffa", "é", "e\u0301"], *body])
    rows("names_paths.csv", [["../../etc/passwd", "C:\\x", "nul", "a/b", "$HOME", "%s%n"], *body])
    rows("names_formulas.csv", [["=1+1", "+a", "-a", "@a", "\ta", "'a"], *body])
    rows("names_long.csv", [["n" * 9_000, "n" * 9_000, "b", "c", "d", "e"], *body])
    rows("names_of_outputs.csv", [["prediction", "probability_p", "prediction_2", "split", "index", "y"], *body])


def values():
    column = lambda name, values: rows(name, [["v", "y"], *[[v, i % 2] for i, v in enumerate(values)]])
    column("numbers_1e400.csv", ["1e400", "-1e400", "1e-400", "2e308", "1.5"] * 6)
    column("numbers_hex.csv", ["0x1p-3", "0xFF", "0b11", "0o17", "1"] * 6)
    column("numbers_thousands.csv", ["1,234", "1,234,567", "12"] * 6)
    column("numbers_money.csv", ["$1.50", "€2", "3%", "(4)"] * 6)
    column("numbers_huge.csv", [str(10**40 + i) for i in range(20)])
    column("numbers_64_bits.csv", [2**63 - 1, -(2**63), 2**63, 2**64] * 6)
    column("numbers_many_digits.csv", ["0." + "123456789" * 200, "9" * 400, "-" + "0" * 300 + "1"] * 6)
    column("numbers_odd_signs.csv", ["--1", "+-2", "−3", "٤", "５", "1_000", "1 000"] * 6)
    column("numbers_infinite.csv", ["inf", "-Infinity", "Infinity", "1.5"] * 6)
    column("numbers_not.csv", ["nan", "NaN", "-nan", "#N/A", ""] * 6)
    column("numbers_denormal.csv", ["5e-324", "1e-320", "2.2250738585072014e-308", "-0.0"] * 6)
    column("numbers_decimal_comma.csv", ["1,5", "2,25", "1.234,5"] * 6)
    column("codes.csv", ["007", "0012", "00"] * 6)
    column("booleans_mixed.csv", ["true", "FALSE", "yes", "0", "T"] * 6)
    column("dates_impossible.csv", ["0000-00-00", "2023-02-30", "2023-13-01", "9999-99-99"] * 6)
    column("dates_far.csv", ["0001-01-01", "9999-12-31", "294276-01-01", "-4713-11-24", "1677-09-21"] * 6)
    column("dates_ambiguous.csv", ["01/02/2023", "03/04/2023", "13/01/2023", "01/13/2023"] * 6)
    column("dates_leap_second.csv", ["2016-12-31T23:59:60Z", "2016-12-31T24:00:00Z", "2016-12-31T23:59:59+99:99"] * 6)
    far = pandas.DataFrame({"t": pandas.to_datetime(["1677-09-22", "2262-04-11"] * 10), "y": [1, 2] * 10})
    far.to_csv(FOLDER / "dates_nanosecond_ends.csv", index=False)
    pandas.DataFrame({"x": [numpy.inf, -numpy.inf, numpy.nan, 1e308] * 9, "y": range(36)}).to_csv(FOLDER / "floats_pandas.csv")
    cells = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\")", "-1.5", "ok"]
    rows("formulas.csv", [["town", "y"], *[[cells[i % 10], "pq"[i % 2]] for i in range(80)]])


# ---------------------------------------------------------------- JSON lines


def json_lines():
    lines("mixed_types.jsonl", [{"a": v, "b": 1} for v in [1, "x", True, None, 2.5, [1], {"c": 2}] * 5])
    lines("other_keys_each_row.jsonl", [{f"k{i}": i} for i in range(300)])
    lines("scalars.jsonl", [1, "two", None, True])
    lines("lists.jsonl", [[1, 2], [3, 4]])
    lines("object_then_lists.jsonl", [{"a": 1}, [1, 2], [3, 4], {"a": 2}])
    lines("no_fields.jsonl", [{}, {}, {}])
    lines("not_numbers.jsonl", [{"a": float("nan"), "b": 1}, {"a": float("inf"), "b": 2}, {"a": 1.5, "b": 3}])
    lines("big_numbers.jsonl", [{"a": 10**40, "b": 2**64}, {"a": 1, "b": -(2**63)}] * 5)
    lines("lone_surrogate.jsonl", [{"a": "\ud800", "b": 1}, {"a": "ok", "b": 2}])
    lines("nul_in_text.jsonl", [{"a": "x\0y", "a\0b": 1}, {"a": "z", "a\0b": 2}])
    lines("empty_name.jsonl", [{"": 1, " ": 2, "a": 3}, {"": 4, " ": 5, "a": 6}])
    pandas.DataFrame({"a": [1, 2]}).to_json(FOLDER / "array.json", orient="records")
    FRAME.to_json(FOLDER / "columns.json")
    FRAME.to_json(FOLDER / "dates_and_text.jsonl", orient="records", lines=True)
    put("pretty.json", json.dumps({"a": 1, "b": [1, 2]}, indent=2))
    put("deep.jsonl", '{"a":' + "[" * 5_000 + "]" * 5_000 + '}\n{"a":1}\n')
    put("deep_objects.jsonl", '{"a":' * 4_000 + "1" + "}" * 4_000 + '\n{"a":1}\n')
    put("cut_off.jsonl", "".join(json.dumps({"a": i, "b": "x"}) + "\n" for i in range(9)) + '{"a":9,"b')
    put("same_key_twice.jsonl", '{"a":1,"a":2}\n{"a":3}\n')
    put("two_a_line.jsonl", '{"a":1}{"a":2}\n{"a":3}\n')
    put("single_quotes.jsonl", "{'a':1}\n{'a':2}\n")
    put("json_utf16.jsonl", '{"a":1}\n{"a":2}\n'.encode("utf-16"))
    put("json_1e400.jsonl", '{"a":1e400}\n{"a":2}\n')


# ---------------------------------------------------------------- packing


def packed():
    text = FRAME.to_csv(index=False).encode()
    once = gzip.compress(text, mtime=0)
    put("gzip_nested.csv.gz", gzip.compress(once, mtime=0))
    put("gzip_members.csv.gz", b"".join(gzip.compress(text[i : i + 100], mtime=0) for i in range(0, len(text), 100)))
    put("gzip_cut_off.csv.gz", once[: len(once) // 2])
    put("gzip_cut_in_trailer.csv.gz", once[:-3])
    put("gzip_wrong_crc.csv.gz", once[:-8] + bytes(4) + once[-4:])
    put("gzip_wrong_length.csv.gz", once[:-4] + b"\xff\xff\xff\x7f")
    put("gzip_flipped.csv.gz", once[:40] + bytes([once[40] ^ 0x55]) + once[41:])
    put("gzip_garbage_after.csv.gz", once + b"this is no gzip member")
    put("gzip_zeros_after.csv.gz", once + bytes(512))
    put("gzip_empty.csv.gz", gzip.compress(b"", mtime=0))
    put("gzip_header_only.csv.gz", once[:10])
    put("gzip_long_name.csv.gz", once[:3] + b"\x08" + once[4:10] + b"n" * 30_000 + b"\0" + once[10:])
    put("gzip_reserved_flags.csv.gz", once[:3] + b"\xe0" + once[4:])
    put("gzip_other_method.csv.gz", once[:2] + b"\x07" + once[3:])
    put("gzip_not.csv.gz", text)
    put("gzip_without_ending.csv", once)
    put("zlib.csv.z", zlib.compress(text))
    put("bzip2.csv.bz2", bz2.compress(text))
    put("xz.csv.xz", lzma.compress(text))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), text)
    put("zip.csv", out.getvalue())
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("a.csv")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    put("tar.csv", out.getvalue())


def wrong_kinds():
    put("pickle.csv", pickle.dumps({"a": [1, 2]}, protocol=4))
    numpy.save(FOLDER / "numpy.npy", numpy.arange(9))
    FRAME.assign(town="Ulm").to_stata(FOLDER / "stata.csv", time_stamp=pandas.Timestamp(0).to_pydatetime(), write_index=False)
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(f"{folder}/x")
        base.execute("create table t (a)")
        base.commit()
        put("sqlite.csv", pathlib.Path(f"{folder}/x").read_bytes())
    put("html.csv", "<!DOCTYPE html>\n<html><body><p>404, not found</p>\n<p>Sorry</p></body></html>\n")
    put("xml.csv", '<?xml version="1.0"?>\n<rows>\n<row a="1"/>\n</rows>\n')
    put("pdf.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< >>\nendobj\n")
    put("png.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4)
    put("elf.csv", b"\x7fELF\x02\x01\x01" + bytes(57) + bytes(range(256)) * 8)
    put("git_lfs.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n")
    put("encrypted.parquet", b"PARE" + bytes(64) + b"PARE")
    put("text_called_parquet.parquet", FRAME.to_csv(index=False))
    FRAME.to_parquet(FOLDER / "parquet_called_text.csv", index=False)


# ---------------------------------------------------------------- Parquet


def written(table, **options):
    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


def parted(whole):
    """A Parquet file as its pages and its footer."""
    length = struct.unpack("<I", whole[-8:-4])[0]
    return whole[: -8 - length], whole[-8 - length : -8]


def joined(pages, footer, length=None):
    return pages + footer + struct.pack("<I", len(footer) if length is None else length) + b"PAR1"


def varint(number):
    """Zigzag, as Thrift's compact protocol writes it."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def claiming(whole, count, claimed):
    """The file with every `count` in its footer replaced by `claimed`."""
    pages, footer = parted(whole)
    assert varint(count) in footer
    return joined(pages, footer.replace(varint(count), varint(claimed)))


def parquet_files():
    count = 1321
    table = pyarrow.table({"a": range(count), "b": [f"w{i % 50}" for i in range(count)]})
    whole = written(table)
    pages, footer = parted(whole)
    put("parquet_more_rows.parquet", claiming(whole, count, 10**15))
    put("parquet_some_more_rows.parquet", claiming(whole, count, count + 1000))
    put("parquet_fewer_rows.parquet", claiming(whole, count, 9))
    put("parquet_negative_rows.parquet", claiming(whole, count, -5))
    put("parquet_no_rows_claimed.parquet", claiming(whole, count, 0))
    put("parquet_cut_off.parquet", whole[: len(whole) // 2])
    put("parquet_cut_in_footer.parquet", whole[:-20])
    put("parquet_only_magic.parquet", b"PAR1")
    put("parquet_footer_too_long.parquet", joined(pages, footer, 2**31 - 1))
    put("parquet_footer_negative.parquet", joined(pages, footer, 2**32 - 7))
    put("parquet_footer_empty.parquet", joined(pages, b""))
    put("parquet_footer_zeros.parquet", joined(pages, bytes(len(footer))))
    put("parquet_footer_flipped.parquet", joined(pages, footer[:30] + bytes([footer[30] ^ 0xFF]) + footer[31:]))
    put("parquet_pages_gone.parquet", joined(b"PAR1", footer))
    put("parquet_pages_zero.parquet", joined(b"PAR1" + bytes(len(pages) - 4), footer))
    put("parquet_pages_noise.parquet", joined(b"PAR1" + bytes(i * 167 % 256 for i in range(len(pages) - 4)), footer))
    put("parquet_page_flipped.parquet", whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:])
    put("parquet_page_header_flipped.parquet", whole[:6] + b"\xff\xff\xff\xff\x0f" + whole[11:])
    plain = pyarrow.table({"a": range(count)})
    summed = bytearray(written(plain, write_page_checksum=True, compression="none", use_dictionary=False))
    summed[3000] ^= 0xFF
    put("parquet_wrong_checksum.parquet", bytes(summed))
    put("parquet_brotli.parquet", written(table.slice(0, 99), compression="brotli"))
    put("parquet_lz4.parquet", written(table.slice(0, 99), compression="lz4"))
    put("parquet_second_pages.parquet", written(table.slice(0, 99), data_page_version="2.0", compression="zstd"))
    put("parquet_many_groups.parquet", written(plain.slice(0, 60), row_group_size=1))
    put("parquet_no_rows.parquet", written(table.slice(0, 0)))
    put("parquet_no_columns.parquet", written(pyarrow.table({"a": [1, 2]}).select([])))
    put("parquet_same_names.parquet", written(pyarrow.Table.from_arrays([pyarrow.array([1, 2])] * 3, names=["a", "a", ""])))
    put("parquet_nested.parquet", written(pyarrow.table({
        "list": [[1, 2], [], None], "struct": [{"x": 1}, None, {"x": 3}],
        "map": pyarrow.array([[("k", 1)], [], None], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        "deep": [[[[[1]]]], None, [[[[2]]]]]})))
    put("parquet_odd_types.parquet", written(pyarrow.table({
        "half": pyarrow.array([1.5, None, 3], pyarrow.float16()), "dec": pyarrow.array([1, None, 2], pyarrow.decimal256(70, 3)),
        "bytes": [b"\xff\xfe", b"", None], "fixed": pyarrow.array([b"ab", None, b"cd"], pyarrow.binary(2)),
        "time": pyarrow.array([1, 2, None], pyarrow.time64("us")), "span": pyarrow.array([1, 2, None], pyarrow.duration("ns")),
        "u64": pyarrow.array([2**64 - 1, 0, None], pyarrow.uint64()), "null": pyarrow.nulls(3)})))
    edge = [-(2**63) + 1, 2**63 - 1, None]
    put("parquet_far_dates.parquet", written(pyarrow.table({
        "ns": pyarrow.array(edge, pyarrow.timestamp("ns")), "us": pyarrow.array(edge, pyarrow.timestamp("us")),
        "ms": pyarrow.array(edge, pyarrow.timestamp("ms", "Asia/Kathmandu")),
        "day": pyarrow.array([-(2**31), 2**31 - 1, None], pyarrow.date32())}), coerce_timestamps=None))
    put("parquet_wrong_text.parquet", written(pyarrow.table({"a": pyarrow.Array.from_buffers(
        pyarrow.string(), 2, [None, pyarrow.py_buffer(struct.pack("<3i", 0, 2, 4)), pyarrow.py_buffer(b"\xff\xfeok")])})))
    put("parquet_in_gzip.parquet.gz", gzip.compress(written(table.slice(0, 99)), mtime=0))


# ---------------------------------------------------------------- Arrow


def ipc(table, stream=False, **options):
    out = io.BytesIO()
    make = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with make(out, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return out.getvalue()


def arrow_files():
    table = pyarrow.table({"a": range(500), "b": [f"w{i % 50}" for i in range(500)]})
    whole, stream = ipc(table), ipc(table, stream=True)
    put("arrow_cut_off.arrow", whole[: len(whole) // 2])
    put("arrow_footer_gone.arrow", whole[:-10])
    put("arrow_only_magic.arrow", b"ARROW1\0\0")
    put("arrow_footer_length.arrow", whole[:-10] + struct.pack("<i", 2**31 - 1) + whole[-6:])
    put("arrow_footer_negative.arrow", whole[:-10] + struct.pack("<i", -9) + whole[-6:])
    put("arrow_stream_cut_off.arrow", stream[: len(stream) // 2])
    put("arrow_stream_only_schema.arrow", ipc(table.slice(0, 0), stream=True))
    put("arrow_message_length.arrow", stream[:4] + struct.pack("<i", 2**31 - 8) + stream[8:])
    put("arrow_message_negative.arrow", stream[:4] + struct.pack("<i", -8) + stream[8:])
    for at in (20, 60, 150):
        put(f"arrow_flipped_{at}.arrow", stream[:at] + bytes([stream[at] ^ 0xFF]) + stream[at + 1 :])
    at = stream.index(struct.pack("<q", 500))
    for name, length in [("huge", 2**60), ("negative", -1), ("longer", 501)]:
        put(f"arrow_rows_{name}.arrow", stream[:at] + struct.pack("<q", length) + stream[at + 8 :])
    offsets = struct.pack("<4i", 0, 2, 4, 6)
    at = whole.index(offsets)
    put("arrow_offsets_outside.arrow", whole[:at] + struct.pack("<4i", 0, 2, 2**30, 6) + whole[at + 16 :])
    put("arrow_offsets_backwards.arrow", whole[:at] + struct.pack("<4i", 0, 9, 4, 6) + whole[at + 16 :])
    packed = ipc(table, compression="zstd")
    size = struct.pack("<q", 4000)
    at = packed.index(size)
    put("arrow_packed_length.arrow", packed[:at] + struct.pack("<q", 2**40) + packed[at + 8 :])
    put("arrow_packed_negative.arrow", packed[:at] + struct.pack("<q", -(2**40)) + packed[at + 8 :])
    words = pyarrow.table({"a": pyarrow.DictionaryArray.from_arrays(pyarrow.array([7, 3, 5] * 5, pyarrow.int32()), list("abcdefgh"))})
    coded = ipc(words)
    at = coded.index(struct.pack("<3i", 7, 3, 5))
    put("arrow_codes_outside.arrow", coded[:at] + struct.pack("<3i", 700, -3, 5) + coded[at + 12 :])
    put("arrow_union.arrow", ipc(pyarrow.table({"u": pyarrow.UnionArray.from_dense(
        pyarrow.array([0, 1, 0], pyarrow.int8()), pyarrow.array([0, 0, 1], pyarrow.int32()), [pyarrow.array([1, 2]), pyarrow.array(["x"])])})))
    put("arrow_runs.arrow", ipc(pyarrow.table({"r": pyarrow.RunEndEncodedArray.from_arrays([3, 5], ["x", None])})))
    put("arrow_views.arrow", ipc(pyarrow.table({"v": pyarrow.array(["short", "a text of more than twelve bytes", None], pyarrow.string_view())})))
    put("arrow_intervals.arrow", ipc(pyarrow.table({"i": pyarrow.array([(1, 2, 3), None], pyarrow.month_day_nano_interval())})))
    put("arrow_number_codes.arrow", ipc(pyarrow.table({"d": pyarrow.array([5, 5, None, 7]).dictionary_encode()})))
    put("arrow_no_columns.arrow", ipc(table.select([])))
    pyarrow.feather.write_feather(table, FOLDER / "feather_lz4.feather", compression="lz4")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for made in FOLDER.iterdir():
        made.unlink()
    for make in (shapes, dialects, encodings, names, values, json_lines, packed, wrong_kinds, parquet_files, arrow_files):
        make()
    files = list(FOLDER.iterdir())
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files):,} bytes in {FOLDER}")


if __name__ == "__main__":
    main()
