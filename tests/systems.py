"""Random systems of the language, valid by construction (a Hypothesis strategy).

Layers of one or two recurrent states, forward or backward in time, with lags 1 and 2; gates; concatenations; matrix
states; time-free quantities, given or computed; initial values by equation; picks ``h[T]``, ``h[1]``; sums over
time; a second axis that reads the first by attention.  They are written as text, with every leaf declared, so a
failing example prints as something that can be pasted into ``derive.parse``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

import derive
from derive import System

DIMENSIONS = ("D", "H", "K")
SMOOTH = ("tanh", "sigmoid", "sin", "cos", "softplus", "silu")
KINKED = ("relu", "abs")


@dataclass
class Writer:
    """Text in the making; columns that may be read, by dimension, as they are written at the current step."""

    draw: Any
    kinks: bool
    declarations: list[str] = field(default_factory=list)
    equations: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    scalars: list[str] = field(default_factory=list)

    # --- drawing -------------------------------------------------------------------------------------------

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def new(self, stem: str) -> str:
        self.counts[stem] = self.counts.get(stem, 0) + 1
        return f"{stem}{self.counts[stem]}"

    def leaf(self, stem: str, shape: str) -> str:
        name = self.new(stem)
        self.declarations.append(f"{name} : {shape}")
        return name

    def offer(self, dimension: str, text: str) -> None:
        self.columns.setdefault(dimension, []).append(text)

    def text(self) -> str:
        """The system; what was declared and then never chosen is left out."""
        used = set(re.findall(r"\w+", "\n".join(self.equations)))
        names = [re.sub(r"^(const|input) ", "", line) for line in self.declarations]
        kept = [d for d, name in zip(self.declarations, names, strict=True) if re.split(r"\W", name)[0] in used]
        return "\n".join([*kept, *self.equations])

    # --- expressions ---------------------------------------------------------------------------------------

    def read(self, dimension: str) -> str:
        """Some column of that dimension: one that exists, or the product of a new matrix with one."""
        here = self.columns.get(dimension, [])
        if here and self.chance():
            return str(self.pick(*here))
        return self.product(dimension)

    def product(self, dimension: str) -> str:
        """A matrix times something that exists."""
        other = self.pick(*sorted(self.columns))
        column = self.pick(*self.columns[other])
        if self.chance():
            second = self.pick(*sorted(self.columns))
            part = self.pick(*self.columns[second])
            return f"{self.leaf('W', f'{dimension}, {other} + {second}')} @ [{column}, {part}]"
        return f"{self.leaf('W', f'{dimension}, {other}')} @ {column}"

    def affine(self, dimension: str) -> str:
        """A sum of one to three columns, as a pre-activation has."""
        terms = [self.product(dimension)] + [self.read(dimension) for _ in range(self.pick(0, 1))]
        if self.chance():
            terms.append(self.leaf("b", dimension))
        return self.pick(" + ", " - ").join(terms)

    def column(self, dimension: str) -> str:
        """A bounded column of that dimension."""
        function = self.pick(*SMOOTH, *(KINKED if self.kinks else ()))
        kind = self.pick(*("function",) * 2, "gated", "scaled", "ratio", "simplex", "outer", "rows", "stop", "power")
        inner = self.affine(dimension)
        match kind:
            case "function":
                return f"{function}({inner})"
            case "gated":
                return f"sigmoid({inner}) * tanh({self.affine(dimension)})"
            case "scaled":
                return f"{self.scalar()} * tanh({inner})"
            case "ratio":
                return f"tanh({inner}) / (1.5 + sin({self.affine(dimension)}))"
            case "simplex":
                return f"softmax({inner})"
            case "outer":
                if dimension not in self.columns:
                    return f"cos({inner})"
                return f"tanh(({self.read(dimension)}) @ ({self.pick(*self.columns[dimension])}).T @ tanh({inner}))"
            case "rows":
                wide = self.leaf("W", f"{dimension} + D, {dimension}")
                return f"rows(tanh({wide} @ ({inner})), 0:{dimension})"
            case "stop":
                return f"tanh({inner}) * stop(tanh({self.read(dimension)}))"
            case _:
                return f"sqrt(1 + ({inner})**2) * 0.5"

    def scalar(self) -> str:
        """Something with one row and one column."""
        dimension = self.pick(*sorted(self.columns))
        column = self.pick(*self.columns[dimension])
        fresh = f"tanh({self.leaf('v', dimension)}.T @ {column})"
        return str(self.pick(*self.scalars, fresh, f"(0.1 * logsumexp({column}))", "0.5"))


@st.composite
def systems(draw: Any, *, kinks: bool = True, chunkable: bool = False) -> System:
    """A system.

    Args:
        draw: supplied by Hypothesis.
        kinks: whether functions with a kink may occur.
        chunkable: only what can be run in chunks: one direction of time, one axis, nothing that sees all steps.
    """
    writer = Writer(draw, kinks)
    _inputs(writer, chunkable)
    states: list[tuple[str, str, int]] = []
    direction = writer.pick(-1, 1)
    for _ in range(writer.pick(1, 1, 2)):
        states += _layer(writer, direction, chunkable)
        direction = direction if chunkable else writer.pick(-1, 1)
    if not chunkable:
        _boundaries(writer, states)
        for extra in (_whole, _attention, _matrix_state):
            if writer.pick(0, 0, 1):
                extra(writer, states)
    return derive.parse(writer.text())


def _inputs(writer: Writer, chunkable: bool) -> None:
    writer.declarations.append("x[t] : D")
    writer.offer("D", "x[t]")
    if not chunkable and writer.chance():
        writer.offer("D", f"x[t{writer.pick(-1, 1):+d}]")
    if writer.pick(0, 0, 1):
        writer.declarations.append("m[t] : scalar")
        writer.scalars.append("m[t]")
    if writer.pick(0, 0, 1):
        dimension = writer.pick(*DIMENSIONS)
        writer.declarations += ["j[t] : index V", f"E : {dimension}, V"]
        writer.offer(dimension, f"take(E, j[t{writer.pick('', '', '-1')}])")
    if writer.pick(0, 0, 1):
        writer.declarations.append("input y : K")
        writer.offer("K", "y")
    if writer.pick(0, 0, 1):
        shared = writer.leaf("a", "H")
        writer.equations.append(f"n = tanh({shared}) * {writer.leaf('a', 'H')}")
        writer.offer("H", "n")
    if writer.pick(0, 0, 0, 1):
        writer.declarations.append("const N : H, D")
        writer.offer("H", "(N @ x[t])")


def _layer(writer: Writer, direction: int, chunkable: bool) -> list[tuple[str, str, int]]:
    """One or two states that read each other at earlier steps (later ones if the layer runs backward)."""
    found = [(writer.new("h"), writer.pick("H", "K"), writer.pick(1, 1, 2)) for _ in range(writer.pick(1, 1, 2))]
    before = {dimension: list(texts) for dimension, texts in writer.columns.items()}
    for name, dimension, lag in found:
        for shift in range(1, lag + 1):
            writer.offer(dimension, f"{name}[t{-direction * shift:+d}]")
    lines = []
    for name, dimension, lag in found:
        recurrent = f"{writer.leaf('W', f'{dimension}, {dimension}')} @ {name}[t{-direction * lag:+d}]"
        if writer.chance():
            gate = writer.new("g")
            lines.append(f"{gate}[t] = sigmoid({writer.affine(dimension)})")
            update = f"{gate}[t] * {name}[t{-direction:+d}] + (1 - {gate}[t]) * {writer.column(dimension)}"
            lines.append(f"{name}[t] = {update} + tanh({recurrent})")
        else:
            lines.append(f"{name}[t] = tanh({recurrent} + {writer.affine(dimension)}) + {writer.column(dimension)}")
        writer.offer(dimension, f"{name}[t]")
    writer.equations += lines
    writer.columns = before
    for name, dimension, _ in found:
        writer.offer(dimension, f"{name}[t]")
        if not chunkable and writer.pick(0, 0, 1):
            writer.offer(dimension, f"{name}[t{writer.pick(-2, -1, 1, 2):+d}]")
    return found


def _boundaries(writer: Writer, states: list[tuple[str, str, int]]) -> None:
    """The initial value of the first forward state by an equation, where it is read."""
    for name, dimension, _ in states:
        if any(f"{name}[t-1]" in line for line in writer.equations) and writer.pick(0, 0, 1):
            writer.equations.append(f"{name}[0] = tanh({writer.leaf('c', dimension)})")


def _whole(writer: Writer, states: list[tuple[str, str, int]]) -> None:
    """Time-free outputs: a sum over time, the last and the first step."""
    name, dimension, _ = writer.pick(*states)
    out = f"tanh({writer.leaf('W', f'O, {dimension}')} @ sum[t]({name}[t] * {writer.column(dimension)}))"
    name, dimension, _ = writer.pick(*states)
    step = writer.pick("T", "1", "T-1")
    writer.equations.append(f"out = {out} + {writer.leaf('W', f'O, {dimension}')} @ {name}[{step}]")


def _matrix_state(writer: Writer, states: list[tuple[str, str, int]]) -> None:
    """Fast weights: a matrix that decays and is written by an outer product."""
    name, columns = writer.pick(*states)[0], writer.pick(*sorted(writer.columns))
    key = writer.pick(*writer.columns[columns])
    writer.equations.append(f"F[t] = 0.5 * F[t-1] + tanh({name}[t]) @ tanh({key}).T")
    writer.equations.append(f"r[t] = F[t] @ {writer.pick(*writer.columns[columns])}")


def _attention(writer: Writer, states: list[tuple[str, str, int]]) -> None:
    """A second axis whose steps read all steps of the first."""
    name, dimension, _ = writer.pick(*states)
    query = writer.leaf("W", f"{dimension}, S")
    if writer.chance():
        score = f"{name}[:].T @ {query} @ s[u-1]"
    else:
        key, value = writer.leaf("W", f"S, {dimension}"), writer.leaf("v", "S")
        score = f"tanh({key} @ {name}[:] + s[u-1]).T @ {value} + {name}[:].T @ {query} @ s[u-1]"
    writer.equations.append(f"e[u] = softmax({score})")
    context = f"{writer.leaf('W', f'S, {dimension}')} @ ({name}[:] @ e[u])"
    writer.equations.append(f"s[u] = tanh({writer.leaf('W', 'S, S')} @ s[u-1] + {context})")
    if writer.chance():
        writer.equations.append(f"s[0] = tanh({writer.leaf('W', f'S, {dimension}')} @ {name}[{writer.pick('1', 'T')}])")
