"""Loops and products written otherwise: each is named, and none is taken for another.

The forward and backward passes are NumPy code, columns (entries, examples), with as many examples as states, so that
shapes tell nothing (where words are read, more); the derivation is that of equations.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import derive
from numeric.check.arrays import check_arrays
from numeric.check.bound import Bound
from numeric.check.diagnosis.judge import judge
from numeric.check.diagnosis.local import substitution
from numeric.check.mistakes import Mutant, mutants
from numeric.check.variants.edits import edited
from numeric.check.variants.lanes import Derivation
from numeric.check.variants.view import View
from tests.numeric.check.planted import bound_of, claimed, gradient, planted
from tests.numeric.check.test_hunt import MGU

Arrays = dict[str, NDArray[Any]]
H, D, T, V = 4, 3, 5, 4
RNN = "h[t] = tanh(U @ h[t-1] + W @ x[t] + b)"
WORDS = "E : D, V\nk[t] : index V\nh[t] = tanh(U @ h[t-1] + W @ take(E, k[t]) + b)"
BOTH = "l[t] = tanh(A @ [l[t-1], x[t]] + a)\nr[t] = tanh(B @ [r[t+1], x[t]] + b)\ny[t] = [l[t], r[t]]"
PEEPHOLES = """
f[t] = sigmoid(W @ x[t] + p * c[t-1])
i[t] = sigmoid(U @ x[t] + q * c[t-1])
c[t] = f[t] * c[t-1] + i[t] * tanh(V @ x[t])
p : H
q : H
"""
LOOKING = """
e[u] = (M.T @ q[u-1]) / 2
w[u] = softmax(e[u])
q[u] = tanh(W @ y[u] + U @ q[u-1] + C @ (M @ w[u]) + b)
input M : H, N
"""


def rnn(how: str) -> Arrays:
    """A dump of an RNN over inputs, or over rows of an embedding; `how` is its mistake."""
    rng = np.random.default_rng(3)
    U, W, b = 0.6 * rng.standard_normal((H, H)), 0.6 * rng.standard_normal((H, D)), 0.3 * rng.standard_normal((H, 1))
    embedded = how.startswith("rows")
    batch = V + 2 if embedded else H
    E, words = rng.standard_normal((D, V)), rng.integers(0, V, (T, batch))
    x = np.stack([E[:, k] for k in words]) if embedded else rng.standard_normal((T, D, batch))
    states, up = [0.5 * rng.standard_normal((H, batch))], rng.standard_normal((T, H, batch))
    for xt in x:
        states.append(np.tanh(U @ states[-1] + W @ xt + b))
    dU, dW, db, dx, dE = np.zeros_like(U), np.zeros_like(W), np.zeros(H), np.zeros_like(x), np.zeros_like(E)
    back = np.zeros((H, batch))
    for t in reversed(range(T)):
        delta = (up[t] + back) * (1 - states[t + 1] ** 2)
        dU += delta @ (states[t] if how == "states stand" else states[t].T)
        left = delta.T if how == "deltas stand" else delta
        dW += left @ x[T - 1 - t if how == "inputs in reverse" else t].T
        db += delta.reshape(H, H).T.sum(1) if how == "bias over states" else delta.sum(1)
        dx[t] = W.T @ delta
        if how == "rows assigned":
            dE[:, words[t]] = dx[t]
        elif how == "rows once a step":
            dE[:, words[t]] += dx[t]
        else:
            np.add.at(dE.T, words[t], dx[t].T)
        back = U.T @ delta
    first = U.T @ back if how == "one step further" else back
    dump = {"param/U": U, "param/W": W, "param/b": b[:, 0], "initial/h0": states[0], "output/h": np.array(states[1:])}
    dump |= {"grad/U": dU, "grad/W": dW, "grad/b": db, "grad/h0": first, "cotangent/h": up}
    return dump | ({"param/E": E, "grad/E": dE, "input/k": words} if embedded else {"input/x": x, "grad/x": dx})


CASES = [
    ("states stand", "wrong-axis", "U"),
    ("deltas stand", "wrong-axis", "W"),
    ("bias over states", "wrong-axis", "b"),
    ("inputs in reverse", "time-shift", "W"),
    ("one step further", "time-shift", "h"),
    ("rows assigned", "not-accumulated", "E"),
    ("rows once a step", "not-accumulated", "E"),
]


@pytest.mark.parametrize("how", ["", "rows"])
def test_the_code_without_a_mistake_is_right(how: str) -> None:
    assert check_arrays(rnn(how), cell=WORDS if how else RNN).verdict == "correct"


def test_each_is_named_and_none_is_taken_for_another() -> None:
    said = []
    for how, kind, place in CASES:
        verdict = check_arrays(rnn(how), cell=WORDS if how.startswith("rows") else RNN, budget=10)
        assert verdict.explained, how
        assert [finding.kind for finding in verdict.diagnosis] == [kind], how
        assert place in verdict.diagnosis[0].where, how
        said.append(verdict.diagnosis[0].detail)
    assert len(set(said)) == len(CASES)


@pytest.mark.parametrize(("how", "kind"), [("reversed", "time-shift"), ("unread", "drop-path")])
def test_one_direction_in_its_own_order_is_not_one_that_is_left_out(how: str, kind: str) -> None:
    bound = bound_of(derive.parse(BOTH))
    result = Derivation(bound).run([()])
    found = {name: gradient(result, name) for name in bound.space.shapes}
    delta = np.stack([result.sequences["dz_r"][t][0, :, :, 0] for t in range(1, len(found["x"]) + 1)])
    mine = delta @ bound.parameters["B"][:, -found["x"].shape[-1] :]
    found["x"] = found["x"] - mine + (mine[::-1] if how == "reversed" else 0)
    verdict = judge([claimed(bound, found)])
    assert [(f.kind, "r" in f.where or "b" in f.where) for f in verdict.diagnosis] == [(kind, True)]


@pytest.mark.parametrize(
    ("equations", "kind", "detail"),
    [
        ("lstm", "misplaced-factor", "tanh(c[t-1]) where c[t-1] belongs"),
        ("lstm", "swap-gates", "the weights (products) that"),
        (PEEPHOLES, "swap-gates", "the weights (peepholes) that"),
        (PEEPHOLES, "drop-path", "alone"),
        (LOOKING, "misplaced-factor", "is missing"),
    ],
)
def test_what_the_forward_pass_has_elsewhere_is_named(equations: str, kind: str, detail: str) -> None:
    bound = bound_of(derive.parse(equations) if "=" in equations else derive.load(equations))
    chosen = [m for m in mutants(View(Derivation(bound))) if m.kind == kind and detail in m.detail and m.rank < 2]
    for mutant in chosen[:2]:
        verdict = judge([planted(bound, (mutant,))], budget=20)
        said = [[(f.kind, f.detail) for f in group] for group in (verdict.diagnosis, *verdict.alternatives)]
        assert [(mutant.kind, mutant.detail)] in said, mutant
    assert chosen


def _exchange(bound: Bound) -> Mutant:
    view = View(Derivation(bound))
    return next(m for m in mutants(view) if m.detail.endswith("are exchanged everywhere"))


def test_a_mistake_in_one_gradient_keeps_those_that_stand_in_its_equation() -> None:
    bound = bound_of(derive.parse(MGU))
    result = Derivation(bound).run([_exchange(bound).edits])
    found = {name: gradient(result, name) for name in bound.space.shapes}
    delta = {g: np.stack([result.sequences[f"dz_{g}"][t][0, :, :, 0] for t in range(1, 7)]) for g in "fn"}
    found["b_f"] = delta["n"][0].sum(0)  # of the step visited last, and of the wrong gate
    verdict = judge([claimed(bound, found)])
    assert sorted(f.kind for f in verdict.diagnosis) == ["not-accumulated", "swap-gates"]


def test_a_substitution_is_read_off_two_expressions_or_is_none() -> None:
    bound = bound_of(derive.parse(MGU))
    swap, equations = _exchange(bound), Derivation(bound).equations
    for edit in swap.edits:
        right = equations[edit.out].expr
        mine = [e for e in swap.edits if e.out == edit.out]
        wrong = edited(right, mine)
        change = substitution(right, wrong)
        assert change is not None
        assert {old: new for old, new in change.items() if old != new}
    assert substitution(right, -right) is None
