"""Files of arrays: what is read is what was written, and no file does more than give a reason in one line."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from numeric.check.files import read

RNG = np.random.default_rng(0)
ARRAYS = {
    "input/x": RNG.standard_normal((3, 2, 5)),
    "param/W": np.asfortranarray(RNG.standard_normal((4, 5))),
    "grad/W": RNG.standard_normal((4, 5)).astype(np.float32),
    "target/k": np.arange(6).reshape(3, 2),
    "mask": np.array([[True, False]]),
    "loss": np.array(2.5),
    "big": np.arange(3.0).astype(">f8"),
}


def safetensors(entries, data=b"", tail=b"", length=None):
    header = json.dumps(entries).encode() if not isinstance(entries, bytes) else entries
    return struct.pack("<Q", len(header) if length is None else length) + header + data + tail


def packed(arrays):
    """A safetensors file of them."""
    names = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "bool": "BOOL"}
    entries, data = {"__metadata__": {"made by": "a test"}}, b""
    for key, array in arrays.items():
        raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        dtype, offsets = names[array.dtype.name], [len(data), len(data) + len(raw)]
        entries[key] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets}
        data += raw
    return safetensors(entries, data)


def npz(arrays, compressed=False):
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def npy(header, data=b"", version=b"\1\0"):
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def archive(*members, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # zipfile warns of a second member of one name
        with zipfile.ZipFile(stream, "w", method) as file:
            for name, content in members:
                file.writestr(name, content)
    return stream.getvalue()


def reason(path, content, **options):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot read") as raised:
        read(path, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("write", [npz, lambda arrays: npz(arrays, True), packed])
def test_what_is_read_is_what_was_written(write, tmp_path):
    (tmp_path / "dump").write_bytes(write(ARRAYS))
    values, precisions = read(tmp_path / "dump")
    assert precisions == {}
    assert list(values) == list(ARRAYS)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(values[key], array)
        assert values[key].dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("write", [npz, packed])
def test_float16_is_widened_and_remembered(write, tmp_path):
    (tmp_path / "dump").write_bytes(write({"grad/W": np.array([1.5, -2.25], np.float16), "loss": np.array(1.0)}))
    values, precisions = read(tmp_path / "dump")
    assert precisions == {"grad/W": float(np.finfo(np.float16).eps)}
    assert values["grad/W"].dtype == np.float32
    assert values["grad/W"].tolist() == [1.5, -2.25]


def test_bfloat16(tmp_path):
    exact = np.array([1.0, -0.5, 3.140625, 2.0**-120, np.inf], np.float32)
    bits = (exact.view(np.uint32) >> 16).astype("<u2").tobytes()
    entry = {"dtype": "BF16", "shape": [5], "data_offsets": [0, len(bits)]}
    (tmp_path / "dump").write_bytes(safetensors({"x": entry}, bits))
    values, precisions = read(tmp_path / "dump")
    assert values["x"].tolist() == exact.tolist()
    assert precisions == {"x": 2.0**-7}


@pytest.mark.needs("torch")
def test_bfloat16_is_what_torch_rounds_to(tmp_path):
    import torch

    numbers = torch.randn(64, generator=torch.Generator().manual_seed(0)).bfloat16()
    bits = numbers.view(torch.int16).numpy().tobytes()
    entry = {"dtype": "BF16", "shape": [8, 8], "data_offsets": [0, 128]}
    (tmp_path / "dump").write_bytes(safetensors({"x": entry}, bits))
    np.testing.assert_array_equal(read(tmp_path / "dump").values["x"].ravel(), numbers.float().numpy())


class Executed:
    """A pickle of it writes a file when it is loaded."""

    def __reduce__(self):
        return (open, ("executed", "w"))


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"
F8 = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
SPOILT = {
    "empty": (b"", "neither"),
    "text": (b"x = 1\n" * 9, "neither"),
    "a pickle": (pickle.dumps(Executed()), "neither"),
    "an npy file": (npy(HUGE % 0), "neither"),
    "no archive": (b"PK\3\4 and nothing", "truncated or broken"),
    "objects": (npz({"x": np.array([Executed()])}), "pickles are not read"),
    "an object in a pickled member": (archive(("x.npy", pickle.dumps(Executed()))), "no header"),
    "texts": (npz({"x": np.array(["a"])}), "not of real numbers"),
    "records": (npz({"x": np.zeros(2, "f8,i4")}), "not of real numbers"),
    "complex numbers": (npz({"x": np.zeros(2, complex)}), "not of real numbers"),
    "shape larger than its data": (archive(("x.npy", npy(HUGE % 10**15))), "size is wrong"),
    "shape smaller than its data": (archive(("x.npy", npy(HUGE % 1, bytes(80)))), "size is wrong"),
    "negative shape": (archive(("x.npy", npy(HUGE % -1, bytes(8)))), "size is wrong"),
    "code in the header": (archive(("x.npy", npy("open('executed', 'w')"))), "no header"),
    "header nested too deeply": (archive(("x.npy", npy("(" * 9000))), "no header"),
    "header too long": (archive(("x.npy", npy(HUGE % 0 + " " * 20_000))), "no header"),
    "version 9": (archive(("x.npy", npy(HUGE % 0, version=b"\x09\0"))), "version 9"),
    "duplicates": (archive(("x.npy", npy(HUGE % 0)), ("x.npy", npy(HUGE % 0))), "twice"),
    "a path": (archive(("../../x.npy", npy(HUGE % 0))), "no name of an array"),
    "an absolute path": (archive(("/etc/x.npy", npy(HUGE % 0))), "no name of an array"),
    "control characters": (archive(("x\33[2J.npy", npy(HUGE % 0))), "no name of an array"),
    "a long header": (safetensors({}, length=2**63), "truncated"),
    "no JSON": (safetensors(b"{]"), "neither"),
    "nested JSON": (safetensors(b"[" * 200_000), "neither"),
    "a list": (safetensors(b"[]"), "neither"),
    "no entry": (safetensors({"x": 1}), "no dtype"),
    "unknown dtype": (safetensors({"x": F8 | {"dtype": "F8_E4M3"}}, bytes(8)), "F8_E4M3"),
    "outside": (safetensors({"x": F8}, bytes(7)), "truncated"),
    "before": (safetensors({"x": F8 | {"data_offsets": [-8, 0]}}, bytes(8)), "outside"),
    "wrong size": (safetensors({"x": F8 | {"shape": [2]}}, bytes(8)), "size is wrong"),
    "true for 1": (safetensors({"x": F8 | {"shape": [True]}}, bytes(8)), "no possible shape"),
    "overlap": (safetensors({"x": F8, "y": F8}, bytes(8)), "expected"),
    "more data than described": (safetensors({"x": F8}, bytes(9)), "describes 8"),
    "one key twice": (safetensors(b'{"x": 1, "x": 2}'), "twice"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_file_gives_one_line_and_runs_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, said = SPOILT[name]
    assert said in reason(tmp_path / "dump", content)
    assert not (tmp_path / "executed").exists()


def test_a_bomb_is_not_unpacked(tmp_path):
    content = archive(("x.npy", npy(HUGE % 2**22, bytes(2**25))), method=zipfile.ZIP_DEFLATED)
    assert len(content) < 2**16
    assert "at most 16 MiB" in reason(tmp_path / "dump", content, limit=2**24)
    lying = content.replace(struct.pack("<I", 2**25 + len(npy(HUGE % 2**22))), struct.pack("<I", 200))
    assert "truncated or broken" in reason(tmp_path / "dump", lying, limit=2**24)


@pytest.mark.parametrize("write", [lambda a: npz(a, True), packed])
def test_however_a_file_is_cut_or_changed(write, tmp_path):
    whole = write({"input/x": ARRAYS["input/x"][:1], "loss": ARRAYS["loss"]})
    for length in range(0, len(whole), 7):
        reason(tmp_path / "dump", whole[:length])
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 0x41
        (tmp_path / "dump").write_bytes(changed)
        try:
            read(tmp_path / "dump")
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017 - some changes are harmless


def test_what_is_no_file(tmp_path):
    for path, said in [(tmp_path / "none", "no such file"), (tmp_path, "not a regular file")]:
        with pytest.raises(ValueError, match=said):
            read(path)
