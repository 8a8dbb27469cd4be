"""The exact proof holds for right adjoints and fails for every planted fault."""

import json
import math
from dataclasses import replace

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
import derive.adjoint
from derive.adjoint import _Sweep
from derive.elementwise import partial
from derive.evidence import Evidence
from derive.expr import apply, fixed, is_op, matmul, neg, plus, ref, times, transpose
from derive.generators import form, is_zero
from derive.polynomials import BITS, NotDone, Polynomials
from derive.primitives import TABLE
from derive.proof import proofs, prove
from derive.setting import default_sizes
from derive.structural import bounds, fit
from derive.system import Equation
from tests.texts import ATTENTION, GRU_AFTER, LSTM, RNN

SYSTEMS = {
    "rnn": RNN,
    "relu": RNN.replace("tanh", "relu"),
    "lstm": LSTM,
    "gru-after": GRU_AFTER,
    "attention": ATTENTION,
    "readout": RNN + "\ny[t] = softmax(Q @ h[t] + q)\nL = sum[t](logsumexp(y[t]))",
    "jordan": "h[t] = tanh(W @ y[t-1] + x[t])\ny[t] = sigmoid(Q @ h[t])",
    "lag": "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t] + Y @ x[t-1])",
    "matrix": "S[t] : K, V\nk[t] : K\nv[t] : V\nS[t] = sigmoid(w.T @ k[t]) * S[t-1] + k[t] @ v[t].T",
    "embedding": "E : H, V\nj[t] : index V\nh[t] = relu(W @ h[t-1] + take(E, j[t]))",
    "stop": "h[t] = tanh(W @ stop(h[t-1]) + x[t]) * exp(h[t-1]) * exp(h[t-1])",
    "quotient": "n[t] = n[t-1] + exp(U @ x[t])\nh[t] = x[t] / (1 + n[t]) + sqrt(1 + x[t]**2)",
    "kinks": "h[t] = max(softplus(W @ h[t-1]), silu(x[t])) + abs(h[t-1]) + log(2 + sin(x[t])) - x[t]**(-2)",
    "picked": "h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ h[T] + C @ h[1]",
    "scale": "h[t] = tanh(s * (W @ h[t-1]) + x[t])\ns : scalar",
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_proof_holds(name):
    evidence = prove(derive.parse(SYSTEMS[name]))
    assert evidence.holds, evidence.where
    assert evidence.cases > 3


@pytest.mark.parametrize("name", ["rnn", "readout", "lag", "matrix", "embedding", "quotient", "picked"])
def test_proof_holds_for_one_step(name):
    """T = 1: what lies before the first step lies after the last."""
    evidence = prove(derive.parse(SYSTEMS[name]), steps=1)
    assert evidence.holds, evidence.where


@pytest.mark.parametrize("name", ["rnn", "readout", "lag", "matrix", "embedding", "quotient", "picked"])
def test_proof_of_second_derivatives_holds(name):
    evidence = prove(derive.parse(SYSTEMS[name]).adjoint(), steps=3)
    assert evidence.holds, evidence.where


def test_the_certificate_says_what_was_done():
    done = prove(derive.parse(LSTM), sizes={"D": 2, "H": 2}, steps=2)
    assert done.holds
    assert "at D = 2, H = 2, T = 2" in done.detail
    assert "passes with probability at most 1e-" in done.detail
    assert "(c) 48 polynomial identities" in done.detail
    skipped = prove(derive.parse(SYSTEMS["quotient"]))
    assert skipped.detail.endswith("(c) Not done as polynomials: it has divisions.")
    assert [len(proofs(derive.parse(text))) for text in (LSTM, SYSTEMS["quotient"])] == [3, 2]


def test_the_error_bound_says_something():
    """A softmax over time has many denominators; without common ones the bound exceeds 1."""
    detail = proofs(derive.parse(ATTENTION))[1].detail
    exponent = int(detail.rpartition("1e-")[2].rstrip("."))
    assert 20 < exponent < 54


def test_default_sizes_differ():
    sizes = default_sizes(derive.parse(ATTENTION))
    assert len(set(sizes.values())) == len(sizes) > 3
    assert 1 not in sizes.values()


def test_a_missing_size_is_named():
    with pytest.raises(ValueError, match="size for H"):
        prove(derive.parse(LSTM), sizes={"D": 2})


# --- planted faults -------------------------------------------------------------------------------------------------


def forgetful_product(call, y, ybar, i, shape_of):
    """W where Wᵀ belongs; shapes never tell if W is square."""
    weight, vector = call.operands
    if i == 1 and shape_of(weight)[0] == shape_of(weight)[1]:
        return matmul(weight, ybar)
    return matmul(ybar, transpose(vector)) if i == 0 else matmul(transpose(weight), ybar)


def turned_gradient(call, y, ybar, i, shape_of):
    """x ȳᵀ for ȳ xᵀ."""
    weight, vector = call.operands
    if i == 0 and shape_of(weight)[0] == shape_of(weight)[1]:
        return matmul(vector, transpose(ybar))
    return matmul(ybar, transpose(vector)) if i == 0 else matmul(transpose(weight), ybar)


def swapped_rows(call, y, ybar, i, shape_of):
    parts = bounds(call, shape_of)
    return apply("rows", ybar, static=(sympy.Tuple(*parts[1 - i]),))


def first_row_for_all(call, y, ybar, i, shape_of):
    """A scalar receives its first row in place of the sum."""
    target = shape_of(call.operands[i])
    others = times(ybar, *call.operands[:i], *call.operands[i + 1 :])
    if target == (1, 1) != shape_of(others):
        return apply("rows", others, static=(sympy.Tuple(0, 1),))
    return fit(others, target, shape_of)


def without_the_sum(call, y, ybar, i, shape_of):
    return times(y, ybar)


def own_factor(call, y, ybar, i, shape_of):
    return fit(times(ybar, *call.operands[:i], call.operands[i]), shape_of(call.operands[i]), shape_of)


def counted_twice(call, y, ybar, i, shape_of):
    if i:
        return None
    column = apply("scatter", ybar, call.operands[1], static=(shape_of(call.operands[0])[1],))
    return plus(column, column)


RULES = {
    "missing transpose": ("matmul", RNN, forgetful_product),
    "gradient of a weight transposed": ("matmul", RNN, turned_gradient),
    "wrong sign": ("plus", RNN, lambda call, y, ybar, i, shape_of: neg(ybar) if i == 1 else ybar),
    "swapped rows": ("concat", "W : H, H + H\nh[t] = tanh(W @ [h[t-1], x[t]])", swapped_rows),
    "missing reduce_to": ("times", SYSTEMS["scale"], first_row_for_all),
    "own factor": ("times", "h[t] = x[t] * tanh(W @ h[t-1])", own_factor),
    "factor left out": ("times", "h[t] = x[t] * tanh(W @ h[t-1])", lambda call, y, ybar, i, shape_of: ybar),
    "softmax without the sum": ("softmax", SYSTEMS["readout"], without_the_sum),
    "column counted twice": ("take", SYSTEMS["embedding"], counted_twice),
    "exponent not lowered": (
        "power", "h[t] = x[t]**3 + h[t-1]",
        lambda call, y, ybar, i, shape_of: times(sympy.Integer(3), ybar, call.operands[0]),
    ),
    "stop passes": ("stop", SYSTEMS["stop"], lambda call, y, ybar, i, shape_of: ybar),
    "stack reversed": (
        "stack", "h[t] = tanh(W @ h[t-1] + x[t])\ny = h[:] @ v",
        lambda call, y, ybar, i, shape_of: neg(apply("unstack", ybar, static=call.static)),
    ),
    "placed at the wrong step": (
        "place", "h[t] = tanh(W @ h[t-1]) + place[t](x[t], T)",
        lambda call, y, ybar, i, shape_of: apply("place", ybar, static=(fixed("t", 1),)),
    ),
    "half a sum": ("sum", "h[t] = tanh(W @ x[t])\nL = sum[t](h[t])",
        lambda call, y, ybar, i, shape_of: times(sympy.Rational(1, 2), ybar)),
}  # fmt: skip


@pytest.mark.parametrize("fault", RULES)
def test_a_wrong_rule_fails_in_both_layers(fault, monkeypatch):
    name, text, rule = RULES[fault]
    system = derive.parse(text)
    assert prove(system).holds
    monkeypatch.setitem(TABLE, name, replace(TABLE[name], vjp=rule))
    layers = proofs(system)
    assert [layer.holds for layer in layers[:2]] == [False, False]
    assert name in layers[0].where
    assert layers[1].where
    assert not prove(system).holds


SLOPES = {
    "tanh with 1 - y": ("tanh", RNN, lambda y, x: plus(sympy.Integer(1), neg(y))),
    "tanh with 1 - x**2": ("tanh", RNN, lambda y, x: plus(sympy.Integer(1), neg(apply("power", x, static=(2,))))),
    "tanh left out": ("tanh", RNN, lambda y, x: sympy.Integer(1)),
    "sigmoid with y": ("sigmoid", RNN.replace("tanh", "sigmoid"), lambda y, x: y),
    "sigmoid with 1 - y": ("sigmoid", RNN.replace("tanh", "sigmoid"), lambda y, x: plus(sympy.Integer(1), neg(y))),
    "sigmoid of the wrong sign": (
        "sigmoid", RNN.replace("tanh", "sigmoid"), lambda y, x: times(y, plus(y, sympy.Integer(-1))),
    ),
    "relu with its argument": ("relu", RNN.replace("tanh", "relu"), lambda y, x: x),
}  # fmt: skip


@pytest.mark.parametrize("fault", SLOPES)
def test_a_wrong_slope_fails_in_both_layers(fault, monkeypatch):
    name, text, slope = SLOPES[fault]

    def wrong(primitive, operand=0):
        return slope if primitive == name else partial(primitive, operand)

    for module in ("derive.elementwise", "derive.adjoint", "derive.rules"):
        monkeypatch.setattr(f"{module}.partial", wrong)
    layers = proofs(derive.parse(text))
    assert [layer.holds for layer in layers] == [False, False, False]
    assert layers[0].where == f"the derivative of {name} by operand 1"


def contributions_without(position):
    """The equations of a cotangent, without those that `position` picks."""
    original = _Sweep._sequence

    def sequence(self, name):
        return [e for e in original(self, name) if not position(self, e)]

    return sequence


def rewritten(change):
    original = _Sweep._sequence

    def sequence(self, name):
        return [change(self, name, e) for e in original(self, name)]

    return sequence


def is_bar(sweep, equation):
    return sweep.variables[equation.name].origin.kind == "cotangent"


def not_zero(sweep, name, equation):
    return Equation(equation.out, sympy.Integer(1)) if equation.expr == 0 else equation


def last_term_dropped(sweep, name, equation):
    if is_bar(sweep, equation) and not equation.is_boundary and is_op(equation.expr, "plus"):
        return Equation(equation.out, plus(*equation.expr.operands[:-1]))
    return equation


def end_at_first_step(sweep, name, equation):
    def moved(expr):
        return apply("place", *expr.operands, static=(fixed("t", 1),)) if is_op(expr, "place") else expr

    if is_op(equation.expr, "plus"):
        return Equation(equation.out, plus(*map(moved, equation.expr.operands)))
    return equation


def initial_gradient_of_the_wrong_step(sweep, name, equation):
    if is_bar(sweep, equation) and equation.is_boundary:
        (read,) = equation.expr.free_symbols and [equation.expr]
        return Equation(equation.out, ref(read.name, fixed("t", 2)))
    return equation


def deliver_now(self, read, value, context):
    """The shift of a read is dropped: the contribution arrives at its own step."""
    self.at_step.setdefault((read.name, 0), []).append(value) if read.index else original_deliver(
        self, read, value, context
    )


original_deliver = _Sweep._deliver
ADJOINTS = {
    "zero boundary not zero": ("_sequence", rewritten(not_zero)),
    "recurrence not carried": ("_sequence", rewritten(last_term_dropped)),
    "final value placed at the first step": ("_sequence", rewritten(end_at_first_step)),
    "gradient of the initial state missing": (
        "_sequence", contributions_without(lambda sweep, e: e.is_boundary and is_bar(sweep, e)),
    ),
    "gradient of the initial state of the wrong step": ("_sequence", rewritten(initial_gradient_of_the_wrong_step)),
    "sum over steps left out": ("_sum", lambda self, value, axes: apply("sum", apply(
        "place", value, static=(fixed("t", 0, from_end=True),)), static=(sympy.Symbol("t", integer=True),))
        if tuple(axes) else value),
}  # fmt: skip


@pytest.mark.parametrize("fault", ADJOINTS)
@pytest.mark.parametrize("text", [RNN, LSTM])
def test_a_fault_of_the_adjoint_itself_fails(fault, text, monkeypatch):
    method, wrong = ADJOINTS[fault]
    system = derive.parse(text)
    monkeypatch.setattr(_Sweep, method, wrong)
    layers = proofs(system)
    assert [layer.holds for layer in layers] == [True, False, False]
    assert "the gradient" in layers[1].where


def test_a_dropped_shift_fails(monkeypatch):
    """Peepholes read c at two steps; both contributions at one step compute, but wrongly."""
    system = derive.parse("h[t] = tanh(U @ x[t] + V @ x[t-1])")
    assert prove(system).holds
    monkeypatch.setattr(_Sweep, "_deliver", deliver_now)
    assert not proofs(system)[1].holds


def test_a_wrong_primal_in_the_adjoint_fails(monkeypatch):
    """Named intermediates must not change what is computed."""

    def careless(system):
        return derive.parse(str(system).replace("tanh", "sin"))

    monkeypatch.setattr(derive.adjoint, "name_operands", careless)
    layers = proofs(derive.parse("h[t] = W @ h[t-1] + tanh(x[t])"))
    assert not layers[1].holds
    assert "the value of h" in layers[1].where


def test_forward_tangents_use_no_rule_of_the_adjoint(monkeypatch):
    """With every VJP and JVP raising, only writing the adjoint needs them: its equations were made before."""
    system = derive.parse(LSTM)
    made = {final: system.adjoint(final=final) for final in [system.states]}

    def refuse(*arguments):
        raise AssertionError("a rule was used")

    monkeypatch.setattr(type(system), "adjoint", lambda self, outputs=None, wrt=None, final=(): made[tuple(final)])
    for name, record in list(TABLE.items()):
        if not record.is_elementwise:
            monkeypatch.setitem(TABLE, name, replace(record, vjp=refuse, jvp=refuse))
    for module in ("derive.elementwise", "derive.adjoint", "derive.tangent"):
        monkeypatch.setattr(f"{module}.partial", refuse)
    monkeypatch.setattr("derive.proof.wrong_rules", lambda system, sizes: (1, []))
    assert all(layer.holds for layer in proofs(system))


# --- random systems -------------------------------------------------------------------------------------------------

SIGN = {"sum": "+", "product": "*", "difference": "-"}
UNARY = ("tanh", "sigmoid", "relu", "exp", "sin", "softplus", "silu", "abs")
ATOMS = ("h[t-1]", "k[t-1]", "x[t]", "x[t-1]", "W @ h[t-1]", "U @ x[t]", "W @ k[t-1]", "s * h[t-1]", "b", "h[t-2]")


@st.composite
def right_sides(draw, depth=2, atoms=ATOMS):
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return f"({draw(st.sampled_from(atoms))})"
    kind = draw(st.sampled_from(("call", "sum", "product", "difference")))
    first = draw(right_sides(depth=depth - 1, atoms=atoms))
    if kind == "call":
        return f"{draw(st.sampled_from(UNARY))}({first})"
    second = draw(right_sides(depth=depth - 1, atoms=atoms))
    return f"({first} {SIGN[kind]} {second})"


@settings(max_examples=25)
@given(right_sides(), right_sides(atoms=(*ATOMS, "h[t]")), st.integers(1, 4))
def test_random_systems(first, second, steps):
    declared = "x[t] : H\nW, U : H, H\nb : H\ns : scalar\n"
    system = derive.parse(f"{declared}h[t] = tanh(W @ h[t-1] + s * b) + {first}\nk[t] = {second} + U @ x[t]")
    evidence = prove(system, steps=steps, points=1)
    assert evidence.holds, evidence.where


# --- its parts ------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.recursive(
    st.fractions(-3, 3, max_denominator=4) | st.sampled_from("uvw"),
    lambda inner: st.tuples(st.sampled_from(("add", "mul")), inner, inner), max_leaves=14,
))  # fmt: skip
def test_polynomials_are_those_of_sympy(tree):
    """Sums and products, then: one set of terms, one sign of two, and equal exactly if the difference is zero."""
    field = Polynomials()
    free, symbols = {name: field.fresh() for name in "uvw"}, sympy.symbols("u v w")

    def both(tree):
        if isinstance(tree, tuple):
            (a, x), (b, y) = both(tree[1]), both(tree[2])
            return (field.add(a, b), x + y) if tree[0] == "add" else (field.mul(a, b), sympy.expand(x * y))
        if isinstance(tree, str):
            return free[tree], sympy.Symbol(tree)
        return field.number(sympy.Rational(tree)), sympy.Rational(tree)

    ours, theirs = both(tree)
    wanted = {sum(n << BITS * k for k, n in enumerate(powers)): c for powers, c in sympy.Poly(theirs, *symbols).terms()}
    assert {m: sympy.Rational(c, ours.below) for m, c in ours.terms.items()} == {m: c for m, c in wanted.items() if c}
    assert (field.is_negative(ours) + field.is_negative(field.neg(ours)) == 1) is bool(ours.terms)
    more = field.add(ours, field.number(sympy.Rational(1, 7)))
    assert more != ours
    back = field.add(more, field.number(sympy.Rational(-1, 7)))
    assert (back, hash(back)) == (ours, hash(ours))


def test_exponents_do_not_run_into_each_other():
    field = Polynomials()
    power = field.fresh()
    for _ in range(BITS - 1):
        power = field.mul(power, power)
    assert power.terms == {1 << BITS - 1: 1}
    with pytest.raises(NotDone, match="too large"):
        field.mul(power, power)


@pytest.mark.parametrize("name", [name for name, record in TABLE.items() if record.is_elementwise])
def test_forms_equal_the_meaning_numerically(name):
    """A form is the meaning and its derivative, generators replaced by what they stand for."""
    record, shape = TABLE[name], form(name)
    operands = sympy.symbols("x0 x1 x2", real=True)[: record.arity]
    low, high = record.domain
    point = dict(zip(operands, (low + (high - low) * 0.37, low + (high - low) * 0.81), strict=False))
    known = dict(point)
    for generator in shape.generators:
        argument = generator.argument.xreplace(known)
        known[generator.symbol] = {
            "exp": sympy.exp, "tanh": sympy.tanh, "sin": sympy.sin, "cos": sympy.cos, "log": sympy.log,
            "sign": sympy.sign, "root 2": sympy.sqrt, "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)),
        }[generator.kind](argument)  # fmt: skip

    def number(fraction):
        return float((fraction[0].as_expr() / fraction[1].as_expr()).xreplace(known))

    value = sympy.lambdify(operands, record.meaning(*operands), modules=["mpmath"])
    assert number(shape.value) == pytest.approx(float(value(*point.values())), rel=1e-12)
    for i, slope in enumerate(shape.slopes):
        left, right = (
            float(value(*(v + (e if k == i else 0) for k, v in enumerate(point.values())))) for e in (-1e-6, 1e-6)
        )
        assert number(slope) == pytest.approx((right - left) / 2e-6, rel=1e-6, abs=1e-8)


def test_zero_is_recognised_exactly():
    x = sympy.Symbol("x", real=True)
    assert is_zero(sympy.exp(2 * x) - sympy.exp(x) ** 2)
    assert is_zero(1 / (1 + sympy.exp(-x)) - sympy.exp(x) / (1 + sympy.exp(x)))
    assert not is_zero(sympy.tanh(x) - x)


def test_evidence_as_json():
    evidence = Evidence("c", "m", 3, math.nan, math.inf, False, where="W")
    assert json.loads(json.dumps(evidence.as_dict(), allow_nan=False)) == {
        "claim": "c", "method": "m", "cases": 3, "worst": None, "tolerance": None, "holds": False,
    }  # fmt: skip
    assert "FAILS" in evidence._repr_html_()
    assert Evidence("c", "m", 3, 1e-9, 1e-6, True).as_dict()["worst"] == 1e-9
