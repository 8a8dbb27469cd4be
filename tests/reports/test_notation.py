"""Notation: what gates and candidates are called follows from the equations, and no two names look alike."""

from __future__ import annotations

import pytest

import derive
from derive.typeset import typeset
from reports.context import Context
from reports.grouping import group_equations, grouped_terms, letter_for
from reports.notation import Notation
from reports.notations import NOTATIONS, UnknownNotation, notation
from reports.writing import certificate

LSTM = derive.load("lstm")


def written(system: derive.System, style: str) -> dict[str, str]:
    """Left side in the equation language → the equation as LaTeX."""
    context = Context(system, notation(style))
    return {
        str(e.out): f"{typeset(e.out, context.names)} = {typeset(e.expr, context.names)}"
        for e in context.reading.equations
    }


def test_ng_writes_gates_and_candidates_by_structure():
    found = written(LSTM, "ng")
    assert found["f[t]"] == r"\Gamma_{f}^{\langle t \rangle} = \sigma(z_{f}^{\langle t \rangle})"
    assert found["i[t]"] == r"\Gamma_{u}^{\langle t \rangle} = \sigma(z_{u}^{\langle t \rangle})"
    assert found["g[t]"] == r"\tilde{c}^{\langle t \rangle} = \tanh(z_{c}^{\langle t \rangle})"
    assert r"W_{c}\,[a^{\langle t-1 \rangle};\, x^{\langle t \rangle}] + b_{c}" in found["z_g[t]"]
    assert found["c[t]"].endswith(
        r"\Gamma_{f}^{\langle t \rangle} \odot c^{\langle t-1 \rangle} + "
        r"\Gamma_{u}^{\langle t \rangle} \odot \tilde{c}^{\langle t \rangle}"
    )


def test_ng_of_an_lstm_under_other_names():
    """Gates are sigmoids that multiply: the names of the author play no part."""
    text = """
        keep[t] = sigmoid(A @ [y[t-1], x[t]])
        new[t] = tanh(B @ [y[t-1], x[t]])
        y[t] = keep[t] * y[t-1] + (1 - keep[t]) * new[t]
    """
    found = written(derive.parse(text), "ng")
    assert found["keep[t]"].startswith(r"\Gamma_{\mathrm{keep}}^{\langle t \rangle}")
    assert found["new[t]"].startswith(r"\tilde{y}^{\langle t \rangle}")


@pytest.mark.parametrize(
    ("style", "delta"),
    [
        ("standard", r"\delta h_{t}"),
        ("bar", r"\bar{h}_{t}"),
        ("partial", r"\frac{\partial \mathcal{L}}{\partial h_{t}}"),
        ("ng", r"\delta a^{\langle t \rangle}"),
    ],
)
def test_styles_of_cotangents(style, delta):
    assert written(LSTM, style)["dh[t]"].startswith(f"{delta} = ")
    assert r"\frac{\partial \mathcal{L}}{\partial W_{f}} = " in written(LSTM, style)["dW_f"] or style == "bar"


def test_spellings_that_would_coincide_are_spelled_out():
    system = derive.parse("h[t] = tanh(W1 @ h[t-1] + W_1 @ x[t])")
    names = Notation().names(system)
    assert names.written("W1") == "W_{1}"
    assert names.written("W_1") == r"\mathrm{W\_1}"


def test_notation_changes_no_mathematics():
    for style in NOTATIONS:
        context = Context(LSTM, notation(style))
        assert context.reading == Context(LSTM).reading
        assert certificate(context)["backward"] == certificate(Context(LSTM))["backward"]


def test_unknown_notation():
    with pytest.raises(UnknownNotation, match="no notation is called 'klingon'; there are standard, ng, py"):
        notation("klingon")


def test_blocks_of_a_matrix_are_named_by_what_they_multiply():
    blocks = Context(LSTM).names.blocks
    assert [label for label, _, _ in blocks["W_f"]] == ["h", "x"]
    twice = derive.parse("x : D\nh[t] = tanh(W @ [h[t-1], x[t]] + W @ [x[t], h[t-1]])")
    assert Notation().names(twice).blocks == {}


# --- grouping -----------------------------------------------------------------------------------------------------


def groups(text: str) -> list[tuple[str, ...]]:
    context = Context(derive.parse(text))
    return [group.keys for group in group_equations(context.adjoint, context.forward) if group.keys]


def test_gates_that_are_equal_up_to_names_are_one_equation():
    context = Context(LSTM)
    found = group_equations(context.adjoint, context.forward)
    assert found[0].keys == ("f", "i", "g", "o")
    assert letter_for(context.adjoint) == "q"
    assert grouped_terms(context.reading.equation("dh").expr, context.names) == (
        r"\frac{\partial \ell_{t}}{\partial h_{t}}",
        r"+ \sum_{q \in \{f, i, g, o\}} W_{qh}^{\top}\,\delta z^{q}_{t+1}",
    )


def test_equations_that_differ_otherwise_stay_apart():
    same = "a[t] = sigmoid(W_a @ x[t])\nb[t] = sigmoid(W_b @ x[t])\nh[t] = a[t] * b[t]"
    assert groups(same) == [("a", "b")]
    assert groups(same.replace("W_b @ x[t]", "W_b @ x[t-1]")) == []
    assert groups(same.replace("W_b @ x[t]", "W_c @ x[t]")) == []
    biased = same.replace("W_a @ x[t]", "W_a @ x[t] + b_a").replace("W_b @ x[t]", "W_b @ x[t] + b_b")
    assert groups(biased) == [("a", "b")]
    assert groups(f"b_b : scalar\n{biased}") == []


def test_terms_of_opposite_sign_stay_apart():
    context = Context(derive.parse("h[t] = W_a @ x[t] - W_b @ x[t] + W_c @ x[t]"))
    assert len(grouped_terms(context.forward[0].expr, context.names)) == 3


def test_the_letter_is_never_a_name():
    system = derive.parse("q[t] = tanh(W_q @ q[t-1] + W_k @ k[t])")
    assert letter_for(system) == "j"
