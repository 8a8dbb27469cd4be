"""What a name of an argument stands for, and which shapes an array of that name may have.

Names are evidence, not proof: whatever is concluded here is tried, and dropped if the function does not take it.  All
arrays of a candidate follow one layout: rows or columns, batch or time first, one way to stack gates.

Read next: `numeric.check.calling.signature`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

INPUT = re.compile(r"x_?(t|s|seq|in)?|xs|x_?seq(uence)?|inputs?|seq(uence)?s?|data|tokens?|embeddings?|u_?seq", re.I)
INITIAL = re.compile(
    r"(h|c|s|a|hidden|cell|state|hs|cs)_?(0|00|prev|init|initial|start|last|tm1|in|old)"
    r"|(prev|init|initial|start|last|old)_?(h|c|s|a|hidden|cell|state)|hx|cx",
    re.I,
)
STATE = re.compile(r"[hc]|hidden|cell|state")
TARGET = re.compile(r"targets?|labels?|ys?|y_?(true|seq|target)|truth|t_?seq", re.I)
BUNDLE = re.compile(r"p|params?|parameters?|weights?|theta|w_?dict|ws", re.I)
RATE = re.compile(r"lr|learning_?rate|eta|alpha|step_?size", re.I)
WINDOW = re.compile(r"\w*(trunc|window|clip|max)\w*", re.I)
CACHE = re.compile(
    r"\w*(cache|state|save|mem|tape|ctx|store|hist|fwd|tuple|interm|buf|vals|acts|gates|stash|trace|record)\w*",
    re.I,
)
SIZE = {
    "D": re.compile(
        r"d|n_?x|n_?in(puts?)?|input_?(size|dim|units)|in_?(dim|size|features)|d_?in|x_?dim|embed\w*", re.I
    ),
    "H": re.compile(r"h|n_?(a|h|hid(den)?|units)|hidden_?(size|dim|units)?|h_?(size|dim)|units|size|state_?size", re.I),
    "O": re.compile(
        r"o|v|n_?(y|out(puts?)?|classes)|output_?(size|dim)|out_?(dim|size|features)|y_?dim|vocab_?size", re.I
    ),
    "T": re.compile(r"t|n_?steps|time_?steps|seq_?(len|length)|t_?x", re.I),
    "B": re.compile(r"m|n|batch(_?size)?|n_?batch", re.I),
}
WEIGHT = re.compile(
    r"[WURVP]($|_|\d|[a-z]{1,3}$|[A-Z])|[wur]($|_|[hx]|ih|in|rec|out)|ker|weight|recurrent|\w*(kernel|weight)"
)
BIAS = re.compile(r"b(?!atch|ptt)(ias)?(_?\w{0,4})|\w*bias\w*", re.I)
PEEPHOLE = re.compile(r"p_?[a-z]{1,2}|peep\w*|w_?c[ifo]", re.I)


class Layout(NamedTuple):
    """Shapes of an input, of a state, and of a bias of n rows; whether states are rows, as in x @ W."""

    x: str
    state: str
    rows: bool
    bias: str


LAYOUTS = [
    Layout(x, state, rows, bias)
    for x, state, rows, bias in [
        ("B T D", "B H", True, "{n}H"),
        ("T B D", "B H", True, "{n}H"),
        ("D B T", "H B", False, "{n}H 1"),
        ("T D B", "H B", False, "{n}H 1"),
        ("T D", "H", False, "{n}H"),
        ("T D 1", "H 1", False, "{n}H 1"),
        ("T 1 D", "1 H", True, "1 {n}H"),
        ("int T", "H 1", False, "{n}H 1"),
        ("int T", "H", False, "{n}H"),
        ("int T", "1 H", True, "1 {n}H"),
        ("int B T", "B H", True, "{n}H"),
        ("int T B", "B H", True, "{n}H"),
        ("D T", "H 1", False, "{n}H 1"),
        ("D T", "H", False, "{n}H"),
        ("T D", "1 H", True, "{n}H"),
        ("B D", "B H", True, "{n}H"),  # one step
        ("D B", "H B", False, "{n}H 1"),
        ("D 1", "H 1", False, "{n}H 1"),
        ("B D", "B H", True, "1 {n}H"),
        ("D", "H", False, "{n}H"),
    ]
]
FLAT, LEADING, TRAILING = "{a} {n}{b}", "{n} {a} {b}", "{a} {b} {n}"  # where the gates of a weight of rows stand


def role_of(name: str) -> str:
    """input, initial, target, rate, bundle, param or size, as far as a name tells; else nothing."""
    tests = {"initial": INITIAL, "target": TARGET, "rate": RATE, "bundle": BUNDLE, "input": INPUT}
    for role, pattern in tests.items():
        if pattern.fullmatch(name):
            return role
    if PEEPHOLE.fullmatch(name) or WEIGHT.match(name) or BIAS.fullmatch(name):
        return "param"
    if STATE.fullmatch(name):
        return "initial"
    return "size" if size_of(name) else ""


def size_of(name: str) -> str:
    """The letter of a size, or nothing."""
    return next((letter for letter, pattern in SIZE.items() if pattern.fullmatch(name)), "")


def kind_of(name: str, names: Sequence[str]) -> str:
    """bias, readout-bias, peephole, readout, recurrent, input or joint: what a parameter multiplies."""
    low = name.lower().replace("_", "")
    others = {other.lower().replace("_", "") for other in names}
    if low in "cd" and others & {"v", "wy", "why", "wout"}:
        return "readout-bias"
    if BIAS.fullmatch(name):
        return "readout-bias" if re.fullmatch(r"b(ias)?(y|hy|out|v|q|output|dec\w*)", low) else "bias"
    if PEEPHOLE.fullmatch(name) and not low.startswith("w"):
        return "peephole"
    body = re.sub(r"^(weight|kernel|w)", "", low)
    if {"u", "w", "v"} <= others and low in "uwv":
        return {"u": "input", "w": "recurrent", "v": "readout"}[low]
    if low in "vq" or re.fullmatch(r"(h|a|s)?(y|q)|out(put)?|dec\w*|ya|ho", body):
        return "readout"
    if re.search(r"hh|aa|ss|rec", low):
        return "recurrent"
    if re.search(r"x|ih|in$|input", low):
        return "input"
    if low[0] in "ur" and any(other.startswith("w") for other in others):
        return "recurrent"
    if any(re.search(r"x|ih", other) for other in others if not other.startswith("b")) and re.search(r"h|a|s|r", body):
        return "recurrent"
    if any(other[0] in "ur" for other in others):
        return "input"
    return "joint"


def shapes(params: Sequence[str], gates: Sequence[int]) -> Iterator[tuple[Layout, dict[str, str]]]:
    """Shapes of parameters that are known by name, for every layout; the likely ones first.

    Args:
        params: names.
        gates: how many gates a weight may stack, where there is only one of its kind.
    """
    kinds = {name: kind_of(name, params) for name in params}
    weights = [kind for kind in kinds.values() if kind in ("joint", "input")]
    stacks = gates if len(weights) == 1 else [1, *(n for n in gates if n > 1)]
    ones = [""] if "bias" in kinds.values() or "joint" not in kinds.values() else ["", "+1"]
    flips = (False, True) if weights else (False,)
    swaps = (False, True) if {"U", "V", "W"} <= set(params) else (False,)
    exchanged = {"input": "recurrent", "recurrent": "input"}
    for place, swap, layout, n, one, flip in product((FLAT, TRAILING, LEADING), swaps, LAYOUTS, stacks, ones, flips):
        if place is FLAT or n > 1:
            of = {name: exchanged.get(kind, kind) if swap else kind for name, kind in kinds.items()}
            rows = layout.rows != flip
            yield layout, {name: _shape(kind, layout, n, one, rows, place) for name, kind in of.items()}


def _shape(kind: str, layout: Layout, n: int, one: str, rows: bool, place: str) -> str:
    match kind:
        case "bias" if place is not FLAT:
            return f"{n} H" if place is LEADING else f"H {n}"
        case "bias" | "peephole":
            return layout.bias.format(n=n if kind == "bias" and n > 1 else "")
        case "readout-bias":
            return layout.bias.format(n="").replace("H", "O")
        case "readout":
            return "H O" if rows else "O H"
    width = {"recurrent": "H", "input": "D", "joint": f"D+H{one}"}[kind]
    if place is not FLAT:
        a, b = (width, "H") if rows else ("H", width)
        return place.format(a=a, b=b, n=n)
    stacked = f"{n}H" if n > 1 else "H"
    return f"{width} {stacked}" if rows else f"{stacked} {width}"
