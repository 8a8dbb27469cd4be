"""What lecture notes say about vanishing and exploding gradients, right and wrong, each with a check that runs.

A claim is checked by the equations where it is about equations, and by the arithmetic of a network built for it where
it is about numbers; `check` says what was found.  Bounds: Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063; memory:
Hochreiter & Schmidhuber 1997, Gers, Schmidhuber & Cummins 2000, Cho et al. 2014, arXiv 1406.1078.

Read next: `numeric.notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

import derive
from derive.factors import product_text
from derive.primitives import TABLE
from derive.stability import stability
from numeric.examples import example
from numeric.reference import evaluate
from numeric.stability import Spectra, spectra

X, Y = sympy.symbols("x y", real=True)
Check = Callable[[], tuple[bool, str]]


@dataclass(frozen=True)
class Claim:
    """A statement about gradients through time.

    Attributes:
        name: for messages.
        said: what lecture notes, or papers after which they are made, say; empty where they are silent.
        right: whether that is so.
        statement: what is so.
        check: (whether the statement was confirmed, what was found).
    """

    name: str
    said: str
    right: bool
    statement: str
    check: Check = field(repr=False)


def _linear(weight: Any, steps: int) -> Spectra:
    """A network without nonlinearity, whose state Jacobian is its weight."""
    system = derive.parse("h[t] = W @ h[t-1] + x[t]")
    (found,) = spectra(system, {"W": np.array(weight)}, {"x": np.zeros((steps, 1, len(weight)))})
    return found


def _relu(gain: float, steps: int) -> Spectra:
    """A ReLU network with W = gain · I, all of whose units are active."""
    system = derive.parse("h[t] = relu(W @ h[t-1] + x[t])")
    (found,) = spectra(system, {"W": gain * np.eye(2)}, {"x": np.ones((steps, 1, 2))})
    return found


def gates_held(system: derive.System, state: str, biases: Mapping[str, float], steps: int) -> Any:
    """A cell some of whose gates are set by their biases alone, its state begun at 4, 5, 6.

    Args:
        system: its gates q have weights W_q and b_q; 2 inputs and 3 units.
        state: the name of what begins at 4, 5, 6.
        biases: of the gates to be held, by name.
        steps: T.

    Returns:
        The values, as `numeric.reference.evaluate` returns them.
    """
    case = example(system, steps, {"D": 2, "H": 3})
    parameters = dict(case.parameters)
    for gate, bias in biases.items():
        parameters[f"W_{gate}"] = 0 * parameters[f"W_{gate}"]
        parameters[f"b_{gate}"] = np.full(3, bias)
    return evaluate(system, parameters, case.inputs, {state: np.array([[4.0, 5.0, 6.0]])})


def _slope(name: str, root: sympy.Expr) -> tuple[bool, str]:
    """The largest slope of a function y(x): what is missing to it is a square of something real, root(y)²."""
    record = TABLE[name]
    assert record.meaning is not None
    assert record.slope is not None
    value = record.meaning(X)
    gap = sympy.simplify(record.slope - sympy.diff(value, X) - root.subs(Y, value) ** 2)
    return bool(gap == 0), f"{record.slope} − {name}′ = {_square(root)} with y = {name}(x)"


def _square(root: sympy.Expr) -> str:
    return f"{root}²" if root.is_Symbol else f"({root})²"


def _relu_explodes() -> tuple[bool, str]:
    meaning = TABLE["relu"].meaning
    assert meaning is not None
    slopes = {sympy.diff(meaning(X), X).subs(X, place) for place in (-2, -1, 1, 2)}
    norms = _relu(1.5, 20).norms[:, 0]
    grows = np.allclose(norms, 1.5 ** np.arange(21), rtol=1e-12)
    return bool(grows and slopes == {0, 1}), f"slopes {slopes}; ‖W‖ = 1.5 gives {norms[20]:.0f} = 1.5^20"


def _sigmoid_vanishes() -> tuple[bool, str]:
    case = example(derive.load("rnn-sigmoid"), 50, {"D": 4, "H": 8}, scale=3.8)
    (found,) = spectra(derive.load("rnn-sigmoid"), case.parameters, case.inputs)
    below = bool((found.norms <= 0.95 ** np.arange(51)[:, None]).all())
    return below and bool(found.norms[50, 0] < 1e-3), f"‖W‖ = 3.8, lag 50: {found.norms[50, 0]:.0e} ≤ 0.95^50"


def _overflow() -> tuple[bool, str]:
    with np.errstate(over="ignore", invalid="ignore"):
        found = _linear(10.0 * np.eye(2), 320)
    where = int(np.argmax(~np.isfinite(found.norms[:, 0])))
    return where == 309, f"‖W‖ = 10: 10^308 is the last finite norm, lag {where} overflows"


def _radius() -> tuple[bool, str]:
    found = _linear([[0.5, 10.0], [0.0, 0.5]], 60)
    radius, norm = found.radii.max(), found.norms[1, 0]
    holds = radius == 0.5 and norm > 10 and found.norms[:, 0].argmax() in (1, 2) and found.norms[60, 0] < 1e-13
    return bool(
        holds
    ), f"W = [[½, 10], [0, ½]]: radius {radius}, norm {norm:.2f}, over two steps {found.norms[2, 0]:.2f}"


def _cell(bias: float, factor: float) -> tuple[bool, str]:
    """The direct path of the cell with f set by its bias, and the cell itself with nothing written."""
    values = gates_held(derive.load("lstm"), "c", {"f": bias, "i": -700.0}, 30)
    product = np.cumprod(values["f"][:, 0], axis=0)
    exact = (product == factor ** np.arange(1, 31)[:, None]).all()
    kept = (values["c"][:, 0] == product * np.array([4.0, 5.0, 6.0])).all()
    return bool(
        exact and kept
    ), f"∏f over 30 steps = {product[-1, 0]:.3g}; [4, 5, 6] becomes {values['c'][0, 0].tolist()}"


def _gru_paths() -> tuple[bool, str]:
    texts = {}
    for name in ("gru", "gru-cho"):
        (recurrence,) = stability(derive.load(name)).recurrences
        texts[name] = [product_text(path.step) for path in recurrence.direct]
    return texts == {
        "gru": ["diag(1 - z[t])"],
        "gru-cho": ["diag(z[t])"],
    }, f"{texts['gru'][0]} and {texts['gru-cho'][0]}"


def _tiny_update() -> tuple[bool, str]:
    rate = 1e-6
    values = gates_held(derive.load("gru"), "h", {"z": float(np.log(rate / (1 - rate)))}, 1000)
    states = np.concatenate([[[4.0, 5.0, 6.0]], values["h"][:, 0]])
    moved, wanted = np.diff(states, axis=0), rate * (values["n"][:, 0] - states[:-1])
    close = bool((np.abs(moved - wanted) <= 4 * np.finfo(float).eps * np.abs(states[1:])).all())
    return close and bool(
        (states[-1] > 0.99 * states[0]).all()
    ), f"after 1000 steps [4, 5, 6] is {states[-1].round(3).tolist()}"


def _softmax() -> tuple[bool, str]:
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(200):
        p = rng.dirichlet(np.full(rng.integers(2, 8), 0.5))
        worst = max(worst, float(np.linalg.norm(np.diag(p) - np.outer(p, p), 2)))
    half = float(np.linalg.norm([[0.25, -0.25], [-0.25, 0.25]], 2))
    return worst <= 0.5 + 1e-15 and abs(half - 0.5) < 1e-15, f"largest of 200: {worst:.3f}; at p = (½, ½) {half:.3f}"


CLAIMS = (
    Claim("sigmoid slope", "the derivative of the sigmoid lies between 0 and 1", False,
          "0 < σ′ ≤ 1/4, largest at 0", lambda: _slope("sigmoid", Y - sympy.Rational(1, 2))),
    Claim("tanh slope", "the derivative of tanh is at most 1", True,
          "0 < tanh′ ≤ 1, largest at 0", lambda: _slope("tanh", Y)),
    Claim("relu", "with ReLU a derivative larger than 1 explodes", False,
          "relu′ is 0 or 1; a product explodes through ‖W‖ > 1", _relu_explodes),
    Claim("sigmoid vanishes", "with the sigmoid the gradient of early words vanishes", True,
          "‖∂h_t/∂h_(t-k)‖ ≤ (¼‖W‖)^k, so it does wherever ‖W‖ < 4", _sigmoid_vanishes),
    Claim("overflow", "large weights make the gradient explode, to NaN in the end", True,
          "‖W‖^k leaves the range of float64 at k = 309 for ‖W‖ = 10", _overflow),
    Claim("eigenvalues", "eigenvalues below 1 make the gradient shrink", False,
          "from step to step only ‖W‖ < 1 does; a radius below 1 is a statement about k → ∞", _radius),
    Claim("forget gate 1", "with f = 1 the LSTM keeps the memory, and its gradient", True,
          "on the direct path ∂c_t/∂c_(t-k) = ∏f = 1, exactly", lambda: _cell(40.0, 1.0)),
    Claim("forget gate 1/2", "with f = [.5 .5 .5] half of the memory is kept", True,
          "and after k steps 2^(-k) of it, and of its gradient", lambda: _cell(0.0, 0.5)),
    Claim("gru", "the update gate decides what the GRU keeps", True,
          "direct path diag(1 − z) where z updates, diag(z) where z keeps", _gru_paths),
    Claim("update gate 1e-6", "an update gate of 1e-6 keeps the memory", True,
          "c_t − c_(t-1) = 1e-6 (c̃ − c_(t-1))", _tiny_update),
    Claim("softmax", "", True,
          "its Jacobian diag(p) − ppᵀ has norm at most ½", _softmax),
)  # fmt: skip
