"""The certificate of a report as JSON text, the same bytes for the same content.

Keys are sorted, the text ends in a newline, and NaN and infinities become null, because JSON has no word
for them and readers other than Python reject the file. Anything that is not plain data is an error that
says where it lies: a certificate must not contain the ``repr`` of some object.

Read next: `reports.document`.
"""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Mapping

from reports.document import Report
from reports.files import mark

_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair: no character, and nothing that UTF-8 could hold


def render(report: Report) -> str:
    """The certificate as the text of a JSON file."""
    return to_json({**report.certificate, "generator": mark("report")})


def to_json(value: object) -> str:
    """Plain data as the text of a JSON file."""
    return (
        json.dumps(_plain(value, "certificate"), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def _plain(value: object, where: str) -> object:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: the key {key!r} is not a text")
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{position}]") for position, item in enumerate(value)]
    # Through the abstract numbers, so that NumPy's and SymPy's need no import here.
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    raise TypeError(f"{where}: {type(value).__name__} is not plain data; give text, numbers, lists or dictionaries")
