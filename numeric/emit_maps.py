"""Maps whose result a loop over columns reads, as NumPy text: feature-major, as the loop wants them.

Read next: `numeric.emit_trailing`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, Step, is_op, matmul, refs, times
from derive.system import Equation
from numeric.columns import is_shared_matrix
from numeric.emit_ops import Expressions
from numeric.emit_values import plain, rank
from numeric.printer import bare, is_elementwise


def turned(equation: Equation, place: Expressions, number: int | None, indent: str) -> list[str]:
    """Statements for a map whose result lies feature-major: computed so where that is free, else copied."""
    layout, axis = place.layout, equation.axis
    name, shape = layout.names[equation.name], place.shape_of(equation.out)
    comment = f"  # ({number})" if number is not None else ""
    assert axis is not None
    products = _products(equation.expr, place)
    if products is not None:
        first, *rest = products
        found = [f"{indent}{name} = {first}{comment}", *(f"{indent}{name} += {text}" for text in rest)]
        return [*found, f"{indent}{name} = {name}.mT"]
    ordered = all(r.index is None or place.is_turned(r.name) for r in refs(equation.expr))
    text = _product(equation, place) if ordered else None
    if text is None:
        text = bare(place.full(place.value(equation.expr), (axis,), True, shape))
        if rank(shape) and not (ordered and (is_elementwise(equation.expr) or is_op(equation.expr, "rows"))):
            place.need("turned")
            text = f"turned({text})"
    return [f"{indent}{name} = {text}{comment}"]


def _product(equation: Equation, place: Expressions) -> str | None:
    """A product of columns as a call that writes to memory used before; None for anything else."""
    expr, shape = equation.expr, place.shape_of(equation.out)
    if rank(shape) != 1 or not is_op(expr, "times") or any(is_op(factor, "power") for factor in expr.operands):
        return None
    values = [place.value(part) for part in (times(*expr.operands[:-1]), expr.operands[-1])]
    if any(v.axes != (equation.axis,) or not v.batch or v.shape != shape for v in values):
        return None
    place.need("product")
    return f"product({', '.join(bare(plain(value).text) for value in values)})"


def _products(expr: sympy.Expr, place: Expressions) -> list[str] | None:
    """The summands of ``W @ x[t] + b`` as feature-major text, products first; None if there are others."""
    products, columns = [], []
    for term in expr.operands if isinstance(expr, Op) and is_op(expr, "plus") else (expr,):
        if place.shape_of(term) != place.shape_of(expr) or place.shape_of(term)[0] == 1:
            return None
        if is_shared_matrix(term, place.layout.plan):
            columns.append(f"{plain(place.value(term)).atom}[:, None]")
        elif isinstance(term, Op) and is_op(term, "matmul"):
            matrix, column = matmul(*term.operands[:-1]), term.operands[-1]
            moves = isinstance(column, Ref) and isinstance(column.index, Step)
            if not moves or not is_shared_matrix(matrix, place.layout.plan) or place.shape_of(column)[0] == 1:
                return None
            place.need("times_columns")
            products.append(f"times_columns({plain(place.value(matrix)).text}, {place.value(column).text})")
        else:
            return None
    return [*products, *columns] if products else None
