"""Families of cells with their switches: what a dump may have computed.

A `Structure` is what the shapes of parameters can tell: which gates there are, and what they read.  Its variants have
the same parameters and differ in values only: the polarity of a GRU, the tanh at an LSTM's output, an activation.
Variants of the library are the library's systems; the others are written here in the same names.

Read next: `numeric.check.conventions.changes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from derive.language import parse
from derive.library import ENTRIES, load
from derive.system import System

FUNCTIONS = {"tanh": "tanh({})", "sigmoid": "sigmoid({})", "relu": "relu({})", "identity": "{}"}
JOINED = "{q}[t] = sigmoid(W_{q} @ [h[t-1], x[t]{more}]{peep} + b_{q})"


@dataclass(frozen=True)
class Variant:
    """A cell: the name of a library entry or its equations, what it is in words, and what is odd about it."""

    words: str
    text: str
    changed: tuple[str, ...] = ()

    def system(self) -> System:
        """The system; parsed once."""
        return _system(self.text, self.words)


@lru_cache(maxsize=256)
def _system(text: str, words: str) -> System:
    if text in ENTRIES:
        return load(text)
    return parse(text, name=words.partition(",")[0].lower().replace(" ", "-")).renamed(title=words)


@dataclass(frozen=True)
class Structure:
    """Cells with the same parameters; the commonest first."""

    family: str
    variants: tuple[Variant, ...]


def _rnn() -> Structure:
    entries = {"tanh": "rnn", "sigmoid": "rnn-sigmoid", "relu": "rnn-relu"}
    cell = "W_h : H, D + H\nb_h : H\nh[t] = {}".format
    found = [
        Variant(f"RNN, {name}", entries.get(name) or cell(form.format("W_h @ [h[t-1], x[t]] + b_h")))
        for name, form in FUNCTIONS.items()
    ]
    return Structure("rnn", tuple(found))


PEEPHOLES = {
    "none": "",
    "diagonal": ", diagonal peepholes, o sees c[t]",
    "previous": ", diagonal peepholes, o sees c[t-1]",
    "full": ", full peepholes",
}


def _lstm_text(forget: str, peephole: str, candidate: str, output: str) -> str:
    full = ", c[t-1]" if peephole == "full" else ""
    diagonal = peephole in ("diagonal", "previous")

    def gate(q: str, now: bool = False) -> str:
        peep = f" + p_{q} * c[t{'' if now else '-1'}]" if diagonal else ""
        return JOINED.format(q=q, more=full, peep=peep)

    gates = [g for g in "fio" if g != "f" or forget == "own"]
    wide = "D + 2*H" if full else "D + H"
    lines = [f"W_{q} : H, {wide}" for q in gates] + ["W_g : H, D + H"] + [f"b_{q} : H" for q in [*gates, "g"]]
    lines += [f"p_{q} : H" for q in gates] if diagonal else []
    lines += [gate("f")] if forget == "own" else []
    lines += [gate("i")] + (["f[t] = 1 - i[t]"] if forget == "coupled" else [])
    lines += ["g[t] = " + FUNCTIONS[candidate].format("W_g @ [h[t-1], x[t]] + b_g")]
    late = peephole == "diagonal"
    lines += [] if late else [gate("o")]
    lines += [f"c[t] = {'' if forget == 'none' else 'f[t] * '}c[t-1] + i[t] * g[t]"]
    lines += [gate("o", now=True)] if late else []
    return "\n".join([*lines, f"h[t] = o[t] * {FUNCTIONS[output].format('c[t]')}"])


def _lstm(forget: str, peephole: str) -> Structure:
    entry = {
        "none": "lstm",
        "diagonal": "lstm-peephole",
        "previous": "lstm-peephole-prev",
        "full": "lstm-peephole-full",
    }
    base = "LSTM" + {"own": "", "none": " without forget gate", "coupled": ", f = 1 - i"}[forget] + PEEPHOLES[peephole]
    found = []
    for candidate in ("tanh", "sigmoid", "identity", "relu"):
        for output in ("tanh", "identity", "sigmoid"):
            words = base + ("" if candidate == "tanh" else f", candidate {candidate}")
            words += {"tanh": "", "identity": ", no tanh at the output", "sigmoid": ", sigmoid at the output"}[output]
            plain = (forget, candidate, output) == ("own", "tanh", "tanh")
            text = entry[peephole] if plain else _lstm_text(forget, peephole, candidate, output)
            changed = () if output == "tanh" else (f"h = o * {FUNCTIONS[output].format('c')} in place of o * tanh(c)",)
            found.append(Variant(words, text, changed))
    if (forget, peephole) == ("none", "none"):
        found.append(Variant("LSTM of 1997", "lstm-1997"))
    return Structure("lstm", tuple(found))


UPDATE, KEEP = "h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]", "h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]"


def _gru(kind: str) -> Structure:
    entries = {
        ("before", "tanh", UPDATE): "gru",
        ("before", "tanh", KEEP): "gru-cho",
        ("after", "tanh", KEEP): "gru-reset-after",
        ("after", "tanh", UPDATE): "gru-reset-after-update",
        ("simplified", "tanh", UPDATE): "gru-simplified",
    }
    inside = {
        "before": "W_n @ [r[t] * h[t-1], x[t]] + b_n",
        "after": "W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + b_hn)",
        "simplified": "W_n @ [h[t-1], x[t]] + b_n",
        "minimal": "W_n @ [z[t] * h[t-1], x[t]] + b_n",
    }[kind]
    gates = ["z", "r"] if kind in ("before", "after") else ["z"]
    lines = [f"W_{q} : H, D + H" for q in gates] + [f"b_{q} : H" for q in [*gates, "n"]]
    lines += ["W_n : H, D", "U_n : H, H", "b_hn : H"] if kind == "after" else ["W_n : H, D + H"]
    lines += [JOINED.format(q=q, more="", peep="") for q in gates]
    words = {"before": "reset before the product", "after": "reset after the product"}
    title = {"simplified": "GRU, simplified", "minimal": "MGU"}.get(kind) or f"GRU, {words[kind]}"
    found = []
    for candidate in ("tanh", "sigmoid", "relu", "identity"):
        for polarity, says in ((KEEP, "z keeps"), (UPDATE, "z updates")):
            text = "\n".join([*lines, f"n[t] = {FUNCTIONS[candidate].format(inside)}", polarity])
            more = "" if candidate == "tanh" else f", candidate {candidate}"
            found.append(Variant(f"{title}, {says}{more}", entries.get((kind, candidate, polarity), text)))
    return Structure("gru", tuple(found))


STRUCTURES: tuple[tuple[str, Callable[[], Structure]], ...] = (
    ("rnn", _rnn),
    ("lstm", lambda: _lstm("own", "none")),
    ("gru", lambda: _gru("before")),
    ("gru", lambda: _gru("after")),
    ("lstm", lambda: _lstm("own", "diagonal")),
    ("lstm", lambda: _lstm("own", "previous")),
    ("lstm", lambda: _lstm("own", "full")),
    ("gru", lambda: _gru("simplified")),
    ("gru", lambda: _gru("minimal")),
    ("lstm", lambda: _lstm("coupled", "none")),
    ("lstm", lambda: _lstm("none", "none")),
    ("lstm", lambda: _lstm("coupled", "diagonal")),
    ("lstm", lambda: _lstm("none", "diagonal")),
    ("lstm", lambda: _lstm("coupled", "full")),
    ("lstm", lambda: _lstm("none", "full")),
)


def structures(cell: str = "") -> list[Structure]:
    """Structures of the family that a cell's name begins with, or all; the one that has the cell comes first."""
    found = [make() for name, make in STRUCTURES if cell.startswith(name) or not cell]
    return sorted(found, key=lambda structure: all(variant.text != cell for variant in structure.variants))
