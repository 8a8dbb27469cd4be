"""Files of weights: npz and safetensors, read and written; pickles never.

Reading is that of `numeric.check.files`, which believes and executes nothing.  A safetensors file is eight bytes of
length, JSON and data (https://huggingface.co/docs/safetensors, section Format); keys are sorted, data aligned to eight.

Read next: `numeric.exchange`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from numeric.check.files import DTYPES, read
from numeric.exchange.names import Array

PICKLES = (".pt", ".pth", ".bin", ".pkl", ".ckpt")
HINT = "save the weights as safetensors: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"


def read_weights(path: str | Path) -> dict[str, Array]:
    """The arrays of an npz or a safetensors file, by name.

    Raises:
        ValueError: in one line, for a file that cannot be read, and for a pickle, which would be executed.
    """
    path = Path(path)
    if path.suffix.lower() in PICKLES:
        raise ValueError(f"{path} is a pickle, and reading one runs what it says; {HINT}")
    if path.suffix.lower() in (".h5", ".keras", ".hdf5"):
        hint = "np.savez('weights.npz', **{w.path: w.numpy() for w in model.weights})"
        raise ValueError(f"{path} is a file of Keras; save its arrays by name: {hint}")
    return read(path).values


def encoded(tensors: Mapping[str, Array], suffix: str) -> bytes:
    """The bytes of a file that holds these arrays.

    Args:
        tensors: by name.
        suffix: ".npz" or ".safetensors".

    Raises:
        ValueError: for another suffix, or a dtype that the format lacks.
    """
    if suffix == ".npz":
        stream = io.BytesIO()
        np.savez(stream, **tensors)  # type: ignore[arg-type]  # keywords are names of arrays
        return stream.getvalue()
    if suffix != ".safetensors":
        raise ValueError(f"a file of weights ends in .npz or .safetensors, not in {suffix!r}")
    return _safetensors(tensors)


def _safetensors(tensors: Mapping[str, Array]) -> bytes:
    codes = {np.dtype(text): code for code, text in DTYPES.items() if code != "BF16"}
    header, data = {}, b""
    for name in sorted(tensors):
        array = tensors[name]
        if array.dtype not in codes:
            raise ValueError(f"{name} has the dtype {array.dtype}, which safetensors does not have")
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": codes[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data
