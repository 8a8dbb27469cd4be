"""LaTeX of expressions: conventions, templates, hostile names."""

from __future__ import annotations

import pytest
import sympy

import derive
from derive.expr import apply, coerce, ref, step
from derive.latex import dim_latex, shape_latex, transposed
from derive.primitives import TABLE
from derive.spelling import compose, spell
from derive.typeset import PlainNames, terms, typeset
from reports.formula import check
from reports.mathml import to_mathml


def right_sides(text: str) -> list[str]:
    system = derive.parse(text)
    names = PlainNames(system.shape_of)
    return [typeset(equation.expr, names) for equation in system.equations]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("h[t] = W @ x[t] + b", r"W\,x_{t} + b"),
        ("h[t] = tanh(x[t])**2", r"\tanh^{2}(x_{t})"),
        ("h[t] = 2 * x[t] * y[t]", r"2\,x_{t} \odot y_{t}"),
        ("a : scalar\nh[t] = a * x[t] * y[t]", r"a\,x_{t} \odot y_{t}"),
        ("h[t] = x[t] / (1 + exp(y[t]))", r"\frac{x_{t}}{1 + \exp(y_{t})}"),
        ("h[t] = -x[t] - y[t]", r"-x_{t} - y_{t}"),
        ("h[t] = (1 - z[t]) * h[t-1]", r"(1 - z_{t}) \odot h_{t-1}"),
        ("h[t] = W @ (r[t] * h[t-1])", r"W\,(r_{t} \odot h_{t-1})"),
        ("h[t] = W @ [h[t-1], x[t]]", r"W\,[h_{t-1};\, x_{t}]"),
        ("h[t] = W.T @ x[t]", r"W^{\top}\,x_{t}"),
        ("h[t] = z_f[t]**2", r"(z^{f}_{t})^{2}"),
        ("h[t] = x[t] @ y[t].T", r"x_{t}\,y_{t}^{\top}"),
        ("h[t] = x[t] - 0.5 * (x[t] - y[t])", r"x_{t} - 0.5\,(x_{t} - y_{t})"),
        ("y = sum[t](x[t] * x[t])", r"\sum_{t=1}^{T} x_{t} \odot x_{t}"),
        ("m[t] = x[t]\nk = m[:] @ v", r"m_{1:T}\,v"),
        ("h[t] = abs(x[t])", r"\left|x_{t}\right|"),
        ("h[t] = max(x[t], y[t])", r"\max(x_{t}, y_{t})"),
        ("h[t] = tanh(x[t] / y[t])", r"\tanh\!\left(\frac{x_{t}}{y_{t}}\right)"),
        ("h[t] = x[t] / 3", r"\frac{x_{t}}{3}"),
        ("h[t] = x[t] * 0.5", r"\frac{x_{t}}{2}"),
        ("h[t] = 0.5 * x[t] * 2", "x_{t}"),
        ("h[t] = 1 / x[t]", r"\frac{1}{x_{t}}"),
        ("A : N, M\nh[t] = (A + W @ x[t]) @ y[t]", r"(A + W\,x_{t}\,\boldsymbol{1}^{\top})\,y_{t}"),
    ],
)
def test_conventions(text, latex):
    assert right_sides(text)[-1] == latex


def test_terms_carry_their_signs():
    system = derive.parse("h[t] = -x[t] + W @ h[t-1] - 2 * b")
    assert terms(system.equations[0].expr) == ("-x_{t}", r"+ W\,h_{t-1}", r"- 2\,b")
    total = derive.parse("y = sum[t](x[t] - z[t])").equations[0].expr
    assert terms(total) == (r"\sum_{t=1}^{T} x_{t}", r"- \sum_{t=1}^{T} z_{t}")


def test_a_softmax_gradient_says_what_is_broadcast():
    adjoint = derive.parse("a[t] = softmax(x[t])").adjoint()
    expr = adjoint.equation("dx").expr
    assert typeset(expr, PlainNames(adjoint.shape_of)) == (
        r"a_{t} \odot (\mathrm{da}_{t} - \boldsymbol{1}\,(a_{t}^{\top}\,\mathrm{da}_{t}))"
    )


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_template_can_be_set(name):
    """By the check of the writers, and by the MathML of the HTML report, whatever the argument."""
    record = TABLE[name]
    static = {
        "axis": sympy.Symbol("t", integer=True),
        "slice": sympy.Tuple(sympy.Integer(0), sympy.Symbol("H")),
        "dim": sympy.Symbol("H"),
        "exponent": sympy.Integer(3),
        "position": derive.expr.fixed("t", 0, from_end=True),
    }
    for operand in (ref("x", step("t")), ref("E_w"), ref("z_f", step("t", -1)), 1 / ref("x", step("t"))):
        count = record.arity or 2
        call = apply(name, *[operand] * count, static=tuple(static[kind] for kind in record.static))
        check(typeset(call))
        assert "<merror" not in to_mathml(typeset(call))


@pytest.mark.parametrize(
    ("name", "timed", "free"),
    [
        ("h", "h_{t}", "h"),
        ("W_f", "W^{f}_{t}", "W_{f}"),
        ("h_2", "h^{(2)}_{t}", "h_{2}"),
        ("h2", "h^{(2)}_{t}", "h_{2}"),
        ("W_hx", "W^{hx}_{t}", "W_{hx}"),
        ("alpha", r"\alpha_{t}", r"\alpha"),
        ("Gamma_u", r"\Gamma^{u}_{t}", r"\Gamma_{u}"),
        ("dt", r"\mathrm{dt}_{t}", r"\mathrm{dt}"),
        ("W_gate", r"W^{\mathrm{gate}}_{t}", r"W_{\mathrm{gate}}"),
        ("z_a_2", "z^{a,2}_{t}", "z_{a,2}"),
        ("δ_f", r"\delta^{f}_{t}", r"\delta_{f}"),
        ("é", r"\text{é}_{t}", r"\text{é}"),
    ],
)
def test_spelling(name, timed, free):
    assert compose(spell(name), "t") == timed
    assert compose(spell(name), "") == free


@pytest.mark.parametrize("name", ["x" * 60, "a_b_c_d_e_f", "_x", "W_", "中", "ß_ö", "x1y2", "__".replace("__", "u_")])
def test_any_name_can_be_set(name):
    for index in ("", "t-1"):
        latex = compose(spell(name), index)
        check(latex)
        check(transposed(latex))
        assert to_mathml(latex)


@pytest.mark.parametrize("bad", [r"\input", "x$", "a&b", "{", "%"])
def test_what_is_no_name_never_reaches_latex(bad):
    with pytest.raises(derive.EquationError):
        derive.parse(f"h[t] = {bad} * x[t]")


def test_transposes_stay_close_to_the_letter():
    assert transposed("z^{f}_{t}") == r"z^{f\top}_{t}"
    assert transposed(r"c^{\langle t \rangle}") == r"c^{\langle t \rangle\top}"
    assert transposed("h_{t-1}") == r"h_{t-1}^{\top}"
    assert transposed("(a + b)") == r"(a + b)^{\top}"


def test_shapes():
    H, D = (sympy.Symbol(name, integer=True, positive=True) for name in "HD")
    assert shape_latex(()) == r"\mathbb{R}"
    assert shape_latex((H, D + H)) == r"\mathbb{R}^{H \times (D + H)}"
    assert dim_latex(2 * H) == "2H"
    assert dim_latex(H + 1) == "H + 1"


def test_sympy_prints_our_nodes():
    h = coerce(ref("h", step("t", -1)))
    assert sympy.latex(h * ref("x", step("t"))) == r"h_{t-1} \odot x_{t}"
    assert derive.parse("h[t] = tanh(h[t-1])").equations[0]._repr_latex_() == r"$h_{t} = \tanh(h_{t-1})$"
