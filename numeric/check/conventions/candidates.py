"""Candidates: systems that a dump may have computed, in the order in which they are tried.

A group has the same parameters, so that its candidates share all layouts.

Read next: `numeric.check.conventions.search`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice

from derive.equation import Equation, Var
from derive.expr import apply, concat, fixed, is_op, matmul, plus, ref, step
from derive.networks import bidirectional, head, stack
from derive.networks.layers import defined
from derive.networks.rename import assembled, dimension_text
from derive.operands import name_operands
from derive.system import System
from numeric.check.conventions.changes import changes
from numeric.check.conventions.families import Structure, Variant, structures

COMMON = 2  # variants of a structure that are tried with changes: of the GRU both polarities
DEEP = 4  # structures that are tried in networks of several cells: the commonest of all, or of a family
HEADS = ("linear", "softmax", "sigmoid")


@dataclass(frozen=True)
class Candidate:
    """A system that may have been computed, in words.

    Attributes:
        make: the system.
        changed: what differs from the cell of that name, which is what was `intended`.
    """

    words: str
    make: Callable[[], System]
    changed: tuple[str, ...] = ()
    intended: Callable[[], System] | None = None


Group = tuple[Candidate, ...]  # systems with the same parameters


def groups(
    cell: System | None, family: str, count: int, lengths: Sequence[int] = (), words: bool = False
) -> Iterator[list[Group]]:
    """Candidates by structure: bare cells and cells with a read-out; then two directions, two layers.

    Args:
        cell: the user's own, which is then the only one, with or without a read-out.
        family: that is searched; "" for all.
        count: how many arrays of parameters there are.
        lengths: that the sequences may have, for a read-out of all steps side by side.
        words: whether an input is integers, which may be looked up in a table of vectors.
    """
    if cell is not None:
        own = cell.title or cell.name
        yield [(Candidate(own, _Given(cell)),), *_probabilities(cell, own)]
        if len(cell.outputs) == 1 and cell.variables[cell.outputs[0]].axis is not None:
            yield [tuple(Candidate(f"{own}, {kind} read-out", partial(head, cell, kind)) for kind in HEADS)]
        return
    found = structures(family)
    yield [build(structure) for build in (_bare, _read_out) for structure in found]
    if words:
        yield [tuple(map(embedded, build(structure))) for build in (_bare, _read_out) for structure in found[:DEEP]]
    for build, least in NETWORKS.items():
        if count >= least:
            yield [build(structure) for structure in found[:DEEP]]
    for steps in lengths:
        yield [_wide_read_out(structure, steps) for structure in found[:DEEP]]


def _probabilities(cell: System, own: str) -> Iterator[Group]:
    """The user's cell with softmax or sigmoid of an output, of which its equations say nothing."""
    for name in cell.outputs:
        var = cell.variables[name]
        if len(var.shape) > 1 or any(is_op(cell.equation(name).expr, kind) for kind in HEADS):
            continue
        read = ref(name, step(var.axis) if var.axis is not None else None)
        free = next(wish for wish in ("p", f"p_{name}", f"{name}_probability") if wish not in cell.variables)
        kinds = HEADS[1:] if var.shape else HEADS[2:]
        systems = [(kind, defined(cell, free, apply(kind, read), var.axis)) for kind in kinds]
        yield tuple(Candidate(f"{own}, {name} under a {kind} read-out", _Given(system)) for kind, system in systems)


def _bare(structure: Structure) -> Group:
    plain = _intended(structure)
    return tuple(
        Candidate(variant.words, variant.system, variant.changed, meant.system if variant.changed else None)
        for variant, meant in zip(structure.variants, plain, strict=True)
    )


def _intended(structure: Structure) -> list[Variant]:
    """For each variant, the last one before it that nothing was changed in."""
    found: list[Variant] = []
    for variant in structure.variants:
        found.append(found[-1] if variant.changed and found else variant)
    return found


def _read_out(structure: Structure) -> Group:
    return tuple(
        Candidate(
            f"{variant.words}, {kind} read-out",
            partial(_with_head, variant, kind),
            variant.changed,
            partial(_with_head, meant, kind) if variant.changed else None,
        )
        for variant, meant in zip(structure.variants, _intended(structure), strict=True)
        for kind in HEADS
    )


def _two_ways(structure: Structure) -> Group:
    return tuple(Candidate(f"bidirectional {v.words}", partial(_with_directions, v)) for v in structure.variants)


def _two_layers(structure: Structure) -> Group:
    return tuple(Candidate(f"two layers of {v.words}", partial(_with_layers, v)) for v in structure.variants)


def embedded(candidate: Candidate) -> Candidate:
    """The same with an embedding below: ``x[t] = take(E, k[t])``."""
    intended = candidate.intended
    return replace(
        candidate,
        words=f"embedding, {candidate.words}",
        make=partial(_looked_up, candidate.make),
        intended=None if intended is None else partial(_looked_up, intended),
    )


@cache
def _looked_up(make: Callable[[], System]) -> System:
    cell = make()
    x, table, index = cell.variables["x"], Var("E", (), None, "parameter"), dimension_text("V")
    own = (Var("x", x.shape, x.axis), replace(table, shape=(x.shape[0], index)), Var("k", (), x.axis, "input", index))
    found = Equation(ref("x", step(str(x.axis))), apply("take", ref("E"), ref("k", step(str(x.axis)))))
    return assembled((found, *cell.equations), {**cell.variables, **{var.name: var for var in own}}, cell)


def _three_layers(structure: Structure) -> Group:
    return tuple(Candidate(f"three layers of {v.words}", partial(_with_layers, v, 3)) for v in structure.variants)


def _two_layers_two_ways(structure: Structure) -> Group:
    return tuple(Candidate(f"two layers of bidirectional {v.words}", partial(_deep, v)) for v in structure.variants)


def _two_ways_read_out(structure: Structure) -> Group:
    return tuple(
        Candidate(f"bidirectional {v.words}, {kind} read-out", partial(_with_both, v, kind))
        for v in structure.variants
        for kind in HEADS
    )


def _two_layers_read_out(structure: Structure) -> Group:
    return tuple(
        Candidate(f"two layers of {v.words}, {kind} read-out", partial(_with_layers_and_head, v, kind))
        for v in structure.variants
        for kind in HEADS
    )


@dataclass(frozen=True)
class _Given:
    """The user's own cell."""

    cell: System

    def __call__(self) -> System:
        return self.cell


@cache
def _with_head(variant: Variant, kind: str) -> System:
    return head(variant.system(), kind)


def _wide_read_out(structure: Structure, steps: int) -> Group:
    return tuple(
        Candidate(f"{v.words}, {kind} read-out of all steps", partial(_with_wide_head, v, kind, steps), v.changed)
        for v in structure.variants
        for kind in HEADS
    )


@cache
def _with_wide_head(variant: Variant, kind: str, steps: int) -> System:
    """y = W_y @ [h[1], …, h[T]] + b_y."""
    cell = variant.system()
    axis, (rows,) = str(cell.variables["h"].axis), cell.variables["h"].shape
    size = dimension_text("O")
    weight, bias = Var("W_y", (size, steps * rows), None, "parameter"), Var("b_y", (size,), None, "parameter")
    y = Var("y", (size,))
    below = concat(*(ref("h", fixed(axis, step + 1)) for step in range(steps)))
    read = Equation(ref("y"), plus(matmul(ref("W_y"), below), ref("b_y")))
    net = assembled((*cell.equations, read), {**cell.variables, "W_y": weight, "b_y": bias, "y": y}, cell)
    return net if kind == "linear" else defined(net, "p", apply(kind, ref("y")), None)


@cache
def _with_directions(variant: Variant) -> System:
    return bidirectional(variant.system(), output="h")


@cache
def _with_both(variant: Variant, kind: str) -> System:
    return head(_with_directions(variant), kind)


@cache
def _with_layers(variant: Variant, layers: int = 2) -> System:
    return stack([variant.system()] * layers, output="h")


@cache
def _deep(variant: Variant) -> System:
    return stack([_with_directions(variant)] * 2, output="h")


@cache
def _with_layers_and_head(variant: Variant, kind: str) -> System:
    return head(_with_layers(variant), kind)


NETWORKS: Mapping[Callable[[Structure], Group], int] = {  # and the number of arrays from which on they are possible
    _two_ways: 2,
    _two_layers: 2,
    _two_ways_read_out: 3,
    _two_layers_read_out: 3,
    _three_layers: 3,
    _two_layers_two_ways: 4,
}


def changed(group: Group) -> Iterator[Candidate]:
    """The commonest of a group, each with one change of its forward."""
    plain = (c for c in group if not c.changed and not c.words.endswith(("softmax read-out", "sigmoid read-out")))
    for candidate in islice(plain, COMMON):
        for system, words in changes(candidate.make()):
            yield Candidate(candidate.words, _Given(system), (words,), candidate.make)


@cache
def operands_named(make: Callable[[], System]) -> System:
    """The system of a candidate with names for all operands."""
    return name_operands(make())
