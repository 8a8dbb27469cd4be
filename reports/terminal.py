"""A system and its gradient for a terminal: equations forward and backward, shapes, counts, in Unicode, aligned.

The same equations as in the report, in the equation language with a few signs of its own: δ for gradients, ⊙, ᵀ,
∂ℓ/∂h, and W_fh for the columns of W_f that multiply h, or W_f[:, h_fwd] where that would be hard to read. Long sums
break at their terms. Of a system with a loss, a number without time, the gradient of the loss alone is printed:
δy = p − onehot(k), and not what arrives at p besides.

Read next: `reports.cli`.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence

import sympy

from derive.counts import parameter_count
from derive.equation import Equation
from derive.expr import Op, Ref, is_op, matmul, ref, times, transpose
from derive.rewrite import rebuild
from derive.routes import routes
from derive.simplify import tidied
from derive.system import System
from derive.text import index_text, to_text
from derive.typeset import additive
from reports.context import Context

NARROW, WIDE = 60, 110  # columns of the equations
SIGNS = {".T": "ᵀ", " * ": " ⊙ ", " @ ": " ", "sigmoid(": "σ(", "sum[": "Σ[", "**2": "²", "**3": "³"}


def show(system: System, width: int | None = None) -> str:
    """What ``bptt show`` prints.

    Args:
        system: the primal.
        width: columns; default those of the terminal.
    """
    columns = width if width is not None else shutil.get_terminal_size((100, 24)).columns
    context = Context(system)
    limit = max(NARROW, min(columns, WIDE)) - 2
    head = f"{system.name}: {system.title}" if system.title else system.name
    blocks = ["\n".join([head, *filter(None, [system.source]), *(f"· {note}" for note in system.notes)])]
    blocks.append(_titled("Shapes", _shapes(system)))
    blocks.append(_titled("Forward", _equations(context, context.forward, limit)))
    ways = [_signs(str(route)) for route in routes(system)]
    blocks.append(_titled("Paths (forward; gradients go the other way)", ways))
    backward = [e for e in context.backward if not _is_zero(e.expr)]
    blocks.append(_titled("Backward", _equations(context, backward, limit)))
    if context.zeros:
        ends = ", ".join(_left(context, equation) for equation in context.zeros)
        blocks.append(_titled("where these are zero", textwrap.wrap(ends, limit)))
    blocks.append(f"Parameters: {parameter_count(system)}")
    return "\n\n".join(blocks)


def _is_zero(expr: sympy.Expr) -> bool:
    return bool(expr == 0 or (is_op(expr, "broadcast_to") and expr.operands[0] == 0))


def _titled(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _shapes(system: System) -> list[str]:
    """One line a role: names of one shape together."""
    roles = (
        ("inputs", system.inputs),
        ("states", system.states),
        ("defined", tuple(name for name in system.defined if name not in system.states)),
        ("constants", system.constants),
        ("parameters", system.parameters),
    )
    rows = []
    for role, names in roles:
        shapes: dict[str, list[str]] = {}
        for name in names:
            dims = [
                f"({dim})" if dim.is_Add and len(system.shapes[name]) > 1 else f"{dim}" for dim in system.shapes[name]
            ]
            shapes.setdefault(" × ".join(dims) or "scalar", []).append(name)
        for number, (shape, members) in enumerate(shapes.items()):
            rows.append((role if number == 0 else "", ", ".join(members), shape))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{role:<{widths[0]}}  {names:<{widths[1]}}  {shape}" for role, names, shape in rows]


def _equations(context: Context, equations: Sequence[Equation], limit: int) -> list[str]:
    """Aligned at the equals sign; sums that are too long go on below, under their first term."""
    lefts = [_left(context, equation) for equation in equations]
    margin = max(map(len, lefts), default=0)
    lines = []
    for left, equation in zip(lefts, equations, strict=True):
        line = f"{left:>{margin}} ="
        expr = unicode(context, equation.expr)
        if context.kind(equation.name) == "cotangent":
            expr = tidied(expr)  # onehot(k) may stand beside a softmax with the same factor
        for first, negative, part in additive(expr):
            text = _signs(to_text(part))
            text = f"({text})" if is_op(part, "plus") else text
            word = ("-" if negative else "") + text if first else f"{'-' if negative else '+'} {text}"
            if len(line) + 1 + len(word) > limit and not first:
                lines.append(line)
                line = " " * (margin + 2)
            line += f" {word}"
        lines.append(line)
    return lines


def _left(context: Context, equation: Equation) -> str:
    return unicode_name(context, equation.name) + index_text(equation.out.index)


def unicode_name(context: Context, name: str) -> str:
    """``δh`` for the gradient of h, ``∂ℓ/∂h`` for what the loss contributes, ``∂L/∂W`` for a parameter."""
    kind, of = context.kind(name), context.of(name)
    if kind == "cotangent":
        parameter = of in context.system.parameters
        return f"∂L/∂{of}" if parameter else f"δ{unicode_name(context, of)}"
    if kind in ("upstream", "final"):
        return f"∂ℓ/∂{of}"
    return f"κ_{of}" if kind == "contribution" else name


def unicode(context: Context, expr: sympy.Expr) -> sympy.Expr:
    """The expression with names for a terminal; blocks of matrices become names of their own."""
    if isinstance(expr, Ref):
        return ref(unicode_name(context, expr.name), expr.index)
    if not isinstance(expr, Op):
        return expr
    if is_op(expr, "rows"):
        named = _block(context, expr) or _part(context, expr)
        if named is not None:
            return named
    operands = expr.operands
    if expr.primitive in ("plus", "times"):  # which broadcast numbers anyway
        operands = tuple(_unspread(context, operand) for operand in operands)
    plain = rebuild(expr, [unicode(context, operand) for operand in operands])
    return _plainer(context, expr, plain)


def _plainer(context: Context, expr: Op, plain: sympy.Expr) -> sympy.Expr:
    """Operations that only derived equations need, in the words of a textbook."""
    if is_op(expr, "transpose") and is_op(expr.operands[0], "scatter"):
        value, index = (unicode(context, operand) for operand in expr.operands[0].operands)
        if context.names.shape(expr.operands[0].operands[0]) == (1, 1):
            return times(value, _onehot(index))
    if is_op(expr, "scatter"):
        value, index = plain.operands
        return matmul(value, transpose(_onehot(index)))
    if is_op(expr, "take"):
        table, index = plain.operands
        row = is_op(table, "transpose")
        column = to_text(table.operands[0]) + "[" if row else to_text(table) + "[:, "
        return ref(f"{column}{to_text(index)}]")
    if is_op(expr, "reduce_to"):
        return _reduced(context, expr, plain)
    if is_op(expr, "broadcast_to") and context.names.shape(expr.operands[0]) == (1, 1):
        return matmul(ref("1"), plain.operands[0])
    if is_op(expr, "place"):
        position = expr.static[-1]
        return matmul(ref(f"[{position.axis} = {index_text(position)[1:-1]}]"), plain.operands[0])
    if is_op(expr, "unstack"):
        return ref(f"({to_text(plain.operands[0])})[:, {expr.static[0]}]")
    return plain


def _unspread(context: Context, expr: sympy.Expr) -> sympy.Expr:
    spread = is_op(expr, "broadcast_to") and context.names.shape(expr.operands[0]) == (1, 1)
    return expr.operands[0] if spread else expr


def _onehot(index: sympy.Expr) -> Ref:
    return ref(f"onehot({to_text(index)})")


def _reduced(context: Context, expr: Op, plain: sympy.Expr) -> sympy.Expr:
    """Sums over rows: aᵀ b where a product of columns is summed, else 1ᵀ a; and over columns a 1."""
    (value,), target = expr.operands, expr.static
    if is_op(value, "broadcast_to") and value.operands[0] == 1 and value.static[1] == 1:
        return ref(str(value.static[0]))  # a sum of so many ones
    shape = context.names.shape(value)
    if shape is None:
        return plain
    rows, columns = shape[0] != target[0], shape[1] != target[1]
    (inner,) = plain.operands
    if rows and not columns and is_op(inner, "times") and context.names.shape(value.operands[0]) == shape:
        return matmul(transpose(inner.operands[0]), times(*inner.operands[1:]))
    return matmul(*[ref("1ᵀ")] * rows, inner, *[ref("1")] * columns)


def _block(context: Context, expr: Op) -> Ref | None:
    """``W_fhᵀ`` for the rows of W_fᵀ that multiply h."""
    (inner,), (low, high) = expr.operands, expr.static[0].args
    if not is_op(inner, "transpose") or not isinstance(inner.operands[0], Ref):
        return None
    name = inner.operands[0].name
    for label, first, last in context.names.blocks.get(name, ()):
        if (first, last) == (low, high):
            word = _plain(label)
            short = len(word) == 1 and re.fullmatch(r"[^\W_]+(_[^\W\d_])?", name)
            joint = "" if "_" in name else "_"
            return ref(f"{name}{joint}{word}ᵀ" if short else f"{name}[:, {word}]ᵀ")
    return None


def _part(context: Context, expr: Op) -> Ref | None:
    """``δh[t][h_fwd]`` for the rows of δh[t] that belong to h_fwd."""
    (inner,), (low, high) = expr.operands, expr.static[0].args
    if not isinstance(inner, Ref):
        return None
    rows = to_text(unicode(context, inner))
    label = next((word for word, a, b in context.names.stacked(inner.name) if (a, b) == (low, high)), None)
    return ref(f"{rows}[{low}:{high}]" if label is None else f"{rows}[{_plain(label)}]")


def _plain(label: str) -> str:
    r"""``h_bwd`` for the LaTeX h_{\mathrm{bwd}}."""
    return re.sub(r"\\(mathrm|text)(?=\{)|[\\{}]", "", label).replace(",", "_")


def _signs(text: str) -> str:
    for word, sign in SIGNS.items():
        text = text.replace(word, sign)
    return text
