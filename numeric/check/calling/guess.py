"""How functions are probably called, from their signatures and sources: adapters to try, the likely ones first.

What is tried and fails costs a millisecond, so a guess need not be right; it must only be among the first few hundred.
What no guess can settle is an `Unknown`, which says what to write.

Read next: `numeric.check.calling.regimes`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from numeric.check.calling.adapter import Adapter
from numeric.check.calling.calls import Code
from numeric.check.calling.gathered import stripped
from numeric.check.calling.held import parameters_of, rate_of, sizes_from
from numeric.check.calling.roles import CACHE, WINDOW, Layout, role_of, shapes, size_of
from numeric.check.calling.signature import Sketch, sketch

GATES = {"rnn": [1], "jordan": [1], "gru": [3, 2, 1], "lstm": [4, 3, 1]}
FINAL = re.compile(r"(.*_)?(last|final|T|next|end|n|N)|[a-zA-Z](n|N|T|1)")


class Unknown(ValueError):
    """What cannot be guessed; the message says what to write."""


def guesses(code: Code, cell: str | None, keys: Collection[str] = ()) -> Iterator[tuple[list[Adapter], dict[str, int]]]:
    """Adapters to try, with the sizes that they need; those of one list read the same call in several ways.

    Args:
        code: the functions.
        cell: the name of a cell; it says how many gates may be stacked.
        keys: that dictionaries of parameters were found to be read under.

    Raises:
        Unknown: if an argument is of no known kind.
    """
    first, second = sketch(code.forward or code.backward), sketch(code.backward)
    leaves: dict[str, str] = {}
    make = _make(code.owner, first, keys, leaves) if isinstance(code.owner, type) and _is_method(code) else ""
    state, fixed = parameters_of(code, first, second, make) if not (make and leaves) else ({}, {})
    passed = _arguments(first, _roles(first, second, fused=code.forward is None), keys, leaves)
    params = [name for name, role in leaves.items() if role == "param"]
    gates = next((n for key, n in GATES.items() if cell and cell.startswith(key)), [1, 4, 3])
    if code.forward is None:
        line, readings = "", [(f"{passed} -> {first.results or '_'}", dict[str, str](), "")]
    else:
        line, readings = f"{passed} -> {_forward_results(first)}", list(_backward(first, second, leaves, code.owner))
    for layout, forms in shapes(params, gates):
        shaped = {f"param/{name}": form for name, form in (forms | fixed).items()}
        for role, form in (("input", layout.x), ("initial", layout.state)):
            shaped |= {f"{role}/{name}": form for name, r in leaves.items() if r == role}
        target = next((name for name, r in leaves.items() if r == "target"), "")
        base = Adapter(forward=line, shapes=shaped, state=state, make=make, rate=rate_of(first, second, code))
        for goal in _goals(layout) if target else [""]:
            group: list[Adapter] = []
            for back, cotangents, wanted in readings:
                one = replace(base, backward=back, cotangents=cotangents)
                goals = [goal] if target else _goals(layout) if wanted else []
                aimed = [replace(one, shapes={**shaped, f"target/{target or wanted}": form}) for form in goals]
                group += aimed or [one]
            yield group, sizes_from(fixed)


def _is_method(code: Code) -> bool:
    functions = filter(None, (code.forward, code.backward))
    return any(getattr(f, "__code__", None) and "self" in f.__code__.co_varnames[:1] for f in functions)


def _roles(first: Sketch, second: Sketch, *, fused: bool) -> dict[str, str]:
    """What each argument is; the first is the input, if none is called so."""
    names = first.arguments
    roles = {name: role_of(name) for name in names}
    for name in names:
        if name in first.unpacked and roles[name] not in ("bundle", "input"):
            roles[name] = "list"
        if name in first.keys:
            roles[name] = "bundle"
        if not fused and roles[name] == "target" and not (name in second.arguments and "loss" in first.results):
            roles[name] = ""
        if name in ("c", "d") and "V" in names[: names.index(name)]:
            roles[name] = "param"  # h = tanh(U x + W h + b), o = V h + c
    if "input" not in roles.values() and names and roles[names[0]] in ("", "target", "size"):
        roles[names[0]] = "input"
    return roles


def _arguments(first: Sketch, roles: Mapping[str, str], keys: Collection[str], leaves: dict[str, str]) -> str:
    """The arguments of a call as text; the arrays among them are added to the leaves, with their roles."""
    items, named = [], False
    for name in first.arguments:
        role, head = roles[name], f"{name}=" if named else ""
        if role in ("list", "bundle") and _wanted(first, name):
            parts = first.unpacked.get(name) or (*(first.keys.get(name) or first.bundled), *keys)
            leaves |= dict.fromkeys(parts, "param")
            items.append(head + _group(parts, as_list=name in first.unpacked))
        elif role == "size" and name not in first.defaults:
            items.append(head + size_of(name))
        elif role in ("input", "initial", "target", "param") and _wanted(first, name):
            leaves[name] = role
            items.append(head + name)
        elif role == "rate":
            items.append(head + "1.0")
        elif name in first.defaults:
            named = True
        elif WINDOW.fullmatch(name):
            items.append(head + "1000")
        else:
            raise Unknown(f"it cannot be told from its name what the argument {name} of {first.name} is")
    return ", ".join(items)


def _group(names: Sequence[str], *, as_list: bool) -> str:
    return f"[{', '.join(names)}]" if as_list else f"{{{', '.join(dict.fromkeys(names))}}}" if names else "{}"


def _wanted(first: Sketch, name: str) -> bool:
    """An argument with a default is an array only if the default is none, or one."""
    return name not in first.defaults or first.defaults[name] is None or isinstance(first.defaults[name], np.ndarray)


def _make(owner: type, first: Sketch, keys: Collection[str], leaves: dict[str, str]) -> str:
    """How an object of a class is made; the arrays that it is given are added to the leaves."""
    made = replace(sketch(owner), bundled=first.bundled)
    roles = {name: "size" if size_of(name) and len(name) > 1 else role_of(name) for name in made.arguments}
    given = {
        name: role for name, role in roles.items() if role in ("param", "bundle", "rate") or name not in made.defaults
    }
    try:
        return f"{owner.__name__}({_arguments(replace(made, arguments=tuple(given)), given, keys, leaves)})"
    except Unknown as unknown:
        raise Unknown(str(unknown).replace("__init__", owner.__name__)) from unknown


def _goals(layout: Layout) -> list[str]:
    """Classes at every step or at the last; numbers at every step or at the last."""
    lead = layout.x.removeprefix("int ")
    steps = " ".join(n for n in lead.replace("D", "").split() if n != "1")
    every, last = lead.replace("D", "O"), layout.state.replace("H", "O")
    return (
        [f"int {steps or 1}", every, last, "int B" if "B" in lead else "int 1"]
        if "D" in lead
        else [f"int {lead}", "int 1"]
    )


def _forward_results(first: Sketch) -> str:
    """Results by name; a tuple of what is kept for the backward function is one thing."""
    return ", ".join("cache" if item.startswith("(") else item for item in _split(first.results)) or "h"


def _split(results: str) -> list[str]:
    if not results:
        return []
    tree = ast.parse(f"[{results}]", mode="eval").body
    return [ast.unparse(part) for part in tree.elts] if isinstance(tree, ast.List) else []


Reading = tuple[str, dict[str, str], str]  # a call, what its arguments are cotangents of, and which of them is a target


def _backward(first: Sketch, second: Sketch, leaves: dict[str, str], owner: Any) -> Iterator[Reading]:
    """The call of the backward function, in every way in which it may be meant."""
    results = _split(_forward_results(first))
    outputs = [name for name in results if not CACHE.fullmatch(name) and name not in ("_", "loss")]
    places = _places(first, second, leaves, results, outputs)
    cotangents = {name: place[1:] for name, place in places.items() if place.startswith("δ")}
    loose = next((name for name, place in places.items() if place == "?"), "")
    if loose and not outputs:
        raise Unknown(f"it cannot be told from its name what the argument {loose} of {second.name} is")
    if not (cotangents or loose or "target" in leaves.values()):
        raise Unknown(f"{second.name} takes no upstream gradient that could be told from its arguments")
    line = _line(second, {name: name if place[0] in "δ?" else place for name, place in places.items()})
    if loose and not cotangents:
        cotangents = {loose: outputs[0]}
    yield line, cotangents, ""
    whole = {name: output for name, output in cotangents.items() if "[" not in output}
    ends = {name: f"{o}[T]" for name, o in whole.items() if FINAL.fullmatch(_stem(name)) and not FINAL.fullmatch(o)}
    for name, end in ends.items():
        yield line, {**cotangents, name: end}, ""
    if len(ends) > 1:
        yield line, {**cotangents, **ends}, ""
    for name, output in whole.items():
        yield line, {**cotangents, name: f"{output}[0:]"}, ""
    if loose and owner is not None:
        yield line, {name: o for name, o in cotangents.items() if name != loose}, loose


def _line(second: Sketch, places: Mapping[str, str]) -> str:
    items, named = [], False
    for name in second.arguments:
        if name not in places:
            named = True
            continue
        items.append((f"{name}=" if named else "") + places[name])
    return f"{', '.join(items)} -> {second.results or '_'}"


def _places(
    first: Sketch, second: Sketch, leaves: Mapping[str, str], results: Sequence[str], outputs: Sequence[str]
) -> dict[str, str]:
    """For each argument of the backward function what is passed: δ and an output, ? if it cannot be told."""
    whole = f"({', '.join(results)},)" if len(results) > 1 else (results or ["h"])[0]
    found: dict[str, str] = {}
    free = list(outputs)
    for name in second.arguments:
        optional = name in second.defaults
        group = first.unpacked.get(name) or tuple(n for n in leaves if n in first.keys.get(name, ())) or ()
        if name in leaves or name in results:
            found[name] = name
        elif name in first.arguments and (group or role_of(name) == "bundle"):
            group = group or tuple(n for n, role in leaves.items() if role == "param")
            found[name] = _group(group, as_list=name in first.unpacked)
        elif output := _output_of(name, free, outputs):
            found[name] = f"δ{output}"
            free = [o for o in free if o != output]
        elif optional:
            continue
        elif name in second.unpacked or CACHE.fullmatch(name):
            found[name] = _kept(name, second, results) or whole
        elif (size := size_of(name)) and not re.match(r"d", name):
            found[name] = size
        elif "?" not in found.values():
            found[name] = "?"
        else:
            raise Unknown(f"it cannot be told from its name what the argument {name} of {second.name} is")
    return found


def _output_of(name: str, free: Sequence[str], outputs: Sequence[str]) -> str:
    """The result that an argument is the cotangent of, by their names; ``h[T]`` for the last step of one."""
    if not re.match(r"d|g|up|delta", name, re.I) or name in ("d", "g") or CACHE.fullmatch(name):
        return ""
    core = _stem(name)
    if core in free:
        return core
    final = bool(FINAL.fullmatch(core))
    alike = [o for o in free if _core(o) == _core(core)]
    if alike:
        return max(alike, key=lambda o: (bool(FINAL.fullmatch(o)) == final, SequenceMatcher(None, o, core).ratio()))
    used = next((o for o in outputs if _core(o) == _core(core)), "")
    if final and used:
        return f"{used}[T]"
    return free[0] if core.lower() in ("out", "output", "outputs", "y", "top", "up", "hidden") and free else ""


def _stem(name: str) -> str:
    """What the name of a cotangent says that it belongs to: h1 of dh1 or gh1."""
    core = stripped(name, [])
    return name[1:] if core == name and name[0] in "gG" and len(name) > 1 else core


def _core(name: str) -> str:
    """A name without what says which step it is of: h of dhnext_in, hs, h_last, Hout."""
    return re.sub(r"(next|prev|last|final|curr|out|seq|all|in|s|n|t|T|f|\d|_)+$", "", name).lower().strip("_") or name


def _kept(name: str, second: Sketch, results: Sequence[str]) -> str:
    """The result that holds what the backward function wants to see again; nothing if it wants all of them."""
    kept = [r for r in results if CACHE.fullmatch(r)]
    if len(second.unpacked.get(name, ())) == len(results) > 1 and not kept:
        return ""
    plain = name.rstrip("s")
    return next((r for r in results if r.rstrip("s") == plain), kept[0] if kept else "")


def outline(code: Code) -> str:
    """The adapter to write for functions of which too little is known: what is missing stands as ``?``."""
    first, second = sketch(code.forward or code.backward), sketch(code.backward)
    lines = []
    for field, part in {"forward": first if code.forward else None, "backward": second}.items():
        if part is not None:
            line = f"{', '.join(part.arguments)} -> {part.results or '?'}"
            lines.append(f"{field}={line!r}")
    roles = {name: role_of(name) for name in first.arguments}
    known = {name: role if role in ("input", "initial", "param", "target") else "?" for name, role in roles.items()}
    shaped = {f"{role}/{name}": "?" for name, role in known.items()}
    lines.append(f"shapes={shaped}")
    if code.forward is not None:
        taken = {*first.arguments, *(name for name in _split(first.results))}
        lines.append(f"cotangents={dict.fromkeys((name for name in second.arguments if name not in taken), '?')}")
    return f"Adapter({', '.join(lines)})"
