"""Words with a meaning of their own: the functions of the language, and names that no quantity can have.

Read next: `derive.grammar`.
"""

from __future__ import annotations

import keyword

import derive.gather  # noqa: F401  (the table is complete once its last family is imported)
from derive.primitives import TABLE

ALIASES = {"σ": "sigmoid", "sigm": "sigmoid", "logistic": "sigmoid", "ReLU": "relu"}
OPERATORS = {"plus", "times", "power", "matmul", "transpose", "concat"}
FUNCTIONS = {name for name in TABLE if name not in OPERATORS}
RESERVED = frozenset(TABLE) | set(ALIASES) | {"scalar", "index", "const", "input"} | set(keyword.kwlist)
