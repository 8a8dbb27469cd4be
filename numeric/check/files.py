"""Arrays out of a file that anybody may have written: npz and safetensors, by key, as NumPy arrays.

Nothing of a file is executed: pickles are refused.  Nothing is believed: sizes that a header declares are compared with
the bytes that are there, and with the memory that may be used, before anything is allocated.  Half precision becomes
float32 (NumPy has no bfloat16), and its spacing is remembered, because a gradient is only as good as that.

npz: a zip archive of npy files (NEP 1).  safetensors: eight bytes of length, JSON, data
(https://huggingface.co/docs/safetensors, section Format).

Read next: `numeric.check.foreign`.
"""

from __future__ import annotations

import json
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Array = NDArray[Any]

LIMIT = 2 * 2**30  # bytes of arrays
ENTRIES = 10_000  # arrays in one file
HEADER = 10_000  # characters before the data of one npy file, as in NumPy
JSON_HEADER = 100_000_000  # bytes before the data of a safetensors file, as the format has it
BFLOAT16 = 2.0**-7  # the spacing of its numbers at 1
HALF = 2.0**-10
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


class Arrays(NamedTuple):
    """What a file holds.

    Attributes:
        values: arrays by key; half precision, of either kind, as float32.
        precisions: the spacing at 1 of numbers that had half precision, by key.
    """

    values: dict[str, Array]
    precisions: dict[str, float]


def read(path: str | Path, *, limit: int = LIMIT) -> Arrays:
    """The arrays of an npz or a safetensors file.

    Args:
        path: of the file; the content says which of the two it is.
        limit: bytes that the arrays may take.

    Raises:
        ValueError: in one line, if the file cannot be read, is truncated, contradicts itself, holds something other
            than numbers, or is larger than the limit or a third of the memory that is free.
    """
    limit = min(limit, _free() // 3)
    try:
        if not Path(path).is_file():
            raise ValueError("there is no such file" if not Path(path).exists() else "it is not a regular file")
        _fits(os.stat(path).st_size, limit)
        with open(path, "rb") as stream:
            zipped = stream.read(2) == b"PK"
            stream.seek(0)
            return _narrow(_npz(stream, limit)) if zipped else _safetensors(stream, limit)
    except (ValueError, OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "there is not enough memory"
        raise ValueError(f"cannot read {path}: {reason.splitlines()[0]}") from error


def _free() -> int:
    """Bytes of memory that are free, as far as the system tells."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 3 * LIMIT


def _fits(size: int, limit: int) -> None:
    if size > limit:
        raise ValueError(f"it holds {size / 2**20:,.0f} MiB of arrays, at most {limit / 2**20:,.0f} MiB are read")


def _key(name: str, seen: Mapping[str, object]) -> str:
    if name in seen:
        raise ValueError(f"the key {_short(name)} is there twice")
    if len(name) > 200 or not name.isprintable() or "\\" in name or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"{_short(name)} is no name of an array, as input/x is")
    return name


def _short(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 60 else text[:57] + "…'"


# --- npz ----------------------------------------------------------------------------------------------------------


def _npz(stream: IO[bytes], limit: int) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    broken = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, OverflowError)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > ENTRIES:
                raise ValueError(f"it holds {len(members):,} arrays, at most {ENTRIES:,} are read")
            _fits(sum(member.file_size for member in members), limit)
            for member in members:
                key = _key(member.filename.removesuffix(".npy"), arrays)
                if member.flag_bits & 1:
                    raise ValueError(f"{_short(key)} is encrypted")
                with archive.open(member) as content:
                    arrays[key] = _npy(content, key, member.file_size)
    except broken as error:
        raise ValueError(f"the archive is truncated or broken: {error}") from error
    return arrays


def _npy(content: IO[bytes], key: str, size: int) -> Array:
    """One npy file of `size` bytes; nothing is allocated before its header agrees with that."""
    try:
        version = npy.read_magic(content)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version[0]}.{version[1]} of the npy format is not read")
        shape, fortran, dtype = readers[version](content, max_header_size=HEADER)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise ValueError(f"{_short(key)} has no header of an npy file: {str(error).partition(chr(10))[0]}") from error
    if dtype.hasobject:
        raise ValueError(f"{_short(key)} holds Python objects; pickles are not read, save arrays of numbers")
    if dtype.kind not in "biuf" or dtype.shape:
        raise ValueError(f"{_short(key)} has the dtype {_short(str(dtype))}, which is not of real numbers")
    count = math.prod(shape)
    if any(n < 0 for n in shape) or len(shape) > 32 or content.tell() + count * dtype.itemsize != size:
        raise ValueError(f"{_short(key)} says that it has the shape {_short(shape)}, for which its size is wrong")
    data = content.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{_short(key)} is truncated")
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _narrow(arrays: dict[str, Array]) -> Arrays:
    halves = [key for key, array in arrays.items() if array.dtype == np.float16]
    return Arrays(arrays | {key: arrays[key].astype(np.float32) for key in halves}, dict.fromkeys(halves, HALF))


# --- safetensors --------------------------------------------------------------------------------------------------


def _safetensors(stream: IO[bytes], limit: int) -> Arrays:
    size = os.fstat(stream.fileno()).st_size
    (length,) = struct.unpack("<Q", stream.read(8).ljust(8, b"\xff"))
    if length > min(size - 8, JSON_HEADER):
        raise ValueError("it is neither an npz nor a safetensors file, or it is truncated")
    header = _json(stream.read(length))
    header.pop("__metadata__", None)
    if len(header) > ENTRIES:
        raise ValueError(f"it holds {len(header):,} arrays, at most {ENTRIES:,} are read")
    room = size - 8 - length
    places = {_key(key, {}): _place(key, entry, room) for key, entry in header.items()}
    end = 0
    for key, (_, _, begin, stop) in sorted(places.items(), key=lambda item: item[1][2:]):
        if begin != end:
            raise ValueError(f"the data of {_short(key)} begin at byte {begin}, and {end} was expected")
        end = stop
    if end != room:
        raise ValueError(f"it has {room} bytes of data, and its header describes {end}")
    arrays, precisions = {}, {}
    _fits(2 * room, 2 * limit)
    data = stream.read(room)
    for key, (dtype, shape, begin, stop) in places.items():
        raw = np.frombuffer(data[begin:stop], dtype=DTYPES[dtype]).reshape(shape)
        if dtype in ("BF16", "F16"):
            precisions[key] = BFLOAT16 if dtype == "BF16" else HALF
            # bfloat16 is the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else raw.astype(np.float32)
        arrays[key] = raw.astype(raw.dtype.newbyteorder("="))
    return Arrays(arrays, precisions)


def _json(text: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise ValueError(f"the key {_short(name)} is there twice")
            found[name] = value
        return found

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("it is neither an npz nor a safetensors file") from error
    if not isinstance(header, dict):
        raise ValueError("it is neither an npz nor a safetensors file")
    return header


def _place(key: str, entry: object, room: int) -> tuple[str, tuple[int, ...], int, int]:
    """Dtype, shape, and from which byte to which the data lie."""
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(stop)]}:
            pass
        case _:
            raise ValueError(f"the header says no dtype, shape and data_offsets of {_short(key)}")
    if dtype not in DTYPES:
        raise ValueError(f"{_short(key)} has the dtype {_short(dtype)}; {', '.join(DTYPES)} are read")
    if len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{_short(key)} has no possible shape")
    if not 0 <= begin <= stop <= room:
        raise ValueError(f"the data of {_short(key)} lie outside of the file; it is truncated")
    if math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != stop - begin:
        raise ValueError(f"{_short(key)} has the shape {_short(tuple(shape))}, for which its size is wrong")
    return dtype, tuple(shape), begin, stop
