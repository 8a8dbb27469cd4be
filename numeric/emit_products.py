"""Matrix products and sums over time as NumPy text.

A product with a matrix that all examples share becomes one GEMM: ``h @ W.T`` for rows of examples.  A chain of
factors is multiplied in the order that needs the fewest operations.  A sum over time of outer products, such as
``sum[t](dz[t] @ x[t].T)``, becomes one GEMM over all steps and examples: ``dz.reshape(-1, H).T @ x.reshape(-1, D)``.

Read next: `numeric.emit_gather`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import sympy

from derive.expr import Op, is_op
from derive.expr import matmul as matmul_of
from derive.expr import times as product_of
from derive.primitives import Shape
from numeric.emit_values import Place, Value, align, column_text, plain, rank, turn

TYPICAL = 64  # a size, where only the order of multiplication depends on it
ONE = sympy.Integer(1)


def matmul(place: Place, expr: Op) -> Value:
    """A product of two or more factors."""
    if len(expr.operands) == 1:
        return place.value(expr.operands[0])
    split = best_split([place.shape_of(operand) for operand in expr.operands])
    left, right = expr.operands[:split], expr.operands[split:]
    return times(place, place.value(matmul_of(*left)), place.value(matmul_of(*right)))


def best_split(shapes: Sequence[Shape]) -> int:
    """Where to split a chain of products in two, so that it costs least at typical sizes."""
    sizes = [_typical(shape[0]) for shape in shapes] + [_typical(shapes[-1][1])]

    @cache
    def cost(first: int, stop: int) -> tuple[int, int]:
        if stop - first == 1:
            return 0, first
        return min(
            (cost(first, cut)[0] + cost(cut, stop)[0] + sizes[first] * sizes[cut] * sizes[stop], cut)
            for cut in range(first + 1, stop)
        )

    return cost(0, len(shapes))[1]


def _typical(dim: sympy.Expr) -> int:
    return int(dim) if dim.is_Integer else TYPICAL


def times(place: Place, left: Value, right: Value) -> Value:
    """The matrix product of two values."""
    rows, inner, columns = left.shape[0], left.shape[1], right.shape[1]
    shape = (rows, columns)
    axes, batch = place.union((left, right))
    if inner == 1:  # an outer product, or a factor that is a number
        texts = (align(value, axes, batch, shape) for value in (left, right))
        return Value(" * ".join(texts), axes, batch, shape)
    if rows == 1 and columns == 1:
        return _inner(place, left, right)
    if columns == 1:
        return _matrix_times_column(place, left, right)
    if rows == 1:
        return turn(_matrix_times_column(place, turn(right), turn(left)))
    left_text, right_text = (align(value, axes, batch, value.shape) for value in (left, right))
    return Value(f"{left_text} @ {right_text}", axes, batch, shape)


def _inner(place: Place, left: Value, right: Value) -> Value:
    axes, batch = place.union((left, right))
    if left.is_shared or right.is_shared:
        shared, other = (left, right) if left.is_shared else (right, left)
        return Value(f"{column_text(other)} @ {column_text(shared)}", axes, batch)
    shape = (right.shape[0], ONE)
    row = left if left.turned else Value(f"{left.atom}[..., 0, :]", left.axes, left.batch)
    column = Value(plain(right).text, right.axes, right.batch, shape)
    first = align(Value(row.text, row.axes, row.batch, shape), axes, batch, shape)
    return Value(f"np.vecdot({first}, {align(column, axes, batch, shape)})", axes, batch)


def _matrix_times_column(place: Place, matrix: Value, column: Value) -> Value:
    axes, batch = place.union((matrix, column))
    shape = (matrix.shape[0], ONE)
    if not matrix.is_shared:
        vector = Value(plain(column).text, column.axes, column.batch, column.shape)
        spread = align(vector, axes, batch, (column.shape[0], sympy.Symbol("columns")))
        if vector.is_shared:
            spread = f"{vector.atom}[:, None]"
        return Value(f"({align(matrix, axes, batch, matrix.shape)} @ {spread})[..., 0]", axes, batch, shape)
    if column.is_shared:
        return Value(f"{plain(matrix).atom} @ {plain(column).atom}", axes, batch, shape)
    native = place.for_loops(column)
    if native is not None:
        place.need("step_products")
        return Value(f"step_products({plain(matrix).text}, {native})", axes, batch, shape)
    flat = place.side_by_side(column)
    if flat is not None:
        sizes = ", ".join([*place.lead_sizes(axes, batch), place.size(shape[0])])
        return Value(f"({flat}.T @ {plain(turn(matrix)).atom}).reshape({sizes})", axes, batch, shape)
    if column.axes:
        place.need("times_matrix")
        return Value(f"times_matrix({plain(column).text}, {plain(turn(matrix)).text})", axes, batch, shape)
    factor = matrix.atom if matrix.turned else _transposed(place, matrix)
    return Value(f"{plain(column).atom} @ {factor}", axes, batch, shape)


def _transposed(place: Place, matrix: Value) -> str:
    """The transpose of a shared matrix; inside a loop one that lies in memory as BLAS likes it, made before."""
    return place.prepare(
        f"{matrix.text.partition('[')[0]}_T", f"np.ascontiguousarray({matrix.atom}.T)", f"{matrix.atom}.T"
    )


def transposed(place: Place, expr: Op) -> Value:
    """A transpose; that of stacked transposes as matrices side by side."""
    inner = expr.operands[0]
    if isinstance(inner, Op) and is_op(inner, "concat") and all(is_op(part, "transpose") for part in inner.operands):
        values = [plain(place.value(part.operands[0])) for part in inner.operands if isinstance(part, Op)]
        if all(value.is_shared and rank(value.shape) == 2 for value in values):
            texts = ", ".join(value.text for value in values)
            return Value(f"np.concatenate(({texts}), axis=1)", (), False, place.shape_of(expr))
    return turn(place.value(inner))


# --- sums over time and examples --------------------------------------------------------------------------------


def sum_over_time(place: Place, expr: Op) -> Value:
    """``sum[t](e)``."""
    return total(place, expr, (), False)


def over_examples(place: Place, expr: sympy.Expr) -> str:
    """Something shared: what differs between examples is summed over them, term by term."""
    shape = place.shape_of(expr)
    terms = expr.operands if isinstance(expr, Op) and is_op(expr, "plus") else (expr,)
    values = [total(place, term, (), True) for term in terms]
    if len(values) == 1:
        return place.full(values[0], (), False, shape)
    text = align(values[0], (), False, shape)
    for value in values[1:]:
        piece = align(value, (), False, shape)
        text += f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return text


def total(place: Place, expr: sympy.Expr, over: tuple[str, ...], batch: bool) -> Value:
    """The sum of an expression over time axes, and over the examples if `batch`.

    What does not depend on an axis is counted once for every step of it.
    """
    if is_op(expr, "sum") and str(expr.static[0]) not in over:
        axis = str(expr.static[0])
        return total(place.whole(axis), expr.operands[0], (*over, axis), batch)
    if is_op(expr, "times") and expr.operands[0].is_number and len(expr.operands) > 1:
        rest = total(place, product_of(*expr.operands[1:]), over, batch)
        factor = place.value(expr.operands[0]).text
        return rest.but(f"-{rest.atom}" if factor == "-1" else f"{factor} * {rest.atom}")
    if is_op(expr, "transpose"):
        return turn(total(place, expr.operands[0], over, batch))
    if is_op(expr, "rows"):
        return place.rows(total(place, expr.operands[0], over, batch), *expr.static[0].args)
    if is_op(expr, "matmul") and (over or batch):
        product = _total_product(place, expr, over, batch)
        if product is not None:
            return product
    if is_op(expr, "scatter") and (over or batch):
        gathered = _total_scatter(place, expr, over, batch)
        if gathered is not None:
            return gathered
    return _plain_total(place, place.value(expr), over, batch)


def _plain_total(place: Place, value: Value, over: tuple[str, ...], batch: bool) -> Value:
    value = plain(value)
    present = [axis for axis in value.axes if axis in over]
    positions = [value.axes.index(axis) for axis in present]
    if batch and value.batch:
        positions.append(len(value.axes))
    text = value.text
    native = place.for_loops(value) if len(positions) == 2 else None
    flat = place.side_by_side(value) if len(positions) == 2 and native is None else None
    if native is not None:
        text = f"{native}.mT.sum(axis=0).sum(axis=-1)"
    elif flat is not None:
        text = f"{flat}.sum(axis=1)"
    elif positions:
        axis = str(positions[0]) if len(positions) == 1 else str(tuple(positions))
        text = f"{value.atom}.sum(axis={axis})"
    counts = [place.steps_of(axis) for axis in over if axis not in present]
    if counts:
        text = " * ".join([*counts, text if positions else value.atom])
    kept = tuple(axis for axis in value.axes if axis not in over)
    return Value(text, kept, value.batch and not batch, value.shape)


def _total_product(place: Place, expr: Op, over: tuple[str, ...], batch: bool) -> Value | None:
    split = best_split([place.shape_of(operand) for operand in expr.operands])
    left, right = matmul_of(*expr.operands[:split]), matmul_of(*expr.operands[split:])
    inner = place.shape_of(left)[1]
    if inner == 1:
        return _total_outer(place, place.value(left), turn(place.value(right)), over, batch)
    for fixed, moving, fixed_first in ((left, right, True), (right, left, False)):
        if (value := place.value(fixed)).is_shared:
            rest = total(place, moving, over, batch)
            return times(place, value, rest) if fixed_first else times(place, rest, value)
    return None


def _total_outer(place: Place, left: Value, right: Value, over: tuple[str, ...], batch: bool) -> Value | None:
    """Σ u vᵀ: one GEMM if all leading axes are summed, else `numpy.einsum`."""
    axes, both = place.union((left, right))
    summed = [*over, *(["batch"] if batch and both else [])]
    if not set(summed) <= {*axes, *(["batch"] if both else [])}:
        return None
    shape = (left.shape[0], right.shape[0])
    kept = tuple(axis for axis in axes if axis not in over)
    same = left.axes == right.axes and left.batch == right.batch
    texts = column_text(left), column_text(right)
    if same and not kept and (batch or not both) and rank(left.shape) and rank(right.shape):
        native = place.for_loops(left)
        if native is not None:
            place.need("outer_products")
            parts = texts[1].removeprefix("beside(").removesuffix(")") if texts[1].startswith("beside(") else texts[1]
            return Value(f"outer_products({native}, {parts})", (), False, shape)
        flat = place.side_by_side(left)
        if flat is not None:
            other = place.side_by_side(right)
            last = f"{other}.T" if other is not None else f"{texts[1]}.reshape(-1, {place.size(shape[1])})"
            return Value(f"{flat} @ {last}", (), False, shape)
        if left.lead > 1:
            texts = tuple(f"{t}.reshape(-1, {place.size(n)})" for t, n in zip(texts, shape, strict=True))  # type: ignore[assignment]
        return Value(f"{texts[0]}.T @ {texts[1]}", (), False, shape)
    letters = dict(zip([*place.time_axes, "batch"], "tuvwxyzklmnopqrs", strict=False)) | {"batch": "b"}
    terms = []
    for value, own in ((left, "i"), (right, "j")):
        lead = [letters[axis] for axis in value.axes] + (["b"] if value.batch else [])
        terms.append("".join(lead) + (own if rank(value.shape) else ""))
    result = "".join([letters[axis] for axis in kept] + (["b"] if both and not batch else []))
    result += ("i" if rank(left.shape) else "") + ("j" if rank(right.shape) else "")
    text = f'np.einsum("{terms[0]},{terms[1]}->{result}", {texts[0]}, {texts[1]})'
    if rank(left.shape) == 0 and rank(right.shape) == 1:
        text = f"{text}[..., None, :]"
    return Value(text, kept, both and not batch, shape)


def _total_scatter(place: Place, expr: Op, over: tuple[str, ...], batch: bool) -> Value | None:
    """Σ of columns into a table: duplicates add."""
    value, index = place.value(expr.operands[0]), place.value(expr.operands[1])
    axes, both = place.union((value, index))
    if set(over) != set(axes) or batch != both or rank(value.shape) == 0 or expr.static[0] == 1:
        return None
    place.need("scatter")
    columns = place.full(value, axes, both, value.shape)
    which = place.full(index, axes, both, index.shape)
    shape = (value.shape[0], expr.static[0])
    text = f"scatter({columns}, {which}, {place.size(shape[1])})"
    return turn(Value(text, (), False, (shape[1], shape[0])))
