r"""The forms of a derivation: fractions of the chain rule, rows of local Jacobians, and the rules in words.

A contribution is linear in the cotangent of the reader, and `as_row` reads it from right to left: Wᵀ(δr ⊙ s) is the
transpose of δrᵀ diag(s) W, the chain rule in rows. Where a rule is no chain of products (softmax, the gathering of
all steps) there is no such row, and only the column form is printed.

Read next: `reports.context`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import sympy

from derive.expr import Fixed, Op, Ref, Step, apply, axis_symbol, is_op, neg, plus, ref, refs, times
from derive.latex import dim_latex, fenced, index_latex, signed, transposed
from derive.primitives import TABLE, ShapeOf
from derive.simplify import shifted
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


@dataclass(frozen=True)
class Factors:
    """A column that is linear in one cotangent, as a row: number · prefix · δrᵀ · factors.

    Attributes:
        cotangent: δrᵀ as LaTeX.
        factors: local Jacobians, newest first, as LaTeX.
        number: in front of all.
        prefix: sums over other axes, and brackets [t = T].
        unit: the Jacobian without factors, the identity.
    """

    cotangent: str
    factors: tuple[str, ...] = ()
    number: sympy.Expr = sympy.S.One
    prefix: str = ""
    unit: str = "I"

    def then(self, *factors: str, number: sympy.Expr | None = None, prefix: str = "") -> Factors:
        """With more factors at the right, or more in front."""
        product = self.number if number is None else self.number * number
        return replace(self, factors=(*self.factors, *factors), number=product, prefix=prefix + self.prefix)

    @property
    def words(self) -> list[str]:
        """δrᵀ with everything in front of it, then the factors."""
        return [self._number() + self.prefix + self.cotangent, *self.factors]

    def jacobian(self) -> str:
        """The local Jacobian alone; the sum that goes with δr, and a bracket, belong to neither."""
        plain = [f[1:-1] if len(self.factors) == 1 and _whole(f) else f for f in self.factors]
        if plain:
            return self._number() + r"\,".join(plain)
        number = self._number().removesuffix(r"\,")
        return number + self.unit if self.unit == "I" or number in ("", "-") else number

    def _number(self) -> str:
        if self.number == 1:
            return ""
        return "-" if self.number == -1 else typeset(self.number) + r"\,"


def _whole(text: str) -> bool:
    """Whether one pair of parentheses holds all of it."""
    depths = list(accumulate((char == "(") - (char == ")") for char in text))
    return text.startswith("(") and text.endswith(")") and 0 not in depths[:-1]


def as_row(expr: sympy.Expr, marker: frozenset[str], names: SystemNames) -> list[str] | None:
    """A column that is linear in one cotangent as a row: factors of δrᵀ diag(s) W. None where it is no such chain."""
    found = factors(expr, marker, names)
    return None if found is None else found.words


def all_factors(expr: sympy.Expr, marker: frozenset[str], names: SystemNames) -> list[Factors] | None:
    """The rows of every additive term of a column; None where one of them is no such chain."""
    terms = expr.operands if is_op(expr, "plus") else (expr,)
    rows = [factors(term, marker, names) for term in terms]
    found = [row for row in rows if row is not None]
    return found if len(found) == len(rows) else None


def factors(expr: sympy.Expr, marker: frozenset[str], names: SystemNames) -> Factors | None:
    """The same as `Factors`."""
    if isinstance(expr, Ref) and expr.name in marker:
        shape = names.shape(expr)
        return (
            None
            if shape is None or shape[1] != 1
            else Factors(_row_of(expr, names), unit="1" if shape[0] == 1 else "I")
        )
    if not isinstance(expr, Op):
        return None
    holds = [any(read.name in marker for read in refs(operand)) for operand in expr.operands]
    if sum(holds) != 1:
        return None
    at = holds.index(True)
    if expr.primitive == "times":
        return _softmax(expr, marker, names) or _scaled(expr, at, marker, names)
    if expr.primitive == "reduce_to":
        return _dot(expr, marker, names)
    inner = factors(expr.operands[at], marker, names)
    if inner is None:
        return None
    if expr.primitive == "sum":
        axis = str(expr.static[0])
        return inner.then(prefix=rf"\sum_{{{axis}=1}}^{{{axis.upper()}}} ")
    if expr.primitive == "matmul" and at == len(expr.operands) - 1:
        return inner.then(*(_upright(matrix, names) for matrix in reversed(expr.operands[:at])))
    if expr.primitive == "broadcast_to" and names.shape(expr.operands[0]) == (1, 1) and expr.static[1] == 1:
        return inner.then(r"\boldsymbol{1}^{\top}")
    if expr.primitive == "place":
        position = expr.static[-1]
        return inner.then(prefix=rf"[{position.axis} = {index_latex(position)}]\,")
    if expr.primitive in ("rows", "embed"):  # a part of a concatenation, or the whole from a part
        low, high = expr.static[0].args
        part = rf"I_{{{dim_latex(low + 1)}:{dim_latex(high)}}}"
        return inner.then(part + (r"^{\top}" if expr.primitive == "rows" else ""))
    return None


def _row_of(read: Ref, names: SystemNames) -> str:
    text = names.read(read)
    return text if names.shape(read) == (1, 1) else transposed(text)


def _scaled(expr: Op, at: int, marker: frozenset[str], names: SystemNames) -> Factors | None:
    inner = factors(expr.operands[at], marker, names)
    if inner is None:
        return None
    others = [factor for position, factor in enumerate(expr.operands) if position != at]
    numbers = [factor for factor in others if factor.is_number]
    rest = [factor for factor in others if not factor.is_number]
    inner = inner.then(number=sympy.Mul(*numbers))
    if not rest:
        return inner
    own = names.shape(expr)
    if names.shape(expr.operands[at]) != own:  # a scalar cotangent, spread over a column
        return inner.then(_factor(turned(times(*rest), _shape_of(names)), names)) if own and own[1] == 1 else None
    if any(names.shape(factor) not in (own, (1, 1)) for factor in rest):
        return None
    if all(names.shape(factor) == (1, 1) for factor in rest):
        return inner.then(_factor(times(*rest), names))
    return inner.then(r"\operatorname{diag}" + fenced(typeset(times(*rest), names)))


def _factor(expr: sympy.Expr, names: SystemNames) -> str:
    """A factor of a row; a sum in parentheses, so that all of it is multiplied."""
    text = typeset(expr, names)
    return fenced(text) if is_op(expr, "plus") else text


def _softmax(expr: Op, marker: frozenset[str], names: SystemNames) -> Factors | None:
    """p ⊙ (δ − 1 (pᵀδ)) = (diag(p) − p pᵀ) δ, and the matrix is symmetric; None for what is no such thing."""
    if expr.primitive != "times" or len(expr.operands) != 2 or not is_op(expr.operands[1], "plus"):
        return None
    value, rest = expr.operands
    inner, shape = rest.operands[0], names.shape(expr)
    mean = apply("reduce_to", times(value, inner), static=(sympy.Integer(1), sympy.Integer(1)))
    if shape is None or shape[1] != 1 or rest != plus(inner, neg(mean)):
        return None
    row, text = factors(inner, marker, names), typeset(value, names)
    matrix = rf"\left(\operatorname{{diag}}({text}) - {text}\,{transposed(text)}\right)"
    return None if row is None else row.then(matrix)


def _dot(expr: Op, marker: frozenset[str], names: SystemNames) -> Factors | None:
    """1ᵀ(δ ⊙ s) = δᵀ s, and 1ᵀ δ."""
    (value,) = expr.operands
    if expr.static != (1, 1):
        return None
    if not is_op(value, "times"):
        row = factors(value, marker, names)
        return None if row is None else row.then(r"\boldsymbol{1}")
    mine = [f for f in value.operands if any(read.name in marker for read in refs(f))]
    rest = [f for f in value.operands if f not in mine]
    inner = factors(mine[0], marker, names) if len(mine) == 1 else None
    if inner is None or not rest:
        return None
    text = typeset(times(*rest), names, like=value)
    return inner.then(fenced(text) if r"\odot" in text or is_op(times(*rest), "plus") else text)


def _upright(matrix: sympy.Expr, names: SystemNames) -> str:
    """The transpose of a matrix, as it stands in the chain rule: W for W.T, W_{fh} for the rows of W_f.T."""
    if is_op(matrix, "rows"):
        text = typeset(matrix, names)
        return text.removesuffix(r"^{\top}") if text.endswith(r"^{\top}") else text + r"^{\top}"
    return _factor(matrix.operands[0] if is_op(matrix, "transpose") else turned(matrix, _shape_of(names)), names)


def _shape_of(names: SystemNames) -> ShapeOf:
    return names.system.shape_of


def jacobian(edge: Edge, bar: str, names: SystemNames, later: int = 0) -> tuple[str, ...] | None:
    """∂r/∂v alone, as additive terms in LaTeX: the row form without its cotangent, read `later` steps later.

    None where it is no matrix: r or v is one itself, or all steps are gathered.
    """
    axis = edge.reader.axis
    column = shifted(edge.contribution, axis, later) if later and axis is not None else edge.contribution
    rows = all_factors(column, frozenset({bar}), names)
    if rows is None:
        return None
    texts = [row.jacobian() for row in rows]
    return tuple(signed(text.removeprefix("-"), text[0] == "-", place == 0) for place, text in enumerate(texts))


def separate(path: Path, names: SystemNames, bars: Mapping[str, str]) -> str | None:
    """A path as δrᵀ and one local Jacobian for every edge; None where one of them is no single product."""
    late, delays = 0, []
    for edge in path.edges:
        late += edge.delay
        delays.append(late)
    outer, axis = path.edges[-1], path.edges[-1].reader.axis
    column = shifted(outer.contribution, axis, late) if late and axis is not None else outer.contribution
    row = all_factors(column, frozenset({bars[outer.reader.name]}), names)
    if row is None or len(row) != 1:
        return None
    found = row[0]
    for edge, delay in zip(reversed(path.edges[:-1]), reversed(delays[:-1]), strict=True):
        axis = edge.reader.axis
        inner = shifted(edge.contribution, axis, delay) if delay and axis is not None else edge.contribution
        step = all_factors(inner, frozenset({bars[edge.reader.name]}), names)
        if step is None or len(step) != 1 or step[0].prefix:
            return None
        found = found.then(*step[0].factors, number=step[0].number)
    return r"\,".join(found.words)


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
