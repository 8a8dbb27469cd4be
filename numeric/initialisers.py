"""First values for the parameters of a cell.

A matrix in concatenated form (H, H + D) has a recurrent block, its first H columns, and an input block; each is
drawn by its own rule.

Read next: `numeric.cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
Rule = Callable[[np.random.Generator, tuple[int, ...], int], Matrix]  # (rng, shape, H)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], hidden: int) -> Matrix:
    """U(−1/√H, 1/√H), as PyTorch draws weights and biases of recurrent layers."""
    bound = 1 / np.sqrt(hidden)
    return rng.uniform(-bound, bound, shape)


def glorot(rng: np.random.Generator, shape: tuple[int, ...], hidden: int) -> Matrix:
    """U(±√(6 / (rows + columns))): Glorot & Bengio 2010, "Understanding the difficulty of training …", eq. 16."""
    bound = np.sqrt(6 / sum(shape))
    return rng.uniform(-bound, bound, shape)


def orthogonal(rng: np.random.Generator, shape: tuple[int, ...], hidden: int) -> Matrix:
    """Orthonormal rows or columns, uniformly distributed: Saxe, McClelland & Ganguli 2013, arXiv 1312.6120."""
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q = q * np.sign(np.diagonal(r))  # without the signs the distribution is not uniform
    return q if rows >= columns else q.T


def zeros(rng: np.random.Generator, shape: tuple[int, ...], hidden: int) -> Matrix:
    """Zeros."""
    return np.zeros(shape)


# scheme → rules for the input block, the recurrent block, and biases
SCHEMES: Mapping[str, tuple[Rule, Rule, Rule]] = MappingProxyType(
    {
        "uniform": (uniform, uniform, uniform),  # PyTorch
        "glorot": (glorot, orthogonal, zeros),  # Keras
        "orthogonal": (orthogonal, orthogonal, zeros),
    }
)


def draw(scheme: str, rng: np.random.Generator, rows: int, blocks: Mapping[str, int]) -> Matrix:
    """Values for one parameter of a cell.

    Args:
        scheme: "uniform", "glorot" or "orthogonal".
        rng: where randomness comes from.
        rows: H.
        blocks: number of columns of the "recurrent" block, then of the "input" block; empty for a bias.

    Raises:
        ValueError: for an unknown scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"no initialiser is called {scheme!r}; there are {', '.join(SCHEMES)}")
    of_input, recurrent, bias = SCHEMES[scheme]
    if not blocks:
        return bias(rng, (rows,), rows)
    rules = {"input": of_input, "recurrent": recurrent}
    return np.concatenate([rules[kind](rng, (rows, columns), rows) for kind, columns in blocks.items()], axis=1)
