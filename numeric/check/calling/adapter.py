"""`Adapter`: how somebody's functions are called, written down.

Two lines in the notation of a call say what goes in and what comes out, and a table says which shape each array has:

>>> adapter = Adapter(
...     forward="x, h0, Wx, Wh, b -> h, cache",
...     backward="dh, cache -> dx, dh0, dWx, dWh, db",
...     shapes={"input/x": "B T D", "initial/h0": "B H", "param/Wx": "D H", "param/Wh": "H H", "param/b": "H"},
... )
>>> adapter.leaves["Wx"]
'param'

Arguments are names, constants, ``(a, b)`` and ``[a, b]`` for sequences, ``{Wf, bf}`` for a dictionary with these
keys, and ``name=value``.  Results are names, nested as they are returned, ``_`` for what does not matter; a dictionary
that is returned speaks for itself.  What was guessed about functions is an adapter too, so that a guess can be printed,
corrected and passed.

Read next: `numeric.check.calling.roles`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

ROLES = ("input", "initial", "param", "target")
FORM = re.compile(r"(?:(ints?)\s+)?(.*)")
TERM = re.compile(r"(\d*)([A-Z]?)")


@dataclass(frozen=True)
class Adapter:
    """How functions are called.

    Attributes:
        forward: ``arguments -> results``; empty where one function computes loss and gradient.
        backward: the same of the function that returns, or leaves somewhere, the gradient.
        shapes: by role and name, as in a dump: ``input/``, ``initial/``, ``param/``, ``target/``.  A shape is written
            in the sizes B, T, D, H, O (outputs or classes), as ``D 4H`` or ``H D+H+1``; ``int T`` are classes 0…D-1
            of an input, 0…O-1 of a target.
        state: where parameters are kept that are no arguments: {"W": "self.W"}, {"W": "self.params['W']"}, or
            {"W": "module.W"} of a global variable.
        gradients: where the gradient of an array is found, if neither its name nor its place among the results tells:
            {"h0": "dprev", "W": "self.dW"}.
        cotangents: which result an argument of the backward function is the cotangent of: {"top": "y"}.
        make: how an object is made, as ``LSTM(D, H)``, if the functions are methods of a class.
        rate: the learning rate of code that updates parameters in place: an argument or a place, as ``module.lr``.
    """

    forward: str = ""
    backward: str = ""
    shapes: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)
    gradients: Mapping[str, str] = field(default_factory=dict)
    cotangents: Mapping[str, str] = field(default_factory=dict)
    make: str = ""
    rate: str = ""

    def __post_init__(self) -> None:
        for key, form in self.shapes.items():
            if key.partition("/")[0] not in ROLES or not key.partition("/")[2]:
                raise ValueError(f"adapter: {key!r} is not a role and a name, as param/W; roles are {', '.join(ROLES)}")
            sizes_of(form, dict.fromkeys("BTDHO", 1))
        for line in filter(None, (self.forward, self.backward)):
            call(line)

    @property
    def leaves(self) -> dict[str, str]:
        """The role of each array that is drawn, by its name."""
        return {name: role for role, _, name in (key.partition("/") for key in self.shapes)}

    def __str__(self) -> str:
        given = [(entry.name, getattr(self, entry.name)) for entry in fields(self)]
        shown = (f"{name}={dict(value) if isinstance(value, Mapping) else value!r}" for name, value in given if value)
        return f"Adapter({', '.join(shown)})"


def adapter_of(record: Mapping[str, Any]) -> Adapter:
    """An adapter from plain data, as JSON has it.

    Raises:
        ValueError: in one line, if a field is not known or not of its kind.
    """
    known = {entry.name: entry for entry in fields(Adapter)}
    for name, value in record.items():
        if name not in known:
            raise ValueError(f"adapter: there is no field {name!r}; fields are {', '.join(known)}")
        if "Mapping" in str(known[name].type):
            if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in (*value, *value.values())):
                raise ValueError(f"adapter: {name} is a mapping of texts to texts")
        elif not isinstance(value, str):
            raise ValueError(f"adapter: {name} is a text")
    return Adapter(**record)


def call(line: str) -> tuple[ast.Call, ast.expr | None]:
    """Arguments and results of ``x, h0, W -> h, cache`` as syntax.

    Raises:
        ValueError: if the line does not read so.
    """
    head, _, tail = line.partition("->")
    try:
        arguments = ast.parse(f"f({head.strip()})", mode="eval").body
        results = ast.parse(tail.strip(), mode="eval").body if tail.strip() else None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"adapter: {line!r} does not read as 'x, h0, W -> h, cache'") from error
    allowed = (ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Load, ast.keyword)
    inner = [node for tree in (arguments, results) if tree is not None for node in list(ast.walk(tree))]
    if not isinstance(arguments, ast.Call) or any(
        not isinstance(node, allowed) and node is not arguments for node in inner
    ):
        raise ValueError(f"adapter: {line!r} holds more than names, constants, (…), […] and {{…}}")
    return arguments, results


def sizes_of(form: str, sizes: Mapping[str, int]) -> tuple[bool, tuple[int, ...]]:
    """Whether a shape is of integers, and its numbers: ``"D 4H"`` with D = 5, H = 7 is (5, 28).

    Raises:
        ValueError: if it is not written in these sizes.
    """
    match = FORM.fullmatch(form.strip())
    words = match[2].split() if match else []
    return bool(match and match[1]), tuple(sum(_term(term, sizes, form) for term in word.split("+")) for word in words)


def _term(term: str, sizes: Mapping[str, int], form: str) -> int:
    match = TERM.fullmatch(term)
    if not term or match is None or (match[2] and match[2] not in sizes):
        raise ValueError(f"adapter: the shape {form!r} is not written in B, T, D, H, O and numbers, as 'D 4H'")
    return int(match[1] or 1) * (sizes[match[2]] if match[2] else 1)
