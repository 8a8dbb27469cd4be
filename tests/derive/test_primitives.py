"""The laws that every record of the table obeys; a new record is tested by being there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy

import derive
from derive.dimensions import dimension
from derive.elementwise import partial
from derive.expr import Op, Ref, apply, ref
from derive.primitives import TABLE, Primitive, register
from derive.shapes import ShapeOf
from derive.structural import broadcast_entries

ELEMENTWISE = sorted(name for name, record in TABLE.items() if record.is_elementwise)
STRUCTURAL = sorted(name for name, record in TABLE.items() if record.entries is not None)
H, K, V = dimension("H"), dimension("K"), dimension("V")
SIZES = {H: 2, K: 3, V: 4}
OPERANDS = {"a": (H, 1), "b": (H, 1), "A": (H, K), "B": (K, V), "x": (V, 1), "r": (1, K), "s": (1, 1), "j": (1, 1)}
ROWS = sympy.Tuple(sympy.Integer(1), H)
EXAMPLES: dict[str, list[Op]] = {
    "plus": [apply("plus", *map(ref, n)) for n in (["a", "b"], ["A", "a"], ["A", "r", "s"], ["s", "a"])],
    "times": [apply("times", *map(ref, n)) for n in (["a", "b"], ["A", "a"], ["A", "r", "s"], ["s", "a"])],
    "power": [apply("power", ref("a"), static=(sympy.Integer(n),)) for n in (2, 3, -1)],
    "matmul": [apply("matmul", *map(ref, n)) for n in (["A", "B"], ["A", "B", "x"], ["B", "x"])],
    "transpose": [apply("transpose", ref("A")), apply("transpose", ref("a"))],
    "concat": [apply("concat", ref("a"), ref("x")), apply("concat", ref("A"), ref("r"))],
    "rows": [apply("rows", ref("A"), static=(ROWS,)), apply("rows", ref("a"), static=(ROWS,))],
    "embed": [apply("embed", ref(n), static=(sympy.Tuple(low, H + low), H + 2)) for n, low in (("a", 1), ("A", 0))],
    "reduce_to": [apply("reduce_to", ref("A"), static=s) for s in ((H, 1), (1, K), (1, 1))],
    "broadcast_to": [apply("broadcast_to", ref(n), static=(H, K)) for n in ("a", "r", "s")],
    "take": [apply("take", ref("A"), ref("j"))],
    "scatter": [apply("scatter", ref("a"), ref("j"), static=(V,))],
    "softmax": [apply("softmax", ref("a")), apply("softmax", ref("A"))],
    "logsumexp": [apply("logsumexp", ref("a")), apply("logsumexp", ref("A"))],
    "stop": [apply("stop", ref("a"))],
}  # fmt: skip
shape_of = ShapeOf({name: (sympy.sympify(r), sympy.sympify(c)) for name, (r, c) in OPERANDS.items()})


def leaf(name: str) -> list[list[sympy.Expr]]:
    rows, columns = (int(sympy.sympify(dim).subs(SIZES)) for dim in OPERANDS[name])
    if name == "j":
        return [[sympy.Integer(2)]]
    return [[sympy.Symbol(f"{name}_{i}_{k}", real=True) for k in range(columns)] for i in range(rows)]


def entries(expr: sympy.Expr) -> list[list[sympy.Expr]]:
    """The entries of an expression, straight from the records."""
    if isinstance(expr, Ref):
        return leaf(expr.name)
    if not isinstance(expr, Op):
        return [[expr]]
    record = TABLE[expr.primitive]
    operands = [entries(operand) for operand in expr.operands]
    if record.is_elementwise:
        return broadcast_entries(record.meaning, operands)
    static = tuple(value.subs(SIZES) for value in expr.static)
    assert record.entries is not None
    return record.entries(static, operands)


def test_every_structural_record_has_an_example() -> None:
    assert set(EXAMPLES) == set(STRUCTURAL)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_numpy_text_computes_the_meaning(name: str) -> None:
    record = TABLE[name]
    assert record.meaning is not None
    low, high = record.domain
    points = np.random.default_rng(0).uniform(low, high, (40, record.arity or 1))
    for point in points:
        arguments = {f"x{i}": value for i, value in enumerate(point)}
        computed = eval(record.numpy.format(*arguments), {"np": np, **arguments})  # text of our own table
        exact = record.meaning(*(sympy.Float(value, 40) for value in point))
        assert float(computed) == pytest.approx(float(sympy.N(exact, 30)), rel=4e-15, abs=4e-16)


@pytest.mark.parametrize(("name", "operand"), [(n, i) for n in ELEMENTWISE for i in range(TABLE[n].arity or 1)])
def test_derived_slope_is_sympys(name: str, operand: int) -> None:
    record = TABLE[name]
    assert record.meaning is not None
    xs = sympy.symbols("x0 x1", real=True)[: record.arity]
    slope = partial(name, operand)(ref("y"), *(ref(str(x)) for x in xs))

    def scalar(expr: sympy.Expr) -> sympy.Expr:
        if isinstance(expr, Ref):
            return record.meaning(*xs) if expr.name == "y" else sympy.Symbol(expr.name, real=True)
        if not isinstance(expr, Op):
            return expr
        inner = TABLE[expr.primitive]
        operands = [[[scalar(o)]] for o in expr.operands]
        value = broadcast_entries(inner.meaning, operands) if inner.meaning else inner.entries(expr.static, operands)
        return value[0][0]

    wanted = sympy.diff(record.meaning(*xs), xs[operand]).replace(sympy.DiracDelta, lambda *a: sympy.Integer(0))
    assert sympy.simplify(scalar(slope) - wanted) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [("tanh", "1 - y**2"), ("sigmoid", "y * (1 - y)"), ("exp", "y"), ("sqrt", "0.5 / y"), ("softplus", "sigmoid(x)"),
     ("relu", "step(x)"), ("log", "1 / x"), ("sin", "cos(x)"), ("abs", "sign(x)"), ("max", "0.5 * sign(x - z) + 0.5")],
)  # fmt: skip
def test_slopes_read_as_a_person_writes_them(name: str, text: str) -> None:
    operands = [ref("x"), ref("z")][: TABLE[name].arity]
    assert str(partial(name)(ref("y"), *operands)) == text


@pytest.mark.parametrize(("name", "number"), [(n, i) for n in STRUCTURAL for i in range(len(EXAMPLES[n]))])
def test_shape_rule_matches_the_entries(name: str, number: int) -> None:
    call = EXAMPLES[name][number]
    value = entries(call)
    assert tuple(dim.subs(SIZES) for dim in shape_of(call)) == (len(value), len(value[0]))


@pytest.mark.parametrize(("name", "number"), [(n, i) for n in STRUCTURAL for i in range(len(EXAMPLES[n]))])
def test_written_vjp_is_the_transposed_jacobian(name: str, number: int) -> None:
    """Σ ȳ ∂y/∂x = x̄ for every entry, exactly."""
    call = EXAMPLES[name][number]
    value = entries(call)
    ybar = [[sympy.Symbol(f"ybar_{i}_{k}", real=True) for k in range(len(value[0]))] for i in range(len(value))]
    OPERANDS["ybar"] = shape_of(call)
    known = ShapeOf({**shape_of.variables, "ybar": shape_of(call)})
    for i, operand in enumerate(call.operands):
        vjp = TABLE[name].vjp
        assert vjp is not None
        contribution = vjp(call, call, ref("ybar"), i, known)
        symbols = list(itertools.chain(*leaf(operand.name)))
        if contribution is None:
            assert name == "stop" or operand == ref("j")
            continue
        assert known(contribution) == known(operand)
        found = list(itertools.chain(*entries(contribution)))
        for symbol, got in zip(symbols, found, strict=True):
            pairs = zip(itertools.chain(*ybar), itertools.chain(*value), strict=True)
            wanted = sympy.Add(*(bar * sympy.diff(y, symbol) for bar, y in pairs))
            assert sympy.simplify(got - wanted) == 0


ONCE = [n for n in ELEMENTWISE if TABLE[n].arity == 1] + ["softmax", "logsumexp"]


@pytest.mark.parametrize("name", ONCE)
def test_a_vjp_can_be_differentiated_again(name: str) -> None:
    first = derive.parse(f"x[t] : H\ny[t] = {name}(x[t])").adjoint()
    if TABLE[name].slope == 0:  # a step has no gradient at all, and the adjoint says so
        with pytest.raises(ValueError, match="dx does not depend on"):
            first.adjoint(outputs=("dx",))
        return
    second = first.adjoint(outputs=("dx",))
    assert derive.parse(str(second)) == second


def test_register_refuses_a_taken_name_and_an_empty_record() -> None:
    with pytest.raises(ValueError, match="already defined"):
        register(TABLE["tanh"])
    with pytest.raises(ValueError, match="neither a scalar meaning nor entries"):
        register(Primitive(name="nothing", shape=TABLE["stop"].shape))
    assert "nothing" not in TABLE


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if TABLE[n].slope is not None])
def test_stated_bound_of_the_slope_holds(name: str) -> None:
    record = TABLE[name]
    assert record.meaning is not None
    xs = sympy.symbols("x0 x1", real=True)[: record.arity]
    smooth = sympy.diff(record.meaning(*xs), xs[0]).replace(sympy.DiracDelta, lambda *a: sympy.Integer(0))
    slope = sympy.lambdify(xs, smooth)
    grid = np.linspace(-6, 6, 241)
    values = [abs(slope(*([x + 0.003] + [0.2] * (len(xs) - 1)))) for x in grid]
    assert max(values) <= float(record.slope) + 1e-9
    assert max(values) >= 0.98 * float(record.slope)
