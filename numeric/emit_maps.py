"""Maps whose result a loop over columns reads, as NumPy text: feature-major, as the loop wants them.

Read next: `numeric.emit_coefficients`.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, Step, is_op, matmul, refs, times
from derive.system import Equation
from numeric.columns import is_shared_matrix
from numeric.emit_ops import Expressions
from numeric.emit_values import plain, rank
from numeric.printer import bare, is_elementwise


def turned(
    equation: Equation, place: Expressions, number: int | None, indent: str, before: list[str] | None = None
) -> list[str]:
    """Statements for a map whose result lies feature-major: computed so where that is free, else copied.

    Args:
        equation: the map.
        place: how its parts are written.
        number: of the equation.
        indent: of the statements.
        before: of a loop over blocks of steps, to which is added what is the same for all of them.
    """
    layout, axis = place.layout, equation.axis
    name, shape = layout.names[equation.name], place.shape_of(equation.out)
    comment = f"  # ({number})" if number is not None else ""
    assert axis is not None
    parts = _products(equation.expr, place)
    if parts is not None:
        texts = _at_once(*parts, place) if before is None else _by_blocks(*parts, place, before)
        first, *rest = texts
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


def _at_once(products: list[tuple[str, str]], columns: list[str], place: Expressions) -> list[str]:
    """The summands of ``W @ x[t] + b`` as feature-major text, products first."""
    place.need("times_columns")
    return [*(f"times_columns({matrix}, {column})" for matrix, column in products), *(f"{c}[:, None]" for c in columns)]


def _by_blocks(products: list[tuple[str, str]], columns: list[str], place: Expressions, before: list[str]) -> list[str]:
    """The same with functions that know their weights, made before the loop over blocks; the first adds the columns."""
    place.need("for_steps")
    texts, bias = list[str](), " + ".join(columns) or "None"
    for matrix, column in products:
        wish = f"times_{matrix}" if matrix.isidentifier() else "times_inputs"
        times = place.layout.fresh(wish)
        before.append(f"    {times} = for_steps({matrix}, {bias}, {place.layout.batch})")
        texts.append(f"{times}({column})")
        bias = "None"
    return texts


def _products(expr: sympy.Expr, place: Expressions) -> tuple[list[tuple[str, str]], list[str]] | None:
    """Matrices with the columns that they multiply, and columns that no step changes; None where more is there."""
    products, columns = list[tuple[str, str]](), list[str]()
    for term in expr.operands if isinstance(expr, Op) and is_op(expr, "plus") else (expr,):
        if place.shape_of(term) != place.shape_of(expr) or place.shape_of(term)[0] == 1:
            return None
        if is_shared_matrix(term, place.layout.plan):
            columns.append(plain(place.value(term)).atom)
        elif isinstance(term, Op) and is_op(term, "matmul"):
            matrix, column = matmul(*term.operands[:-1]), term.operands[-1]
            moves = isinstance(column, Ref) and isinstance(column.index, Step)
            if not moves or not is_shared_matrix(matrix, place.layout.plan) or place.shape_of(column)[0] == 1:
                return None
            products.append((plain(place.value(matrix)).text, place.value(column).text))
        else:
            return None
    return (products, columns) if products else None
