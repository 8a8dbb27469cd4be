"""Words with a meaning of their own: the functions of the language, and names that no quantity can have.

Read next: `derive.grammar`.
"""

from __future__ import annotations

import keyword
import re

import derive.gather  # noqa: F401  (the table is complete once its last family is imported)
from derive.primitives import TABLE
from derive.statements import NAME

ALIASES = {"σ": "sigmoid", "sigm": "sigmoid", "logistic": "sigmoid", "ReLU": "relu"}
OPERATORS = {"plus", "times", "power", "matmul", "transpose", "concat"}
FUNCTIONS = {name for name in TABLE if name not in OPERATORS}
RESERVED = frozenset(TABLE) | set(ALIASES) | {"scalar", "index", "const", "input"} | set(keyword.kwlist)


def is_reserved(name: str) -> bool:
    """Whether no quantity can have this name: words of the language, keywords of Python, dunder names."""
    return name in RESERVED or name.startswith("__") or name.endswith("__")


def name_reason(name: str) -> str:
    """Why a quantity cannot have this name; "" if it can."""
    if is_reserved(name):
        return f"{name} is reserved"
    if not re.fullmatch(NAME, name):
        return f"{name!r} is no name"
    return "the name is longer than 100 characters" if len(name) > 100 else ""
