r"""The forms of a derivation: fractions of the chain rule, rows of local Jacobians, and the rules in words.

A contribution is linear in the cotangent of the reader, and `as_row` reads it from right to left: Wᵀ(δr ⊙ s) is the
transpose of δrᵀ diag(s) W, the chain rule in rows. Where a rule is no chain of products (softmax, the gathering of
all steps) there is no such row, and only the column form is printed.

Read next: `reports.context`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.expr import Fixed, Op, Ref, Step, axis_symbol, is_op, ref, refs, times
from derive.latex import fenced, index_latex, transposed
from derive.primitives import TABLE, ShapeOf
from derive.structural import turned
from derive.system import System
from derive.typeset import typeset
from reports.derivation import Edge, Path
from reports.notation import LOSS, SystemNames


def chain(path: Path, name: str, names: SystemNames) -> str:
    r"""``\frac{∂L}{∂c_{t+1}} \frac{∂c_{t+1}}{∂c_t}``, with a sum where the reader runs along another axis."""
    refs_at = times_of(path, name, names.system)
    outer = refs_at[-1]
    text = names.derivative(LOSS, names.read(outer))
    for above, below in zip(reversed(refs_at[1:]), reversed(refs_at[:-1]), strict=True):
        text += rf"\,{names.derivative(names.read(above), names.read(below))}"
    edge = path.edges[-1]
    axis = edge.reader.axis
    if axis is not None and axis != names.system.variables[name].axis:
        text = rf"\sum_{{{axis}=1}}^{{{axis.upper()}}} {text}"
    elif isinstance(edge.read.index, Fixed) and not edge.read.index.is_boundary:
        text = rf"[{edge.read.index.axis} = {index_latex(edge.read.index)}]\,{text}"
    return text


def times_of(path: Path, name: str, system: System) -> list[Ref]:
    """v_t and its readers, each at the time at which it stands relative to v."""
    axis = system.variables[name].axis
    found = [ref(name, Step(axis_symbol(axis), sympy.Integer(0)) if axis else None)]
    delay = 0
    for edge in path.edges:
        delay += edge.delay
        out = edge.reader.out
        moved = isinstance(out.index, Step) and out.index.axis == axis
        found.append(ref(out.name, Step(axis_symbol(axis), sympy.Integer(delay))) if moved and axis else out)
    return found


def as_row(expr: sympy.Expr, marker: frozenset[str], names: SystemNames) -> list[str] | None:
    """A column that is linear in one cotangent as a row: factors of δrᵀ diag(s) W. None where it is no such chain."""
    if isinstance(expr, Ref) and expr.name in marker:
        shape = names.shape(expr)
        return None if shape is None or shape[1] != 1 else [_row_of(expr, names)]
    if not isinstance(expr, Op):
        return None
    if expr.primitive == "sum":
        inner = as_row(expr.operands[0], marker, names)
        axis = str(expr.static[0])
        return None if inner is None else [rf"\sum_{{{axis}=1}}^{{{axis.upper()}}} {inner[0]}", *inner[1:]]
    holds = [any(read.name in marker for read in refs(operand)) for operand in expr.operands]
    if sum(holds) != 1:
        return None
    at = holds.index(True)
    if expr.primitive == "times":
        return _row_times(expr, at, marker, names)
    if expr.primitive == "matmul" and at == len(expr.operands) - 1:
        inner = as_row(expr.operands[at], marker, names)
        matrices = [_upright(factor, names) for factor in reversed(expr.operands[:at])]
        return None if inner is None else [*inner, *matrices]
    if expr.primitive == "place":
        inner = as_row(expr.operands[0], marker, names)
        position = expr.static[-1]
        return None if inner is None else [rf"[{position.axis} = {index_latex(position)}]\,{inner[0]}", *inner[1:]]
    return _row_dot(expr, marker, names) if expr.primitive == "reduce_to" else None


def _row_of(read: Ref, names: SystemNames) -> str:
    text = names.read(read)
    return text if names.shape(read) == (1, 1) else transposed(text)


def _row_times(expr: Op, at: int, marker: frozenset[str], names: SystemNames) -> list[str] | None:
    inner = as_row(expr.operands[at], marker, names)
    if inner is None:
        return None
    others = [factor for position, factor in enumerate(expr.operands) if position != at]
    numbers = [factor for factor in others if factor.is_number]
    rest = [factor for factor in others if not factor.is_number]
    if names.shape(expr.operands[at]) != names.shape(expr):
        if len(rest) != 1 or numbers:
            return None
        return [*inner, typeset(turned(rest[0], _shape_of(names)), names)]
    if any(names.shape(factor) not in (names.shape(expr), (1, 1)) for factor in rest):
        return None
    product = typeset(times(*rest), names) if rest else ""
    diagonal = (r"\operatorname{diag}" if names.shape(expr) != (1, 1) else "") + fenced(product)
    number = sympy.Mul(*numbers)
    front = [] if number == 1 else ["-" if number == -1 else typeset(number, names) + r"\,"]
    return [*([front[0] + inner[0]] if front else [inner[0]]), *inner[1:], *([diagonal] if product else [])]


def _row_dot(expr: Op, marker: frozenset[str], names: SystemNames) -> list[str] | None:
    """1ᵀ(δ ⊙ s) = δᵀ s."""
    (value,) = expr.operands
    if expr.static != (1, 1) or not is_op(value, "times"):
        return None
    mine = [f for f in value.operands if any(read.name in marker for read in refs(f))]
    rest = [f for f in value.operands if f not in mine]
    inner = as_row(mine[0], marker, names) if len(mine) == 1 else None
    return None if inner is None or not rest else [*inner, typeset(times(*rest), names, like=value)]


def _upright(matrix: sympy.Expr, names: SystemNames) -> str:
    """The transpose of a matrix, as it stands in the chain rule: W for W.T, W_{fh} for the rows of W_f.T."""
    if is_op(matrix, "rows"):
        text = typeset(matrix, names)
        return text.removesuffix(r"^{\top}") if text.endswith(r"^{\top}") else text + r"^{\top}"
    return (
        typeset(turned(matrix, _shape_of(names)), names)
        if not is_op(matrix, "transpose")
        else typeset(matrix.operands[0], names)
    )


def _shape_of(names: SystemNames) -> ShapeOf:
    return names.system.shape_of


def jacobian(edge: Edge, bar: str, names: SystemNames) -> str | None:
    """∂r/∂v alone, as LaTeX: the row form without its cotangent."""
    row = as_row(edge.contribution, frozenset({bar}), names)
    if row is None or len(row) < 2:
        return None
    negative = row[0].startswith("-")
    return ("-" if negative else "") + r"\,".join(row[1:])


def rule_text(rules: Sequence[str], names: SystemNames) -> str:
    """The records that fired, in words: ``product, tanh′``; sums pass a cotangent on unchanged and are not named."""
    words = []
    for rule in rules:
        record = TABLE[rule]
        if rule in SILENT:
            continue
        if record.is_elementwise:
            words.append(f"{LETTERS.get(rule, rule)}′")
        else:
            words.append(WORDS.get(rule, rule))
    return ", ".join(dict.fromkeys(words)) or "sum"


LETTERS = {"sigmoid": "σ"}
SILENT = frozenset({"plus", "broadcast_to"})
WORDS = {
    "plus": "sum",
    "times": "product",
    "matmul": "matrix product",
    "concat": "concatenation",
    "power": "power",
    "transpose": "transpose",
    "rows": "rows",
    "stack": "all steps gathered",
    "sum": "sum over time",
    "reduce_to": "sum",
    "take": "column picked",
}
