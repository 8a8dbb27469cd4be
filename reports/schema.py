"""JSON read strictly, and checked against a schema: as much of JSON Schema as ours needs, and no more.

A file that somebody sends is judged before anything is done with it: its size, that it is JSON as the standard has it
(no NaN, no key twice), and that it has the form the schema says. Every refusal is one line that says where.

Read next: `reports.certified`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LARGEST = 5_000_000  # bytes
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
ABOUT = ["$schema", "title", "description"]
FORM = ["type", "const", "required", "properties", "additionalProperties", "items", "pattern"]
RANGES = ["minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"]
KNOWN = frozenset([*ABOUT, *FORM, *RANGES])


class FormError(ValueError):
    """Text that is not JSON, or not of the form; one line."""


def read_json(path: str | Path) -> Any:
    """The content of a JSON file.

    Raises:
        FormError: if it cannot be read, is too large, or is not JSON.
    """
    try:
        with open(path, "rb") as stream:
            raw = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise FormError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(raw) > LARGEST:
        raise FormError(f"{path} is larger than {LARGEST:,} bytes")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise FormError(f"{path} is not text in UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise FormError(f"{path} is not JSON: {_line(str(error))}") from error


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def complaint(value: Any, schema: Mapping[str, Any], where: str = "") -> str:
    """The first thing in which a value departs from a schema, in one line; empty if it has the form.

    Raises:
        NotImplementedError: for a word of JSON Schema that is not understood here.
    """
    if not schema.keys() <= KNOWN:
        raise NotImplementedError(", ".join(sorted(schema.keys() - KNOWN)))
    at = where or "the file"
    if "const" in schema and (value != schema["const"] or type(value) is not type(schema["const"])):
        return f"{at}: {schema['const']!r} is expected"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{at}: {' or '.join(kinds)} is expected"
    if isinstance(value, dict):
        return _object(value, schema, where)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return f"{at}: {len(value)} items are too {'few' if len(value) < schema.get('minItems', 0) else 'many'}"
        inner = (complaint(item, schema.get("items", {}), f"{at}[{place}]") for place, item in enumerate(value))
        return next(filter(None, inner), "")
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return f"{at}: {len(value)} characters are too {'few' if not value else 'many'}"
        return f"{at}: {_line(value)[:70]!r} is not of the form {schema['pattern']}" if _differs(value, schema) else ""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{at}: {_line(str(value))[:40]} is out of range"
    return ""


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _differs(text: str, schema: Mapping[str, Any]) -> bool:
    return "pattern" in schema and re.search(schema["pattern"].replace("$", r"\Z"), text) is None


def _object(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> str:
    at = where or "the file"
    missing = [key for key in schema.get("required", ()) if key not in value]
    if missing:
        return f"{at}: {missing[0]} is missing"
    known, further = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, item in value.items():
        shown = _line(key)[:40]
        if key not in known and further is False:
            return f"{at}: {shown!r} is not known"
        inner = known.get(key, further if isinstance(further, dict) else {})
        found = complaint(item, inner, f"{where}.{shown}".lstrip("."))
        if found:
            return found
    return ""
