"""Slots: the parameters of a system in blocks, each with the gate that it feeds and the source that it multiplies.

``W_f @ [h[t-1], x[t]] + b_f`` has three: columns of W_f that multiply h, columns that multiply x, and b_f, which
multiplies 1.  An author's array is an arrangement of slots: gates along one axis, sources along the other.  Both are
read off the equations, so a user's own cell has slots as the library's have.

Read next: `numeric.check.conventions.names`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import sympy

from derive.equation import COPIES
from derive.expr import Fixed, Op, Ref, Step, is_op, refs
from derive.system import Equation, System

ONE, INSIDE = "1", "1'"  # sources of a bias; of one that only a recurrent product shares, as in r * (U @ h + b)
DIAGONAL = "."  # ends the source of a diagonal matrix: p * c[t-1]
STEPS = ":"  # ends the source of a product with all steps, one below the other
WHOLE = "*"  # of a parameter that is no sum of products: it is taken as it is


@dataclass(frozen=True)
class Slot:
    """Columns of a parameter.

    Attributes:
        parameter: its name.
        gate: the quantity that it feeds; of a parameter that is taken whole, its own name.
        source: "h" or "x", `ONE`, `INSIDE`, "c." for a diagonal one, or `WHOLE`.
        rows, width: dimensions of the block as it stands.
        first: the column where it begins, None in a parameter that is a column itself.
        past: whether the source is read at another step.
        role: the source, as it is called in every copy of a cell: h for h_1, and x for what the layer below puts out.
        copy: gates that share a past have the same: one for each layer and direction.
    """

    parameter: str
    gate: str
    source: str
    rows: sympy.Expr
    width: sympy.Expr
    first: sympy.Expr | None
    past: bool = False
    role: str = ""
    copy: str = ""


@lru_cache(maxsize=512)
def slots(system: System) -> tuple[Slot, ...]:
    """All slots of a system, in the order of its equations; every parameter's columns belong to exactly one."""
    found = [slot for equation in system.equations for slot in _of(equation, system)]
    uses = Counter(read.name for equation in system.equations for read in refs(equation.expr))
    known = [slot for slot in found if uses[slot.parameter] == 1]
    covered = {slot.parameter for slot in known}
    whole = [_whole(name, system) for name in system.parameters if name not in covered]
    together = _clusters((*known, *whole))
    placed = [_placed(slot, together[slot.gate], system) for slot in (*known, *whole)]
    shared = Counter((slot.gate, slot.role) for slot in placed)
    apart = [replace(s, role=s.source) if shared[s.gate, s.role] > 1 else s for s in placed]
    return tuple(_counted(apart))


def _counted(found: Sequence[Slot]) -> Iterator[Slot]:
    """Slots with roles of their own: where a gate reads one source by two matrices, the second is ``h 2``."""
    seen: Counter[tuple[str, str]] = Counter()
    for slot in found:
        seen[slot.gate, slot.role] += 1
        number = seen[slot.gate, slot.role]
        again = number > 1 and slot.role not in (ONE, INSIDE, WHOLE)
        yield replace(slot, role=f"{slot.role} {number}") if again else slot


def _clusters(found: Sequence[Slot]) -> dict[str, str]:
    """By gate, the first of the gates that read the same past: the gates of one cell, one layer, one direction."""
    first = {slot.gate: slot.gate for slot in found}
    pasts: dict[str, str] = {}
    for slot in found:
        if slot.past:
            old, new = first[slot.gate], first[pasts.setdefault(slot.source.removesuffix(DIAGONAL), slot.gate)]
            first = {gate: new if leader == old else leader for gate, leader in first.items()}
    return first


def _placed(slot: Slot, copy: str, system: System) -> Slot:
    bare = slot.source.removesuffix(DIAGONAL)
    role = slot.source
    if bare in system.variables:
        own = _suffix(bare, system)
        role = original(bare, system) if own == _suffix(slot.gate, system) or not own else "x"
        role += slot.source[len(bare) :]
    return replace(slot, role=role, copy=copy)


def _suffix(name: str, system: System) -> str:
    return name.removeprefix(original(name, system))


def original(name: str, system: System) -> str:
    """What a quantity is called in the cell that it was copied from."""
    seen = {name}
    while (origin := system.variables[name].origin if name in system.variables else None) is not None:
        if origin.kind not in COPIES or origin.of in seen:
            break
        name = origin.of
        seen.add(name)
    # h_fwd_1 was h_fwd of a system that is gone, and h before that
    return name if name in system.variables else re.sub(r"_(?:fwd|bwd)$", "", name)


def _whole(name: str, system: System) -> Slot:
    shape = system.variables[name].shape
    rows, width = (*shape, sympy.Integer(1), sympy.Integer(1))[:2]
    return Slot(name, name, WHOLE, rows, width, sympy.Integer(0) if len(shape) == 2 else None)


def _of(equation: Equation, system: System) -> Iterator[Slot]:
    products = {source for slot in _walk(equation.expr, equation.name, system, frozenset()) for source in [slot.source]}
    yield from _walk(equation.expr, equation.name, system, frozenset(products))


def _walk(expr: sympy.Expr, gate: str, system: System, products: frozenset[str]) -> Iterator[Slot]:
    """Slots in an expression; `products` are the sources of all products of the equation."""
    if not isinstance(expr, Op):
        return
    if is_op(expr, "plus"):
        here = [slot for term in expr.operands for slot in _walk(term, gate, system, products)]
        beside = {slot.source for slot in here}
        inside = bool(beside) and bool(products - beside - {ONE, INSIDE})
        for term in expr.operands:
            if isinstance(term, Ref) and _is_parameter(term, system):
                yield _column(term, gate, INSIDE if inside else ONE, system)
        yield from here
    elif is_op(expr, "matmul") and len(expr.operands) == 2 and _is_parameter(expr.operands[0], system):
        weight, operand = expr.operands
        first = sympy.Integer(0)
        rows, _ = system.shape_of(weight)
        parts = list(_parts(operand, system))
        steps = {part.name for part in parts if isinstance(part, Ref) and isinstance(part.index, Fixed)}
        if len(parts) > 1 and len(steps) == 1 and all(isinstance(p, Ref) and isinstance(p.index, Fixed) for p in parts):
            yield Slot(weight.name, gate, f"{steps.pop()}{STEPS}", rows, system.shape_of(operand)[0], first)
            parts = []
        for part in parts:
            width, _ = system.shape_of(part)
            source, past = _source(part)
            yield Slot(weight.name, gate, source, rows, width, first, past)
            first += width
        yield from _walk(operand, gate, system, products)
    elif is_op(expr, "take") and _is_parameter(expr.operands[0], system):
        rows, width = system.shape_of(expr.operands[0])
        yield Slot(expr.operands[0].name, gate, expr.operands[1].name, rows, width, sympy.Integer(0))
    elif is_op(expr, "times") and len(expr.operands) == 2 and _is_parameter(expr.operands[0], system):
        weight, operand = expr.operands
        if isinstance(operand, Ref) and len(system.variables[weight.name].shape) == 1:
            past = isinstance(operand.index, Step) and operand.index.shift != 0
            yield replace(_column(weight, gate, operand.name + DIAGONAL, system), past=past)
    else:
        for operand in expr.operands:
            yield from _walk(operand, gate, system, products)


def _parts(operand: sympy.Expr, system: System) -> Iterator[sympy.Expr]:
    """What is stacked in the operand of a product, where it is written or where it is defined: h = [h_fwd, h_bwd]."""
    if is_op(operand, "concat"):
        for part in operand.operands:
            yield from _parts(part, system)
        return
    now = isinstance(operand, Ref) and isinstance(operand.index, Step) and operand.index.shift == 0
    if now and system.variables[operand.name].role == "defined":
        expr = system.equation(operand.name).expr
        if is_op(expr, "concat") and all(isinstance(part, Ref) for part in expr.operands):
            yield from expr.operands
            return
    yield operand


def _column(weight: Ref, gate: str, source: str, system: System) -> Slot:
    shape = system.variables[weight.name].shape
    rows = shape[0] if shape else sympy.Integer(1)
    if len(shape) > 1:
        return _whole(weight.name, system)
    return Slot(weight.name, gate, source, rows, sympy.Integer(1), None)


def _is_parameter(expr: sympy.Expr, system: System) -> bool:
    return isinstance(expr, Ref) and expr.index is None and system.variables[expr.name].role == "parameter"


def _source(part: sympy.Expr) -> tuple[str, bool]:
    """The quantity that a product reads, and whether of another step: of r * h[t-1] it is h."""
    reads = list(refs(part))
    past = [r for r in reads if isinstance(r.index, Step) and r.index.shift]
    return ((past or reads)[0].name, bool(past)) if reads else (ONE, False)
