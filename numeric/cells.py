"""Recurrent cells to import: `RNN`, `GRU` and `LSTM`, with their parameters, forward and backward pass.

A cell is a system of the library (`rnn`, `gru-reset-after`, `lstm`), its kernel, and arrays for its parameters.
Nothing about a cell is written here a second time.

>>> cell = LSTM(input_size=4, hidden_size=3, seed=0)
>>> run = cell.forward(np.zeros((5, 2, 4)))
>>> run.outputs["h"].shape
(5, 2, 3)
>>> cell.backward(run, {"h": np.ones((5, 2, 3))}).parameters["W_f"].shape
(3, 7)

Read next: `numeric.lambdify`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derive.dimensions import dimension
from derive.library import load
from derive.system import System
from numeric.arrays import Arrays
from numeric.initialisers import draw
from numeric.kernel import Kernel, compile
from numeric.results import Gradients, Run

Floats = NDArray[np.floating[Any]]
NONLINEARITIES = {"tanh": "rnn", "sigmoid": "rnn-sigmoid", "relu": "rnn-relu"}


@final
@dataclass(eq=False)
class Cell:
    """A recurrent layer with one input x and sequences in the public layout.

    Attributes:
        kind: RNN, GRU or LSTM.
        input_size, hidden_size: D and H.
        kernel: its system compiled.
        parameters: arrays by name; change or replace them to train.
    """

    kind: str
    input_size: int
    hidden_size: int
    kernel: Kernel
    parameters: dict[str, Floats]

    @property
    def system(self) -> System:
        """Its equations."""
        return self.kernel.system

    def __repr__(self) -> str:
        return f"{self.kind}(input_size={self.input_size}, hidden_size={self.hidden_size})"

    def step(self, x: Any, state: Arrays | None = None) -> dict[str, Floats]:
        """One step.

        Args:
            x: (B, D).
            state: h, and c of an LSTM, each (B, H); absent ones are zero.

        Returns:
            The next state, by name.
        """
        return dict(self.forward(np.asarray(x)[None], state).final)

    def forward(self, x: Any, initial: Arrays | None = None, lengths: Any = None) -> Run:
        """A sequence.

        Args:
            x: (T, B, D).
            initial: the state before it; see `Kernel.forward`.
            lengths: (B,) where the sequences of a padded batch differ in length; see `Kernel.forward`.
        """
        return self.kernel.forward(
            self.parameters, {"x": x}, initial, lengths=None if lengths is None else {"t": lengths}
        )

    def backward(self, run: Run, cotangents: Arrays, final: Arrays | None = None) -> Gradients:
        """Gradients of parameters, inputs and initial state; see `Kernel.backward`."""
        return self.kernel.backward(run, cotangents, final)


def RNN(
    input_size: int,
    hidden_size: int,
    nonlinearity: str = "tanh",
    *,
    initialiser: str = "uniform",
    dtype: DTypeLike = "float64",
    seed: int | None = None,
) -> Cell:
    """An Elman network.

    Args:
        input_size: D.
        hidden_size: H.
        nonlinearity: "tanh", "relu" or "sigmoid".
        initialiser: "uniform" as in PyTorch, "glorot" as in Keras, or "orthogonal".
        dtype: float64 or float32.
        seed: of the parameters' first values; None for other ones every time.

    Raises:
        ValueError: for a size below 1, or an unknown nonlinearity, initialiser or dtype.
    """
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f"no nonlinearity is called {nonlinearity!r}; there are {', '.join(NONLINEARITIES)}")
    return _cell("RNN", NONLINEARITIES[nonlinearity], input_size, hidden_size, initialiser, dtype, seed)


def GRU(
    input_size: int,
    hidden_size: int,
    *,
    initialiser: str = "uniform",
    dtype: DTypeLike = "float64",
    seed: int | None = None,
) -> Cell:
    """A gated recurrent unit, reset after the product, as in PyTorch and Keras; arguments as of `RNN`."""
    return _cell("GRU", "gru-reset-after", input_size, hidden_size, initialiser, dtype, seed)


def LSTM(
    input_size: int,
    hidden_size: int,
    *,
    forget_bias: float | None = None,
    initialiser: str = "uniform",
    dtype: DTypeLike = "float64",
    seed: int | None = None,
) -> Cell:
    """An LSTM with forget gate; arguments as of `RNN`, and

    Args:
        input_size: D.
        hidden_size: H.
        forget_bias: a first value for b_f, such as 1 (Jozefowicz, Zaremba & Sutskever 2015); None draws it.
        initialiser: as of `RNN`.
        dtype: as of `RNN`.
        seed: as of `RNN`.
    """
    cell = _cell("LSTM", "lstm", input_size, hidden_size, initialiser, dtype, seed)
    if forget_bias is not None:
        cell.parameters["b_f"][...] = forget_bias
    return cell


def _cell(
    kind: str, name: str, input_size: int, hidden_size: int, initialiser: str, dtype: DTypeLike, seed: int | None
) -> Cell:
    if input_size < 1 or hidden_size < 1:
        raise ValueError(f"{kind}: sizes are at least 1, not {input_size} and {hidden_size}")
    system = load(name)
    kernel = compile(system, dtype)
    rng = np.random.default_rng(seed)
    sizes = {dimension("H"): ("recurrent", hidden_size), dimension("D"): ("input", input_size)}
    parameters = {}
    for parameter in system.parameters:
        columns = {dim for part in system.shapes[parameter][1:] for dim in part.free_symbols}
        blocks = dict(sizes[dim] for dim in sizes if dim in columns)
        parameters[parameter] = draw(initialiser, rng, hidden_size, blocks).astype(kernel.dtype)
    return Cell(kind, input_size, hidden_size, kernel, parameters)
