"""Copying a sequence of symbols with and without attention: error against length.

Without attention everything about x₁ … xₙ has to pass through one vector, the state from which the decoder starts; the
longer the sequence, the less of it arrives.  With attention the decoder looks at every h[t] again.  That quality falls
with the length of the sentence without attention, and hardly with it, is figure 2 of Bahdanau, Cho & Bengio 2015,
arXiv 1409.0473; here the sentences are random, so that nothing but memory helps.

Both networks are of `derive.networks.encoder_decoder`: bidirectional GRU, GRU, trained by teacher forcing on lengths
1 … `longest`.  Attention has parameters of its own; the network without it gets wider states instead, so that it has no
fewer in all.  For the test the decoder runs free: it reads the symbol that it just put out, the most probable one.

Read next: `reports.commands.demo_language_model`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derive
from derive.networks import bidirectional, encoder_decoder, loss
from derive.system import System
from numeric.kernel import Kernel, compile
from numeric.training import Floats, Moments, Values, adam, clip_by_norm, first_values

Indices = NDArray[np.integer[Any]]
ATTENTIONS = ("without", "with")
DTYPE = "float32"
BEYOND = 1.5  # the test goes so much further than the longest sequence of training
Watch = Callable[[str, float], None]  # which network, and the fraction of its training that is done


@dataclass(frozen=True)
class Settings:
    """What the experiment depends on: everything follows from the seed.

    Attributes:
        hidden: size of every state with attention; without, the least size that gives as many parameters.
        symbols: how many different ones.
        longest: sequence in training; the lengths are drawn evenly from 1 up to it.
        batch, steps, rate: of training.
        tests: sequences for each length.
    """

    hidden: int = 64
    symbols: int = 8
    longest: int = 20
    batch: int = 32
    steps: int = 1500
    rate: float = 0.01
    tests: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden", "longest", "batch", "steps", "tests"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: a positive number is needed")
        if self.symbols < 2:
            raise ValueError(f"symbols is {self.symbols}: at least 2 are needed to tell anything")

    @property
    def lengths(self) -> tuple[int, ...]:
        """Ten lengths to test at, or fewer, in even steps from 1 to beyond those of training."""
        last = int(self.longest * BEYOND)
        return tuple(sorted({1, *(round(last * tenth / 10) or 1 for tenth in range(1, 11))}))


@dataclass(frozen=True)
class Curve:
    """Errors of one network.

    Attributes:
        attention: "without" or "with".
        hidden: size of its states.
        parameters: how many numbers it learned.
        errors: by length, the share of symbols that differ from what was to be copied.
        seconds: of training.
    """

    attention: str
    hidden: int
    parameters: int
    errors: dict[int, float]
    seconds: float


@cache
def network(attention: str) -> System:
    """Symbols x[t] and target[u], one-hot, to p[u] and L.

    Without attention the decoder starts from [h_fwd[T], h_bwd[1]]; with it from h_bwd[1], as in the paper.
    """
    cell = derive.load("gru")
    if attention == "with":
        net = encoder_decoder(bidirectional(cell), cell, "additive", start="h_bwd")
    else:
        net = encoder_decoder(bidirectional(cell), cell, "last")
    return loss(net, "cross-entropy-onehot")


def first(attention: str, hidden: int, settings: Settings) -> dict[str, Floats]:
    """First values of a network's parameters at a size of its states."""
    net = network(attention)
    sizes = {str(dim): hidden for dim in net.dimensions}
    sizes |= {str(net.shapes[name][0]): settings.symbols for name in ("x", "target")}
    return first_values(net, sizes, settings.seed, DTYPE)


def count(parameters: Values) -> int:
    """How many numbers are learned."""
    return sum(value.size for value in parameters.values())


def as_large(settings: Settings) -> int:
    """The least size of states without attention that takes as many parameters as there are with it."""
    wanted, hidden = count(first("with", settings.hidden, settings)), settings.hidden
    while count(first("without", hidden, settings)) < wanted:
        hidden += 1
    return hidden


def experiment(settings: Settings, watch: Watch) -> list[Curve]:
    """The curve of each network; both see the same sequences.

    Raises:
        ValueError: if training fails.
    """
    return [_curve(attention, settings, watch) for attention in ATTENTIONS]


def _curve(attention: str, settings: Settings, watch: Watch) -> Curve:
    kernel = compile(network(attention), DTYPE, outputs=("L", "p"))
    hidden = settings.hidden if attention == "with" else as_large(settings)
    parameters: Values = first(attention, hidden, settings)
    moments: Moments | None = None
    rng, begin = np.random.default_rng(settings.seed), time.perf_counter()
    one_hot = np.eye(settings.symbols, dtype=DTYPE)
    for step in range(settings.steps):
        length = int(rng.integers(1, settings.longest + 1))
        x = one_hot[rng.integers(0, settings.symbols, (length, settings.batch))]
        run = kernel.forward(parameters, {"x": x, "target": x})
        weight = np.full(settings.batch, 1 / (length * settings.batch), DTYPE)
        gradients, _ = clip_by_norm(kernel.backward(run, {"L": weight}).parameters, 1.0)
        rate = settings.rate * (1 - 0.9 * step / settings.steps)
        parameters, moments = adam(parameters, gradients, moments, rate)
        watch(attention, (step + 1) / settings.steps)
    seconds = time.perf_counter() - begin
    rng, errors = np.random.default_rng(settings.seed + 1), {}
    for length in settings.lengths:
        symbols = rng.integers(0, settings.symbols, (length, settings.tests))
        errors[length] = float(np.mean(copied(kernel, parameters, symbols) != symbols))
    return Curve(attention, hidden, count(parameters), errors, seconds)


def copied(kernel: Kernel, parameters: Values, symbols: Indices) -> Indices:
    """What the network puts out for some sequences (T, B) when it reads its own symbols, as many as it was given.

    Symbol u needs the ones before it only, so the sequence is computed from its beginning with one more each time.
    """
    one_hot = np.eye(parameters["b_y"].size, dtype=DTYPE)
    out = np.zeros_like(symbols)
    for step in range(len(symbols)):
        target = one_hot[out[: step + 1]]
        run = kernel.forward(parameters, {"x": one_hot[symbols], "target": target})
        out[step] = run.outputs["p"][step].argmax(axis=-1)
    return out
