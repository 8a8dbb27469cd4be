"""Vanishing and exploding gradients by the equations: products over lags, bounds, direct paths, conditions."""

import numpy
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
import derive.jacobian
from derive.bounds import Bound, product_bound
from derive.factors import product_text
from derive.networks import bidirectional, build, stack
from derive.operands import name_operands
from derive.stability import columns, stability

LAG = "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t])"
AHEAD = "q[t] = sigmoid(W @ q[t+1] + U @ x[t])"

TWO = "‖Q‖ ‖W_h[:, 0:O]‖"


def only(system):
    """The one recurrence of a system, from a name, a text or the system."""
    if isinstance(system, str):
        system = derive.parse(system) if "=" in system else derive.load(system)
    (recurrence,) = stability(system).recurrences
    return recurrence


@pytest.mark.parametrize(
    ("system", "bound", "over", "vanishes", "explodes"),
    [
        ("rnn-nobias", "‖W_h‖", "‖W_h‖^k", "‖W_h‖ < 1", "‖W_h‖ > 1"),
        ("rnn-relu", "‖W_h[:, 0:H]‖", "‖W_h[:, 0:H]‖^k", "‖W_h[:, 0:H]‖ < 1", "‖W_h[:, 0:H]‖ > 1"),
        (AHEAD, "1/4 ‖W‖", "(1/4 ‖W‖)^k", "‖W‖ < 4", "‖W‖ > 4"),
        ("jordan", f"1/4 {TWO}", f"(1/4 {TWO})^k", f"{TWO} < 4", f"{TWO} > 4"),
        ("gru", "β", "β^k", "β < 1 (never by this bound: a direct path alone counts 1)", "β > 1"),
        ("lstm", "‖B‖", "‖B‖^k", "‖B‖ < 1 (never by this bound: a direct path alone counts 1)", "‖B‖ > 1"),
        (LAG, "β", "β^⌈k/2⌉ if β ≤ 1, else β^k", "β < 1", "β > 1"),
        ("h[t] = 1/2 * h[t-1] + x[t]", "1/2", "(1/2)^k", "1/2 < 1", "1/2 > 1"),
    ],
)  # fmt: skip
def test_bounds_and_conditions(system, bound, over, vanishes, explodes):
    recurrence = only(system)
    assert columns(recurrence.step_bound) == bound
    assert columns(recurrence.lag_bound) == over
    sufficient, necessary = recurrence.conditions
    assert columns(str(sufficient)) == f"vanishes if {vanishes}"
    assert columns(str(necessary)) == f"explodes only if {explodes}"


@pytest.mark.parametrize(
    ("system", "paths", "over"),
    [
        ("lstm", ["c: diag(f[t])"], "diag(f[t] * f[t-1] * f[t-2])"),
        ("lstm-1997", ["c: I"], "I"),
        ("gru", ["h: diag(1 - z[t])"], "diag((1 - z[t]) * (1 - z[t-1]) * (1 - z[t-2]))"),
        ("gru-cho", ["h: diag(z[t])"], "diag(z[t] * z[t-1] * z[t-2])"),
        ("rnn", [], None),
        ("q[t] = f[t] * q[t+1] + tanh(W @ x[t])", ["q: diag(f[t])"], "diag(f[t] * f[t+1] * f[t+2])"),
        ("h[t] = u * h[t-2] + x[t]\nu : H", ["h: diag(u)"], "diag(u * u * u)"),
    ],
)
def test_direct_paths_and_their_products(system, paths, over):
    recurrence = only(system)
    assert [str(path) for path in recurrence.direct] == paths
    assert [product_text(path.over(3, recurrence.system)) for path in recurrence.direct] == ([over] if paths else [])


def test_the_product_over_lags_as_a_statement():
    assert only("rnn").product == "∂h[t]/∂h[t-k] = Π_(j=0…k-1) ∂h[t-j]/∂h[t-j-1]"
    assert only(AHEAD).product == "∂q[t]/∂q[t+k] = Π_(j=0…k-1) ∂q[t+j]/∂q[t+j+1]"
    assert only("lstm").product.endswith("∂s[t-j]/∂s[t-j-1], s = [h; c]")
    assert only(LAG).product.endswith("s[t-j] = [h of steps t-j … t-j-1]")


def test_the_product_over_lags_written_out():
    two = only("rnn-nobias").over(2)["h", "h"]
    assert str(two) == "diag(1 - h[t]**2) @ W_h @ diag(1 - h[t-1]**2) @ W_h"
    lags = only(LAG).over(2)["h", "h"]
    assert str(lags) == (
        "diag(1 - h[t]**2) @ W @ diag(1 - h[t-1]**2) @ W + diag(1 - h[t]**2) @ V"
    )  # h of two steps before, the step between varying with it
    lstm = only("lstm").over(2)
    assert {key: len(block.terms) for key, block in lstm.items()} == {
        ("h", "h"): 19, ("h", "c"): 5, ("c", "h"): 15, ("c", "c"): 4,
    }  # fmt: skip
    assert str(only("lstm").over(0)["c", "c"]) == "I"
    with pytest.raises(ValueError, match=r"a block over \d steps has \d+ terms, at most 1000"):
        only("lstm").over(9)


def test_every_layer_and_direction_is_a_recurrence_of_its_own():
    found = stability(stack(bidirectional(derive.load("lstm")), 2)).recurrences
    assert [(r.states[0], r.direction) for r in found] == [
        ("h_fwd_1", 1), ("h_bwd_1", -1), ("h_fwd_2", 1), ("h_bwd_2", -1),
    ]  # fmt: skip
    assert [str(path) for r in found for path in r.direct] == [
        f"c_{way}_{layer}: diag(f_{way}_{layer}[t])" for layer in (1, 2) for way in ("fwd", "bwd")
    ]


def test_what_is_no_product_of_matrices_is_refused_with_a_reason():
    found = stability(build("attention-bahdanau"))
    assert [r.states for r in found.recurrences] == [("h_fwd",), ("h_bwd",)]
    ((states, reason),) = found.refused
    assert (states, "matri" in reason) == (("h_dec",), True)
    assert "h_dec: not written out" in str(found)
    with pytest.raises(ValueError, match=r"^S is a matrix; Jacobians are written for columns and scalars$"):
        stability(derive.parse("S[t] : K, V\nS[t] = f[t] * S[t-1]\nf[t] : scalar"))
    with pytest.raises(ValueError, match=r"^system has no recurrence$"):
        stability(derive.parse("y[t] = W @ x[t]"))


def test_it_reads_well():
    assert str(stability(derive.load("rnn-sigmoid"))).splitlines() == [
        "h: forward in time along t",
        "state Jacobian",
        "  ∂h[t]/∂h[t-1] = diag(h[t] * (1 - h[t])) @ W_h[:, 0:H]",
        "product over lags",
        "  ∂h[t]/∂h[t-k] = Π_(j=0…k-1) ∂h[t-j]/∂h[t-j-1]",
        "bounds in the spectral norm",
        "  ‖∂h[t]/∂h[t-1]‖ ≤ 1/4 ‖W_h[:, 0:H]‖",
        "  over k steps ≤ (1/4 ‖W_h[:, 0:H]‖)^k",
        "  vanishes if ‖W_h[:, 0:H]‖ < 4",
        "  explodes only if ‖W_h[:, 0:H]‖ > 4",
    ]


# --- bounds ---------------------------------------------------------------------------------------------------------


def bound_of(text: str) -> Bound:
    system = derive.parse(text)
    (block,) = derive.jacobian.jacobian(system).all_lags.values()
    return product_bound(block.terms[0], name_operands(system))


def test_an_initial_value_has_no_bound():
    """h[t-1] is a tanh at every step but the first, where it is given and of any size."""
    assert str(bound_of("h[t] = tanh(W @ (h[t-1] * h[t-1]))")) == "‖W‖ ‖h[t-1]‖∞"
    assert bound_of("g[t] = sigmoid(V @ x[t])\nh[t] = tanh(W @ (g[t] * h[t-1]))").number == 1


@settings(max_examples=60)
@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6))
def test_the_jacobian_of_softmax_is_at_most_a_half(logits):
    p = numpy.exp(numpy.array(logits) - max(logits))
    p /= p.sum()
    jacobian = numpy.diag(p) - numpy.outer(p, p)
    assert numpy.linalg.norm(jacobian, 2) <= 0.5 + 1e-15
    assert numpy.abs(jacobian.sum(axis=0)).max() <= 1e-15 * len(p) + 1e-16


def test_the_half_of_softmax_is_attained_and_used():
    jacobian = numpy.array([[0.25, -0.25], [-0.25, 0.25]])  # p = (½, ½)
    assert numpy.linalg.norm(jacobian, 2) == pytest.approx(0.5, abs=1e-15)
    text = "h[t] = tanh(W @ y[t-1] + x[t])\ny[t] = softmax(V @ h[t])\nW : H, D\nV : D, H"
    assert bound_of(text) == Bound(sympy.Rational(1, 2), bound_of(text).norms)
    assert len(bound_of(text).norms) == 2


def test_a_matrix_that_is_reached_twice_is_bounded_once():
    """A gate that scales both what is kept and what is new: its matrix has one term, diag(n − h) and not two."""
    (found,) = stability(derive.load("gru")).recurrences
    (bounds,) = found.bounds.values()
    assert sum("‖W_z[:, 0:H]‖" in columns(str(bound)) for bound in bounds) == 1
    assert "diag((n[t] - h[t-1]) * z[t] * (1 - z[t])) @ W_z[:, 0:H]" in str(found)
