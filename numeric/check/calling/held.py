"""Parameters that are no arguments: attributes of an object, entries of its dictionaries, global variables.

Read next: `numeric.check.calling.guess`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from numeric.check.calling.calls import SIZES, Code, made
from numeric.check.calling.gathered import stripped
from numeric.check.calling.roles import INITIAL, kind_of, role_of
from numeric.check.calling.signature import Sketch


def parameters_of(code: Code, first: Sketch, second: Sketch, make: str) -> tuple[dict[str, str], dict[str, str]]:
    """Where the parameters are, and their shapes as they are, by name; of an object that is made as `make` says."""
    held: dict[str, tuple[str, Any]] = {}
    own = made(code, make, dict(SIZES)) if make or not isinstance(code.owner, type) else None
    for name in dict.fromkeys((*first.attributes, *second.attributes)) if own is not None else ():
        value = getattr(own, name, None)
        if isinstance(value, dict):
            held |= {k: (f"self.{name}[{k!r}]", v) for k, v in value.items() if isinstance(k, str) and _is_array(v)}
        elif _is_array(value):
            held[name] = (f"self.{name}", value)
    for name in first.reads:
        if _is_array(code.module.get(name)):
            held[name] = (f"module.{name}", code.module[name])
    held = {name: entry for name, entry in held.items() if role_of(name) == "param" and not INITIAL.fullmatch(name)}
    leaves = [name for name in held if not any(stripped(name, [other]) for other in held if other != name)]
    places = {name: held[name][0] for name in leaves}
    return places, {name: " ".join(map(str, held[name][1].shape)) for name in leaves}


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim > 0


def sizes_from(fixed: Mapping[str, str]) -> dict[str, int]:
    """Sizes, some of them implied by arrays that are there: a recurrent weight is square, others have its rows."""
    kinds = {name: kind_of(name, list(fixed)) for name in fixed}
    forms = {name: [int(n) for n in form.split()] for name, form in fixed.items() if form.count(" ") == 1}
    found = dict(SIZES)
    hidden = {min(form) for name, form in forms.items() if kinds[name] == "recurrent"}
    if len(hidden) == 1:
        (found["H"],) = hidden
        for name, form in forms.items():
            if kinds[name] in ("input", "readout"):
                other = [n for n in form if n % found["H"]] or [min(form)]
                found["D" if kinds[name] == "input" else "O"] = other[0]
    taken = {found["D"], found["H"], found["O"], found["B"]}
    found["T"] = next(steps for steps in (6, 5, 8, 9, 12, *range(20, 99)) if not taken & {steps, steps + 1})
    return found


def rate_of(first: Sketch, second: Sketch, code: Code) -> str:
    """Where the learning rate of code that updates its parameters stands."""
    for part in (first, second):
        for name in part.reads:
            if role_of(name) == "rate" and isinstance(code.module.get(name), float):
                return f"module.{name}"
        for name in part.attributes:
            if role_of(name) == "rate":
                return f"self.{name}"
    return ""
