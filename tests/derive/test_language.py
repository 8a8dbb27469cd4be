"""The equation language: what it means, what it refuses, and that it never evaluates anything."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.dimensions import dimension
from derive.symbols import parameters, sequences, time

LSTM = """
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
"""
ATTENTION = """
p[t] = tanh(W_p @ p[t-1] + U_p @ x[t] + b_p)
q[t] = tanh(W_q @ q[t+1] + U_q @ x[t] + b_q)
m[t] = [p[t], q[t]]
a[u] = softmax(tanh(U_a @ m[:] + W_a @ s[u-1]).T @ v_a)
k[u] = m[:] @ a[u]
s[u] = tanh(W_s @ s[u-1] + C @ k[u])
s[0] = tanh(W_0 @ q[1])
"""
EXAMPLES = {
    "lstm": LSTM,
    "attention": ATTENTION,
    "lag 2": "h[t] = tanh(W @ h[t-2] + V @ h[t-1] + U @ x[t])\nh[0] = tanh(b)",
    "matrix state": "S[t] : K, V\nk[t] : K\nv[t] : V\nf[t] : K\n"
    "S[t] = f[t] * S[t-1] + k[t] @ v[t].T\ny[t] = S[t].T @ q[t]",
    "embedding": "E : D, V\nj[t] : index V\ne[t] = take(E, j[t])\n"
    "h[t] = tanh(W @ [h[t-1], e[t]])\nL = sum[t](h[t].T @ h[t])",
    "time-free": "input v : D\nx[t] : D\nh[t] = tanh(W @ h[t-1] + U @ x[t] + V @ v)\ny = Q @ h[T]",
    "many powers": "h[t] = x[t]**2 / (1 + x[t]**-3) - 0.125 * x[t] / 3 + -x[t] * (1/3) - 2**3",
    "window": "h[t] = tanh(A @ x[t-1] + B @ x[t] + C @ x[t+1])",
    "scalars": "dt : scalar\nconst A : N, N\nh[t] = h[t-1] + dt * (A @ h[t-1])",
    "adjoint forms": "x[t] : 5\nM : 3, T\ny[t] = [rows(x[t], 1:3), embed(rows(x[t], 0:1), 0:1, 2)] + place(stop(b), T)"
    " - place[t](b, 2)\n"
    "z[t] = unstack[t](M) * reduce_to(x[t])\nE : 5, 7\nj[t] : index 7\nS = sum[t](scatter(x[t], j[t], 7)) + E",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_printing_and_parsing_are_inverse(name: str) -> None:
    system = derive.parse(EXAMPLES[name])
    assert derive.parse(str(system)) == system


@pytest.mark.parametrize("name", ["lstm", "attention", "lag 2", "matrix state", "embedding", "time-free", "window"])
def test_derived_systems_are_in_the_language_too(name: str) -> None:
    system = derive.parse(EXAMPLES[name])
    for derived in (system.adjoint(), system.tangent(), system.adjoint().adjoint(), system.adjoint().tangent()):
        assert derive.parse(str(derived)) == derived


def test_repr_evaluates_back() -> None:
    system = derive.parse(LSTM)
    assert eval(repr(system), {"derive": derive}) == system


def test_shapes_of_the_lstm_are_not_inferred_as_a_difference() -> None:
    H, D = dimension("H"), dimension("D")
    shapes = derive.parse(LSTM).shapes
    assert shapes["x"] == (D,)
    assert shapes["W_f"] == (H, D + H)
    assert {shapes[name] for name in "figoch"} == {(H,)}


@pytest.mark.parametrize("name", ["lstm", "attention", "lag 2", "time-free", "window"])
def test_the_order_of_lines_does_not_matter(name: str) -> None:
    lines = [line for line in EXAMPLES[name].splitlines() if line]
    forward, backward = derive.parse("\n".join(lines)), derive.parse("\n".join(reversed(lines)))
    assert forward.shapes == backward.shapes
    assert (forward.inputs, set(forward.parameters)) == (backward.inputs, set(backward.parameters))


def test_a_table_has_a_column_for_every_class() -> None:
    shapes = derive.parse("j[t] : index V\nh[t] = tanh(W @ h[t-1] + take(E, j[t]))").shapes
    assert shapes["E"] == (dimension("H"), dimension("V"))


def test_the_caret_finds_the_line_inside_a_statement() -> None:
    with pytest.raises(derive.EquationError) as caught:
        derive.parse("h[t] = tanh(W @ h[t-1]  # recurrent\n   + foo(x[t]))")
    head, line, caret = str(caught.value).split("\n")
    assert head.startswith("line 2: unknown function foo")
    assert line[caret.index("^") : caret.rindex("^") + 1] == "foo"


def test_a_declared_state_keeps_its_shape_in_print() -> None:
    system = derive.parse("h[t] : H\na[t] : scalar\nh[t] = tanh(a[t] * h[t-1])")
    assert derive.parse(str(system)) == system
    assert derive.parse(str(system.adjoint())) == system.adjoint()


def test_derived_names_are_words_that_can_be_read_back() -> None:
    system = derive.parse("el[t] = tanh(_h * x[t]) + ef[t]")
    assert derive.parse(str(system.adjoint())) == system.adjoint()
    assert derive.parse(str(system.tangent())) == system.tangent()


def test_an_axis_never_shares_its_length_with_a_size() -> None:
    shapes = derive.parse("a[h] = tanh(W @ a[h-1] + U @ x[h])").shapes
    assert shapes["W"] == (dimension("H_a"), dimension("H_a"))


def test_a_sum_of_matrices_is_seen_through() -> None:
    shapes = derive.parse("h[t] = tanh((W + V) @ h[t-1] - U @ x[t])").shapes
    assert shapes["W"] == shapes["V"] == (dimension("H"), dimension("H"))


def test_roles_and_boundaries_of_attention() -> None:
    system = derive.parse(ATTENTION)
    assert (system.inputs, system.axes, system.outputs) == (("x",), ("t", "u"), ("s",))
    assert {n: [str(derive.expr.ref(n, p)) for p in ps] for n, ps in system.boundaries.items()} == {
        "p": ["p[0]"],
        "q": ["q[T+1]"],
    }
    directions = {e.name: c.direction for c in system.components for e in c.equations if not e.is_boundary}
    assert directions == {"p": 1, "q": -1, "m": 0, "a": 1, "k": 1, "s": 1}


def test_other_spellings() -> None:
    plain = derive.parse("h[t] = sigmoid(W @ h[t-1] + U.T @ x[t]) * x1[t]\nU : D, H")
    fancy = derive.parse("h[t] = σ(W·h[t−1] + Uᵀ @ x[t]) ⊙ x₁[t]  # gate\nU : D, H")
    assert plain == fancy
    assert derive.parse("c̃[t] = tanh(Γ_u @ x[t])").defined == ("c̃",)


def test_several_lines_make_one_statement_while_a_bracket_is_open() -> None:
    assert derive.parse("h[t] = tanh(W @ h[t-1]\n   + U @ x[t])  # cell") == derive.parse(
        "h[t] = tanh(W @ h[t-1] + U @ x[t])"
    )


def test_a_system_from_sympy_symbols_is_the_parsed_one() -> None:
    t, T = time("t")
    h, x = sequences("h x", t)
    W, U, b = sympy.symbols("W U b")
    (Q,) = parameters("Q")
    built = derive.define({h[t]: sympy.tanh(W @ h[t - 1] + U @ x[t] - 2 * b), derive.expr.ref("y"): (Q @ h[T]) / 3})
    assert built == derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] - 2 * b)\ny = (Q @ h[T]) * (1/3)")
    assert built.equations[0].expr.free_symbols == {sympy.Symbol(n) for n in ("W", "U", "b", "h", "x")} | {t}
    with pytest.raises(TypeError, match="has no meaning"):
        derive.define({h[t]: sympy.I * x[t]})
    with pytest.raises(TypeError, match="differentiate the System"):
        sympy.diff(built.equations[0].expr, W)


def test_slips_are_warned_of_and_errors_when_strict() -> None:
    text = "h[t] = tanh(W_h @ h[t-1] + Wh @ x[t])"
    (warning,) = derive.parse(text).warnings
    assert "Wh looks like W_h" in warning or "W_h looks like Wh" in warning
    with pytest.raises(derive.EquationError, match="looks like"):
        derive.parse(text, strict=True)
    assert derive.parse(text + "\nWh : H, D", strict=True).warnings == ()


STRICTLY = {
    "h[t] = tanh(W_h @ h[t-1] + Wh @ x[t])": ("Wh looks like W_h; if it is meant, declare it ('Wh : …')", "Wh"),
    "h[t] = tanh(W @ h[t-1] + x[t])\nh[-3] = c": ("h[-3] is given a value that nothing reads", "h[-3] = c"),
    "q[t] = tanh(q[t+1] + x[t])\nq[T+1] = a\nq[T+2] = c": ("q[T+2] is given a value that nothing reads", "q[T+2] = c"),
}


@pytest.mark.parametrize("text", STRICTLY)
def test_a_strict_error_points_at_the_slip(text: str) -> None:
    reason, place = STRICTLY[text]
    assert derive.parse(text).warnings == (reason,)
    with pytest.raises(derive.EquationError) as caught:
        derive.parse(text, strict=True)
    _, line, caret = str(caught.value).splitlines()
    assert caught.value.reason == reason
    assert line[caret.index("^") : caret.rindex("^") + 1] == place


@pytest.mark.parametrize(
    "text",
    [
        "h[t] = tanh(W @ h[t-2] + x[t])\nh[-1] = c\nh[0] = c",
        "h[t] = tanh(W @ h[t-1] + x[t])\ny = x[3]\nx[T+1] = c\nx[t] = a[t]",  # [3] is [T+1] where T = 2
        "y[t] = x[t]\ny[0] = c",
    ],
)
def test_what_is_read_somewhere_or_is_a_result_is_no_slip(text: str) -> None:
    assert derive.parse(text, strict=True).warnings == ()


def test_derived_systems_have_no_slips() -> None:
    for text in ("h[t] = tanh(W @ h[t-2] + V @ h[t-1] + U @ x[t])", "y = x[T-1] * x[2]\nx[t] = a * z[t-1]"):
        adjoint = derive.parse(text).adjoint()
        assert derive.parse(str(adjoint), strict=True) == adjoint


NO_FUNCTIONS = [
    (sympy.cosh, 1, "cosh is no function of the language; there are abs, "),
    (sympy.atan2, 2, "atan2 is no function of the language"),
    (sympy.Function("take"), 1, "take takes 2 arguments, not 1"),
    (sympy.Function("tanh"), 2, "tanh takes 1 argument, not 2"),
    (sympy.Function("max"), 1, "max takes 2 arguments, not 1"),
    (sympy.Function("sum"), 1, "sum takes more than expressions"),
    (sympy.Function("rows"), 1, "rows takes more than expressions"),
]


@pytest.mark.parametrize(("function", "arguments", "reason"), NO_FUNCTIONS, ids=[row[2][:12] for row in NO_FUNCTIONS])
def test_functions_of_sympy_that_mean_nothing_here_get_one_line(function, arguments, reason) -> None:
    t, _ = time("t")
    h, x = sequences("h x", t)
    with pytest.raises(TypeError, match=f"^{reason}") as caught:
        derive.define({h[t]: function(*[x[t], h[t - 1]][:arguments]) + 1})
    assert "\n" not in str(caught.value)


REFUSED = {
    "": "no equation",
    "# only a comment": "no equation",
    "h[t] = foo(x[t])": "unknown function foo",
    "h[t] = sigmod(x[t])": "did you mean sigmoid?",
    "h[t] = tanh(x[t]": "never closed",
    "h[t] = tanh(x[t]))": "never opened",
    "h[t] = ": "nothing stands right",
    "h[t] x[t]": "neither an equation",
    "h[t] == x[t]": "one '='",
    "h[t] = h[t]": "h[t] → h[t] depend on each other in a cycle at the same step",
    "a[t] = b[t]\nb[t] = a[t] * x[t]": "a[t] → b[t] → a[t]",
    "h[t] = h[t-1] + h[t+1]": "both forward and backward",
    "v = w * v": "cycle",
    "h[t] = sum[t](h[t]) * x[t]": "cycle",
    "x : D\nh : H\nW : H, H\nh[t] = W @ x[t]": "W is H × H, x[t] is D × 1",
    "x : D\nv : 3\nh[t] = x[t] + v": "x[t] is D × 1, v is 3 × 1",
    "x[t] : D\ny[t] : H\nh[t] = x[t] + y[t]": "D × 1",
    "x : D\nh : H\nh[t] = [h[t-1], x[t]]": "shapes do not fit",
    "h[t] = M * (W @ x[t] @ x[t].T)": "declare its shape",
    "h[t] = U @ r[t] * h[t-1]": "needs parentheses",
    "h[t] = r[t] * U @ h[t-1]": "needs parentheses",
    "h[t] = x[t]^2": "**",
    "h[t] = x[t]**x[t]": "exponent",
    "h[t] = x[t]**W": "exponent",
    "h[t] = 0**-1 * x[t]": "no finite fraction",
    "h[t] = x[t] / 0": "division by zero",
    "h[t] = x[t] / (2 - 2)": "division by zero",
    "h[t] = 1e999 * x[t]": "1e100",
    "h[t] = x[t].real": "only .T",
    "h[t] = x[t].__class__": "only .T",
    "h[t] = __import__": "reserved",
    "h[t] = [y for y in x]": "has no meaning",
    "h[t] = {x[t]}": "unexpected character",
    "h[t] = 'a'": "unexpected character",
    "h[t] = x[t] if W else U": "has no meaning",
    "h[t] = lambda: W": "has no meaning",
    "h[t] = (lambda: W)": "not an expression",
    "h[t] = (y := W)": "one '='",
    "h[t] = tanh(x[t], out=W)": "one '='",
    "h[t] = tanh(*x[t])": "plain arguments",
    "h[t] = tanh(x[t], x[t])": "takes 1 argument, not 2",
    "h[t] = tanh": "is a function",
    "h[t] = True * x[t]": "is no number",
    "h[t] = not x[t]": "has no meaning",
    "h[t] = x[t] // 2": "has no meaning",
    "h[t] = x[t] | W": "unexpected character",
    "h[t] = 1j * x[t]": "is no number",
    "h[t] = x[t] + x": "x is a sequence along t",
    "h[t] = t * x[t]": "time axis",
    "h[t] = x[u]": "u is no time axis",
    "h[t] = x[t]\ns[u] = h[u]": "cannot be read at [u]",
    "h[t] = x[t]\ns[u] = s[u-1] + h[U] * y[u]": "U is the end of axis u",
    "h[t] = x[t*2]": "time index",
    "h[t] = x[t-0.5]": "whole numbers",
    "h[t] = x[1:2]": "x[:]",
    "h[t-1] = x[t]": "define h at [t]",
    "h[t] = x[t]\nh[2] = b": "outside 1…T",
    "h[t] = x[t]\nh[t] = y[t]": "defined twice",
    "h[t] = h[t-1]\nh[0] = a\nh[0] = b": "defined twice",
    "h[t] = x[t]\nv = W @ x[t]": "needs a step t",
    "v = W @ x[t]": "t is no time axis",
    "tanh[t] = x[t]": "reserved",
    "sum = W": "reserved",
    "class = W": "",
    "__x[t] = x[t]": "reserved",
    "1 = W": "a left side is",
    "f(h)[t] = x[t]": "a left side is",
    "W : H, D, K\nh[t] = W @ x[t]": "at most two dimensions",
    "W : H D\nh[t] = W @ x[t]": "no dimension",
    "W : -1\nh[t] = W * x[t]": "no dimension",
    "W : H\nW : H\nh[t] = W * x[t]": "declared twice",
    "W : H\nh[t] = x[t]": "never used",
    "h[t] = rows(x[t], 0:Q)": "Q is no declared dimension",
    "h[t] = rows(x[t], 3)": "first:stop",
    "h[t] = sum(x[t])": "time axis in brackets",
    "h[t] = tanh[t](x[t])": "takes no brackets",
    "h[t] = W @ 2": "write *",
    "h[t] = take(E, j[t])": "declare one, as in 'j[t] : index V'",
    "E : D, K\nj[t] : index V\nh[t] = take(E, j[t])": "E is D × K",
    "j[t] : index V\nh[t] = j[t-1] * x[t]": "j[t-1] is an index, not a number: read a column with take(E, j[t-1])",
    "input j : index V\nh[t] = exp(j) * x[t]": "j is an index, not a number",
    "h[t] = " + "b + " * 400 + "x[t]": "inside each other",
    "h[t] = ((2**100)**100)**100 * x[t]": "1e100",
    "h[t] = (x[t]" + "\n" * 5_000: "characters",
    "x[s] : D\nh[t] = x[t]": "cannot be read at [t]",
    "x[T] : D\nh[t] = x[t]": "T is no time axis",
    "t[t] = x[t]": "time axis",
    "const h[t] : H\nh[t] = x[t]": "declared to be given",
    "v = unstack[t](M)\nM : 2, T\nh[t] = x[t]": "needs a step t",
    "K[t] = x[t] @ stack[t](v.T @ x[t])\ny[t] = unstack[t](K[t])": "K[t] is another one at every step",
    "x : 3\ny[t] = rows(x[t], 2:7)": "x[t] is 3 × 1",
    "s[t] : scalar\nW : H, D\ny[t] = reduce_to(s[t], H, D) + W": "s[t] is 1 × 1",
    "i[t] = exp(w.T @ x[t] + b)\nh[t] = i[t] * x[t]": "b : scalar",
    "h[t] = x[t] @ x[t]": "declare its shape",
    "h[t] = exp(W) @ h[t-1] + U @ x[t]": "declare its shape",
    "h[t] = x[t]\0": "U+0000",
    "h[t] = " + "(" * 60 + "x[t]" + ")" * 60: "brackets inside each other",
    "h[t] = " + "-" * 3000 + "x[t]": "not an expression",
    "h[t] = " + "9" * 5000: "4,000",
    "x" * 1_000_000: "at most 100,000",
    "h" * 110 + "[t] = x[t]": "longer than 100",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[t[:30] for t in REFUSED])
def test_bad_text_gets_a_reason_with_the_line_and_a_caret(text: str, reason: str) -> None:
    with pytest.raises(derive.EquationError) as caught:
        derive.parse(text)
    error = caught.value
    assert reason in error.reason
    assert "\n" not in error.reason
    assert error.reason
    if error.span is not None and error.text:
        head, line, caret = str(error).split("\n")
        assert head.startswith(f"line {error.span.line}: ")
        assert caret.strip().strip("^") == ""
        assert len(line) <= 130


def test_the_caret_stands_under_the_culprit_after_wide_characters() -> None:
    with pytest.raises(derive.EquationError) as caught:
        derive.parse("ñ[t] = σ(Γ @ ñ[t-1]) ⊙ foo(x[t])")
    _, line, caret = str(caught.value).split("\n")
    assert line[caret.index("^") : caret.rindex("^") + 1] == "foo"


EVENTS = {"exec", "open", "os.system", "subprocess.Popen", "socket.connect", "pickle.find_class"}
WATCHED: list[str] = []


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if watching and event in (
        "exec",
        "import",
        "open",
        "os.system",
        "subprocess.Popen",
        "socket.connect",
        "pickle.find_class",
    ):
        WATCHED.append(event)


watching = False
sys.addaudithook(_watch)
TOKENS = [
    "h", "x", "W", "t", "T", "H", "[t]", "[t-1]", "[t+1]", "[0]", "[T]", "[:]", "[", "]", "(", ")", "{",
    "tanh", "rows", "+", "-", "*", "/", "@", "**", "^", "|", "~", ",", ".T", ".x", "=", ":", ";", "#", "\\",
    "`", "'", '"', "1", "0", "2.5", "1e9", "σ", "⊙", "é", "sum[t]", "__import__", "os", "lambda", "for", "in",
    "if", "index", "const", "eval", "exec", " ", "\n", "\0",
]  # fmt: skip


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(TOKENS), max_size=25).map("".join)))
def test_any_text_is_parsed_or_refused_and_nothing_is_evaluated(text: str) -> None:
    global watching
    derive.parse("h[t] = tanh(x[t])")  # SymPy imports what it needs on first use
    WATCHED.clear()
    watching = True
    try:
        system = derive.parse(text)
    except derive.EquationError as error:
        reason = error.reason
    else:
        reason = ""
        assert derive.parse(str(system)) == system
    finally:
        watching = False
    assert "\n" not in reason
    assert not WATCHED


def test_the_watch_sees_an_evaluation() -> None:
    global watching
    WATCHED.clear()
    watching = True
    eval("1 + 1")
    watching = False
    assert "exec" in WATCHED
