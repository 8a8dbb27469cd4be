r"""The steps of a derivation, generated from the rules that fired.

For a quantity v: who reads it? Every reader r contributes ∂L/∂r · ∂r/∂v, and ∂r/∂v is what the rules of the primitives
between r and v say. Here the rules of `derive.primitives.TABLE` are run again, one reader at a time, and every record
that fired is written down by name. So the text cannot disagree with the adjoint: a wrong rule would show in both, and
a test changes one to see that the text changes.

A contribution is linear in the cotangent of the reader, and `as_row` reads it from right to left: Wᵀ(δr ⊙ s) is the
transpose of δrᵀ diag(s) W, the chain rule in rows. Where a rule is no chain of products (softmax, the gathering of
all steps) there is no such row, and only the column form is printed.

Read next: `reports.context`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from derive.elementwise import partial
from derive.equation import Equation
from derive.expr import Fixed, Index, Op, Ref, Step, apply, axis_symbol, is_op, plus, ref, refs, times
from derive.primitives import TABLE, ShapeOf
from derive.rewrite import replace as substitute
from derive.simplify import shifted, tidied
from derive.structural import fit, turned
from derive.system import System
from derive.typeset import index_latex, typeset
from reports.notation import LOSS, SystemNames


@dataclass(frozen=True)
class Edge:
    """One equation that reads a quantity.

    Attributes:
        reader: the equation.
        read: the quantity, at the index at which it is read.
        contribution: what reaches the quantity, in terms of the reader's cotangent, at the reader's own time.
        rules: names of the records that fired between them, outermost first.
    """

    reader: Equation
    read: Ref
    contribution: sympy.Expr
    rules: tuple[str, ...]

    @property
    def delay(self) -> int:
        """How many steps after v the reader stands: v[t-1] is read one step later."""
        return -self.read.index.shift if isinstance(self.read.index, Step) else 0


@dataclass(frozen=True)
class Path:
    """A chain of readers from a quantity to a cotangent that has its own equation.

    Attributes:
        edges: from the quantity outwards; all but the last go through quantities whose δ is not printed.
        column: the whole contribution, at the quantity's own time.
    """

    edges: tuple[Edge, ...]
    column: sympy.Expr


class Readings:
    """Who reads what in a system, and what flows back.

    Args:
        adjoint: the adjoint, with its primal, every cotangent named.
        kept: names of the cotangents that are printed; others are passed through.
    """

    def __init__(self, adjoint: System, kept: frozenset[str]) -> None:
        self.adjoint, self.kept = adjoint, kept
        self.cotangent = {
            var.origin.of: name
            for name, var in adjoint.variables.items()
            if var.origin is not None and var.origin.kind == "cotangent"
        }
        derived = {name for name, var in adjoint.variables.items() if var.origin is not None} - {
            name for name, var in adjoint.variables.items() if var.origin and var.origin.kind in PRIMAL
        }
        self.primal = tuple(e for e in adjoint.equations if e.name not in derived)

    def edges(self, name: str) -> list[Edge]:
        """All readers of a quantity that pass something back, same step first, then by delay."""
        found: dict[tuple[Ref, Index | None], Edge] = {}
        for equation in self.primal:
            if equation.name not in self.cotangent:
                continue
            seed = ref(self.cotangent[equation.name], equation.out.index)
            context = (equation.axis,) if equation.axis else ()
            for read, value, rules in self._pull(equation.expr, seed, context, equation.out, name, ()):
                old = found.get((equation.out, read.index))
                total = value if old is None else plus(old.contribution, value)
                fired = rules if old is None else (*old.rules, *(rule for rule in rules if rule not in old.rules))
                found[equation.out, read.index] = Edge(equation, read, total, fired)
        edges = [replace(edge, contribution=tidied(edge.contribution)) for edge in found.values()]
        return sorted(edges, key=lambda edge: _place(edge.read.index))

    def paths(self, name: str) -> list[Path]:
        """The terms of the chain rule for a quantity."""
        result = []
        for edge in self.edges(name):
            bar = self.cotangent[edge.reader.name]
            axis = edge.reader.axis
            if bar in self.kept or axis is None or self.adjoint.variables[name].axis != axis:
                result.append(Path((edge,), self._moved(edge.contribution, edge)))
                continue
            for path in self.paths(edge.reader.name):
                inner = path.column
                whole = substitute(edge.contribution, lambda r: inner if r.name == bar else r)  # noqa: B023
                result.append(Path((edge, *path.edges), self._moved(tidied(whole), edge)))
        return result

    def _moved(self, value: sympy.Expr, edge: Edge) -> sympy.Expr:
        axis, index = edge.reader.axis, edge.read.index
        if axis is not None and isinstance(index, Step) and index.axis == axis and index.shift:
            return shifted(value, axis, -index.shift)
        if isinstance(index, Fixed) and not index.is_boundary:
            return apply("place", value, static=(index,))
        return value

    def _pull(
        self,
        expr: sympy.Expr,
        ybar: sympy.Expr,
        context: tuple[str, ...],
        value: sympy.Expr,
        name: str,
        rules: tuple[str, ...],
    ) -> Iterator[tuple[Ref, sympy.Expr, tuple[str, ...]]]:
        """(read, what reaches it, records fired) for every read of `name` in an expression."""
        if isinstance(expr, Ref):
            if expr.name == name:
                keep = expr.index.axis if isinstance(expr.index, Step) else None
                yield expr, _summed(ybar, tuple(axis for axis in context if axis != keep)), rules
            return
        if not isinstance(expr, Op) or not any(read.name == name for read in refs(expr)):
            return
        record = TABLE[expr.primitive]
        if record.binds:
            axis = str(expr.static[0])
            inside = {r.index.axis for r in refs(expr.operands[0]) if isinstance(r.index, Step)}
            outer = tuple(a for a in context if a == axis or a not in inside)
            ybar, context = _summed(ybar, outer), (*(a for a in context if a not in outer), axis)
        for position, operand in enumerate(expr.operands):
            if any(read.name == name for read in refs(operand)):
                contribution = vjp(expr, ybar, position, value, self.adjoint.shape_of)
                if contribution is not None:
                    yield from self._pull(operand, contribution, context, operand, name, (*rules, expr.primitive))


PRIMAL = ("pre-activation", "operand")


def _place(index: Index | None) -> tuple[int, int]:
    if isinstance(index, Step):
        return (0, 0) if index.shift == 0 else (1, index.shift)
    return 2, 0


def _summed(value: sympy.Expr, axes: Sequence[str]) -> sympy.Expr:
    for axis in axes:
        value = apply("sum", value, static=(axis_symbol(axis),))
    return value


def vjp(call: Op, ybar: sympy.Expr, position: int, value: sympy.Expr, shape_of: ShapeOf) -> sympy.Expr | None:
    """What a record sends to one operand: its written rule, or the derivative that follows from its meaning."""
    record = TABLE[call.primitive]
    if record.vjp is not None:
        return record.vjp(call, value, ybar, position, shape_of)
    slope = partial(call.primitive, position)(value, *call.operands)
    return None if slope == 0 else fit(times(ybar, slope), shape_of(call.operands[position]), shape_of)


# --- the three forms ----------------------------------------------------------------------------------------------


def chain(path: Path, name: str, names: SystemNames) -> str:
    r"""``\frac{∂L}{∂c_{t+1}} \frac{∂c_{t+1}}{∂c_t}``, with a sum where the reader runs along another axis."""
    refs_at = _times(path, name, names.system)
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


def _times(path: Path, name: str, system: System) -> list[Ref]:
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
    return _row_dot(expr, marker, names) if expr.primitive == "reduce_to" else None


def _row_of(read: Ref, names: SystemNames) -> str:
    text = names.read(read)
    return text if names.shape(read) == (1, 1) else (f"{{{text}}}" if "^" in text else text) + r"^{\top}"


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
    diagonal = rf"\operatorname{{diag}}\left({product}\right)" if names.shape(expr) != (1, 1) else rf"\left({product}\right)"
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
    return typeset(turned(matrix, _shape_of(names)), names) if not is_op(matrix, "transpose") else typeset(
        matrix.operands[0], names
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
            name = record.latex.split(r"\left")[0].replace("{{", "{").replace("}}", "}")
            words.append(f"${name}'$" if name and "{0}" not in name else f"{rule}′")
        else:
            words.append(WORDS.get(rule, rule))
    return ", ".join(dict.fromkeys(words)) or "sum"


SILENT = frozenset({"plus", "broadcast_to"})
WORDS = {
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
