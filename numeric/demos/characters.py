"""A language model of characters, trained with the library's own kernel: embedding, any cell, softmax.

Text is cut into B streams that are read side by side.  A kernel reads T characters of each, and the state after them
is the initial state of the next T: what was read longer ago is still known, but no gradient reaches it (truncated
backpropagation, Williams & Peng 1990, Neural Computation 2(4)).  Descent with momentum takes the steps, of gradients
clipped to a joint norm of 1, and its rate falls from the first step to the last.  After 500 steps of the default
network the held-out perplexity is 5.54, with Adam 6.12 (``bptt demo language-model --steps 500 --optimiser adam``).

Read next: `numeric.demos.sentences`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derive.networks import embedded, head, loss
from derive.system import System
from numeric.demos.corpus import Corpus
from numeric.kernel import compile
from numeric.language_model import LanguageModel, conditionals, perplexity
from numeric.training import Moments, adam, clip_by_norm, first_values, momentum

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
DTYPE = "float32"
READ, NEXT = "k", "next_k"  # the character that is read, and the one that follows
WARM = 20  # steps over which the rate rises
COOL = 0.05  # of the rate is left at the end
RATES = {"adam": 0.005, "sgd": 1.0}  # of each optimiser, at its highest


@dataclass(frozen=True)
class Settings:
    """What training depends on; with `steps`, and not `seconds`, everything follows from the seed.

    Attributes:
        hidden, width: sizes of the cell's states and of an embedded character.
        batch, span: B streams, T characters between two steps.
        optimiser: "sgd", with a momentum of 0.9, or "adam".
        rate, limit: the highest rate, by default that of `RATES`; of the joint L2 norm.
        steps, seconds: how long; the first that is given counts.
        seed: of the first values of parameters.
    """

    hidden: int = 256
    width: int = 64
    batch: int = 16
    span: int = 32
    optimiser: str = "sgd"
    rate: float | None = None
    limit: float = 1.0
    steps: int | None = None
    seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hidden", "width", "batch", "span", "steps", "seconds"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}: a positive number is needed")
        if self.optimiser not in RATES:
            raise ValueError(f"no optimiser is called {self.optimiser!r}; there are {', '.join(RATES)}")


@dataclass(frozen=True)
class Moment:
    """How far training is.

    Attributes:
        step: steps taken.
        seconds: since the beginning.
        fraction: of the whole, 0…1.
        loss: −log P of a character, the mean over the last step.
    """

    step: int
    seconds: float
    fraction: float
    loss: float


Watch = Callable[[Moment], None]


def network(cell: System) -> System:
    """Characters in, logits and loss out; the cell reads embedded characters x[t]: D."""
    return loss(head(embedded(cell, index=READ), "softmax", width="V"), target=NEXT)


def train(corpus: Corpus, cell: System, settings: Settings, watch: Watch) -> tuple[LanguageModel, list[Moment]]:
    """A model of the training part of a corpus, and the course of its loss.

    Args:
        corpus: V symbols.
        cell: one input, one output, causal.
        settings: sizes, and how long.
        watch: told after every step.

    Raises:
        ValueError: for a cell that makes no language model, a text too short for the batch, or a gradient that is
            not finite.
    """
    net = network(cell)
    parameters = first_values(net, _sizes(net, corpus, settings), settings.seed, DTYPE)
    if "b_f" in parameters:
        parameters["b_f"] += 1  # an LSTM that begins by keeping: Jozefowicz, Zaremba & Sutskever 2015
    _ = LanguageModel(net, parameters, corpus.symbols)  # refuses a cell that sees later steps
    kernel = compile(net, DTYPE, outputs=("L",))
    count = settings.batch * settings.span
    weight = {"L": np.full(settings.batch, 1 / count, DTYPE)}
    moments: Moments | None = None
    velocity: Mapping[str, Floats] | None = None
    course: list[Moment] = []
    begin, chunks, state = time.perf_counter(), streams(corpus.training, settings.batch, settings.span), None
    while not course or course[-1].fraction < 1:
        chunk, fresh = next(chunks)
        run = kernel.forward(parameters, {READ: chunk[:-1], NEXT: chunk[1:]}, None if fresh else state)
        state = run.final
        gradients, _ = clip_by_norm(kernel.backward(run, weight).parameters, settings.limit)
        done = course[-1] if course else Moment(0, 0.0, 0.0, 0.0)
        rate = (settings.rate or RATES[settings.optimiser]) * _schedule(done)
        if settings.optimiser == "sgd":
            parameters, velocity = momentum(parameters, gradients, velocity, rate)
        else:
            parameters, moments = adam(parameters, gradients, moments, rate)
        seconds = time.perf_counter() - begin
        fraction = (done.step + 1) / settings.steps if settings.steps else min(1.0, seconds / settings.seconds)
        course.append(Moment(done.step + 1, seconds, fraction, float(run.outputs["L"].sum()) / count))
        watch(course[-1])
    return LanguageModel(net, parameters, corpus.symbols, READ, dtype=DTYPE), course


def held_out(model: LanguageModel, corpus: Corpus) -> float:
    """Perplexity of the held-out text, read from its beginning to its end."""
    return perplexity(conditionals(model, corpus.held_out))


def streams(text: Indices, batch: int, span: int) -> Iterator[tuple[Indices, bool]]:
    """Text for ever: (T + 1, B) at a time, of which the last row is the next one's first; and whether it starts anew.

    Raises:
        ValueError: if the text is too short.
    """
    length = len(text) // batch
    if length < span + 1:
        raise ValueError(f"a text of {len(text)} characters is too short for {batch} streams of {span} and one more")
    columns = text[: length * batch].reshape(batch, length).T
    while True:
        for begin in range(0, length - span, span):
            yield columns[begin : begin + span + 1], begin == 0


def _schedule(done: Moment) -> float:
    return min(1.0, (done.step + 1) / WARM) * (1 - (1 - COOL) * done.fraction)


def _sizes(net: System, corpus: Corpus, settings: Settings) -> dict[str, int]:
    """V, the width of an embedded character, and the same size for everything else."""
    table = next(net.shapes[read] for read in net.parameters if net.shapes[read][1:] == net.shapes["y"][:1])
    sizes = {str(dim): settings.hidden for dim in net.dimensions}
    return sizes | {str(table[0]): settings.width, str(table[1]): corpus.size}
