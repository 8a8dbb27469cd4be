"""Parts of training: gradient descent, momentum, Adam and clipping, as pure functions.

Parameters and gradients are arrays by name, as `Kernel.backward` returns them; what an optimiser remembers is a value
that goes in and comes out.  Arrays keep their dtype and nothing is changed in place, so a step can be repeated::

    gradients, size = clip_by_norm(kernel.backward(run, {"L": ones}).parameters, 1.0)
    parameters, state = adam(parameters, gradients, state, 0.001)

Momentum has two conventions, which differ as soon as the rate changes; both are here, each by its name.  Whatever is
not finite is refused, because one NaN in a gradient soon is everywhere.

Read next: `numeric.logits`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derive.system import System
from numeric.arrays import Sizes

Floats = NDArray[np.floating[Any]]
Values = Mapping[str, Floats]
CONVENTIONS = ("pytorch", "sutskever")
TORCH_EPS = 1e-6  # what torch.nn.utils.clip_grad_norm_ adds to the norm


def first_values(
    system: System, sizes: Mapping[str, int], seed: int | None = None, dtype: DTypeLike = "float64"
) -> dict[str, Floats]:
    """Parameters to start from: matrices U(−1/√columns, 1/√columns), everything else zero.

    That is how PyTorch draws ``nn.Linear``; the scale is that of LeCun, Bottou, Orr & Müller 1998, "Efficient
    BackProp", section 4.6: a sum over many columns is not larger than one over few.

    Args:
        system: any system.
        sizes: its dimensions by name, ``{"D": 4, "H": 3}``; others are ignored.
        seed: the same seed gives the same values.
        dtype: float64 or float32.

    Raises:
        ValueError: for a size that is missing or below 1.
    """
    rng = np.random.default_rng(seed)
    known = Sizes({dim: sizes[str(dim)] for dim in system.dimensions if str(dim) in sizes}, batch=1)
    values = {}
    for name in system.parameters:
        for dim in system.shapes[name]:
            for symbol in sorted(dim.free_symbols, key=str):
                if known.dimensions.get(symbol, 0) < 1:
                    raise ValueError(f"{name} of {system.name} needs the size {symbol}, a positive integer")
        shape = [known.number(dim) for dim in system.shapes[name]]
        bound = 1 / math.sqrt(shape[1]) if len(shape) == 2 else 0.0
        values[name] = rng.uniform(-bound, bound, shape).astype(dtype) if bound else np.zeros(shape, dtype)
    return values


def sgd(parameters: Values, gradients: Values, rate: float) -> dict[str, Floats]:
    """Gradient descent: θ ← θ − η g.

    Args:
        parameters: θ by name.
        gradients: g, of the same names and shapes.
        rate: η.

    Raises:
        ValueError: for a rate that is not positive, names or shapes that differ, or a gradient that is not finite.
    """
    _check(parameters, gradients, rate)
    return {name: _like(value, value - rate * gradients[name]) for name, value in parameters.items()}


def momentum(
    parameters: Values,
    gradients: Values,
    velocity: Values | None,
    rate: float,
    decay: float = 0.9,
    *,
    convention: str = "pytorch",
    nesterov: bool = False,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Gradient descent with momentum.

    "pytorch": v ← μ v + g, θ ← θ − η v, as ``torch.optim.SGD`` does.  "sutskever": v ← μ v − η g, θ ← θ + v, of
    Sutskever, Martens, Dahl & Hinton 2013 ("On the importance of initialization and momentum in deep learning"), and
    of Keras.  At a constant rate both take the same steps, with v of the second −η times v of the first; when the rate
    changes, the first applies the new rate to old gradients too, and the second does not.

    Args:
        parameters: θ by name.
        gradients: g, of the same names and shapes.
        velocity: v, as the last call returned it; None at first, which is zero.
        rate: η.
        decay: μ, from 0 (plain descent) up to 1, exclusive.
        convention: "pytorch" or "sutskever".
        nesterov: step with the velocity that would come next: θ ← θ − η (g + μ v), or θ ← θ + μ v − η g.

    Returns:
        θ and v.

    Raises:
        ValueError: as `sgd`, and for an unknown convention or a decay outside [0, 1).
    """
    _check(parameters, gradients, rate)
    _check_decay("decay", decay)
    if convention not in CONVENTIONS:
        raise ValueError(f"no convention is called {convention!r}; there are {', '.join(CONVENTIONS)}")
    velocity = velocity or {name: np.zeros_like(value) for name, value in parameters.items()}
    scale, sign = (1.0, -rate) if convention == "pytorch" else (-rate, 1.0)
    moved, new = {}, {}
    for name, value in parameters.items():
        kick = scale * gradients[name]
        v = _like(value, decay * velocity[name] + kick)
        new[name] = v
        moved[name] = _like(value, value + sign * (decay * v + kick if nesterov else v))
    return moved, new


@dataclass(frozen=True)
class Moments:
    """What Adam remembers.

    Attributes:
        step: how many steps were taken.
        mean: running mean of g.
        square: running mean of g².
    """

    step: int
    mean: Values
    square: Values


def adam(
    parameters: Values,
    gradients: Values,
    state: Moments | None,
    rate: float = 0.001,
    decays: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[dict[str, Floats], Moments]:
    """Adam, Kingma & Ba 2015, arXiv 1412.6980, algorithm 1, with both bias corrections.

    m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², θ ← θ − η m̂ / (√ŝ + ε) with m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ).

    Args:
        parameters: θ by name.
        gradients: g, of the same names and shapes.
        state: as the last call returned it; None at first.
        rate: η.
        decays: β₁ and β₂.
        eps: ε, outside the root.

    Returns:
        θ and the state for the next call.

    Raises:
        ValueError: as `sgd`, and for a decay outside [0, 1) or an ε that is not positive.
    """
    _check(parameters, gradients, rate)
    for decay in decays:
        _check_decay("decay", decay)
    _check_positive("eps", eps)
    state = state or Moments(0, *({name: np.zeros_like(value) for name, value in parameters.items()} for _ in range(2)))
    step, (first, second) = state.step + 1, decays
    moved, means, squares = {}, {}, {}
    for name, value in parameters.items():
        g = gradients[name]
        mean = means[name] = _like(value, first * state.mean[name] + (1 - first) * g)
        square = squares[name] = _like(value, second * state.square[name] + (1 - second) * np.square(g))
        root = np.sqrt(square / (1 - second**step)) + eps
        moved[name] = _like(value, value - (rate / (1 - first**step)) * (mean / root))
    return moved, Moments(step, means, squares)


# --- clipping -----------------------------------------------------------------------------------------------------


def clip_by_value(gradients: Values, limit: float) -> dict[str, Floats]:
    """Every entry cut to [−limit, limit]; this turns the gradient.

    Raises:
        ValueError: for a limit that is not positive, or a gradient that is not finite.
    """
    _check_positive("limit", limit)
    _check_finite(gradients)
    return {name: _like(value, np.clip(value, -limit, limit)) for name, value in gradients.items()}


def clip_by_norm(
    gradients: Values, limit: float, order: float = 2, *, eps: float = 0.0
) -> tuple[dict[str, Floats], float]:
    """All gradients scaled by one factor, so that their joint norm is at most the limit; the direction stays.

    Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063, algorithm 1: where ‖g‖ > c, g ← g c / ‖g‖.  That is also
    TensorFlow's ``clip_by_global_norm``.  PyTorch's ``clip_grad_norm_`` divides by ‖g‖ + 10⁻⁶: ``eps=TORCH_EPS``.

    Args:
        gradients: by name.
        limit: c.
        order: 1, 2 or infinity: which norm, over all entries of all gradients together.
        eps: added to the norm.

    Returns:
        The gradients, and the norm that they had.

    Raises:
        ValueError: for a limit that is not positive, a negative ε, another order, or a gradient that is not finite.
    """
    _check_positive("limit", limit)
    if not (math.isfinite(eps) and eps >= 0):
        raise ValueError(f"eps is {eps}: 0 or a small positive number is needed")
    size = norm(gradients, order)
    factor = min(1.0, limit / (size + eps)) if size else 1.0
    return {name: _like(value, factor * value) for name, value in gradients.items()}, size


def norm(gradients: Values, order: float = 2) -> float:
    """The L1, L2 or maximum norm over all entries of all gradients together, in float64 and without overflow.

    Raises:
        ValueError: for another order, or a gradient that is not finite.
    """
    if order not in (1, 2, math.inf):
        raise ValueError(f"norm of order {order}: 1, 2 or infinity")
    _check_finite(gradients)
    arrays = [np.abs(np.asarray(value, np.float64)) for value in gradients.values()]
    largest = max((float(array.max(initial=0.0)) for array in arrays), default=0.0)
    if largest == 0 or order == math.inf:
        return largest
    total = math.fsum(float(((array / largest) ** order).sum()) for array in arrays)
    return largest * total if order == 1 else largest * math.sqrt(total)


# --- what does not fit --------------------------------------------------------------------------------------------


def _like(old: Floats, new: Any) -> Floats:
    return np.asarray(new, old.dtype)


def _check(parameters: Values, gradients: Values, rate: float) -> None:
    _check_positive("rate", rate)
    if parameters.keys() != gradients.keys():
        name = min(parameters.keys() ^ gradients.keys())
        raise ValueError(f"{name} has no gradient" if name in parameters else f"{name} is no parameter")
    for name, value in parameters.items():
        if value.shape != gradients[name].shape:
            raise ValueError(f"gradient of {name}: expected {value.shape}, got {gradients[name].shape}")
    _check_finite(gradients)


def _check_finite(gradients: Values) -> None:
    for name, value in gradients.items():
        if not np.isfinite(value).all():
            raise ValueError(f"the gradient of {name} is not finite: take a smaller rate, or clip earlier")


def _check_positive(what: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} is {value}: a positive number is needed")


def _check_decay(what: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{what} is {value}: at least 0 and below 1 is needed")
