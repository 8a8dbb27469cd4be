r"""A notation of one's own, from a small file in TOML.

    base = "ng"            # standard, ng or pytorch
    time = "subscript"     # or angle
    cotangent = "bar"      # delta, bar or partial

    [names]
    h = "s"
    W_f = 'W^{(f)}'

All keys are optional. Names are those of the equations; what they are written as is LaTeX of a small subset
(`reports.fragments`). Everything else is refused in a line that names file and key.

Read next: `reports.notations`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, get_args

from reports.fragments import FragmentError, fragment
from reports.notation import Base, Cotangent, Notation, Time

LARGEST = 100_000  # bytes
CHOICES: dict[str, tuple[str, ...]] = {"base": get_args(Base), "time": get_args(Time), "cotangent": get_args(Cotangent)}
TIMES: dict[str, Time] = {"ng": "angle"}  # of a base, where the file says nothing


class MappingError(ValueError):
    """A file that is no notation; one line that names file and key."""


def read_mapping(path: str | Path) -> Notation:
    """The notation of a file; its name is that of the file.

    Raises:
        MappingError: one line.
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
        content = tomllib.loads(raw.decode("utf-8")) if len(raw) <= LARGEST else None
    except OSError as error:
        raise MappingError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: not UTF-8 text") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{path}: not TOML: {str(error).splitlines()[0]}") from error
    if content is None:
        raise MappingError(f"{path}: {len(raw)} bytes are no notation; at most {LARGEST}")
    return _notation(str(path), file.stem, content)


def _notation(path: str, name: str, content: dict[str, Any]) -> Notation:
    for key, value in content.items():
        if key not in (*CHOICES, "names"):
            shown = key if key.isidentifier() else _short(key)
            raise MappingError(f"{path}: {shown}: no such key; there are {', '.join(CHOICES)} and [names]")
        if key in CHOICES and value not in CHOICES[key]:
            raise MappingError(f"{path}: {key}: {_short(value)} is none of {', '.join(CHOICES[key])}")
    names = content.get("names", {})
    if not isinstance(names, dict):
        raise MappingError(f"{path}: names: a table [names] is expected, not {_short(names)}")
    base: Base = content.get("base", "standard")
    time: Time = content.get("time", TIMES.get(base, "subscript"))
    return Notation(name, base, time, content.get("cotangent", "delta"), _renamed(path, names))


def _renamed(path: str, names: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in names.items():
        if not key.isidentifier():
            raise MappingError(f"{path}: names.{_short(key)}: not the name of a quantity")
        if not isinstance(value, str):
            raise MappingError(f"{path}: names.{key}: LaTeX in quotes is expected, not {_short(value)}")
        try:
            found[key] = fragment(value)
        except FragmentError as error:
            raise MappingError(f"{path}: names.{key}: {error}") from error
        twin = next((other for other, text in found.items() if other != key and text == found[key]), None)
        if twin is not None:
            raise MappingError(f"{path}: names.{key}: written like {twin}")
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:36]}..."
