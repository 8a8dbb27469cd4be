"""Language models: probabilities of sequences of symbols, perplexity, and sampling of new ones.

A language model is any system that reads an integer k[t], computes logits y[t]: V, and sees no later step.  A sentence
has the probability of its conditionals multiplied::

    P(s₁ … sₙ) = Π over t of P(sₜ | s₁ … sₜ₋₁)

Logarithms are added instead, in float64: the product of a hundred conditionals is 0 in floats.  A sentence begins
after the end of another one, so the first symbol that the model reads is ``<EOS>``, and the last that it predicts is
``<EOS>`` again; with that, the probabilities of all sentences sum to 1.  Symbols are characters or words, as one likes.

The kernel runs one step, or one chunk, at a time: its final values are the initial values of the next.

Read next: `numeric.demos.corpus`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derive.system import System
from numeric.kernel import Kernel, compile
from numeric.logits import check_causal, find_input, find_logits

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
State = Mapping[str, Floats]
END, UNKNOWN = "<EOS>", "<UNK>"
CHUNK = 128  # steps that are held in memory at a time


@final
@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A system with values for its parameters and a name for each class.

    Attributes:
        system: reads an index and computes logits; a target or a loss in it is of no importance here.
        parameters: by name.
        symbols: the V symbols, characters or words; ``<EOS>`` and ``<UNK>`` have their meaning, if they occur.
        input: the index that is read, k; found if there is only one that the logits depend on.
        logits: y; found if there is only one quantity with V rows that only a softmax or a loss reads.
        dtype: of the kernel.

    Raises:
        ValueError: one line, if the system is no language model, or the symbols are not as many as its classes.
    """

    system: System
    parameters: Mapping[str, Floats]
    symbols: Sequence[str]
    input: str = ""
    logits: str = ""
    dtype: DTypeLike = "float64"

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("a symbol occurs twice in the vocabulary")
        object.__setattr__(self, "logits", self.logits or find_logits(self.system, self.input))
        object.__setattr__(self, "input", self.input or find_input(self.system, self.logits))
        check_causal(self.system, self.input, self.logits)

    @cached_property
    def kernel(self) -> Kernel:
        """The system compiled, up to its logits."""
        return compile(self.system, self.dtype, outputs=(self.logits,))

    @cached_property
    def index(self) -> dict[str, int]:
        """Number of each symbol."""
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def indices(self, sequence: Sequence[str]) -> Indices:
        """Symbols as integers (n,); those that the vocabulary lacks are ``<UNK>``.

        Raises:
            ValueError: for an unknown symbol, if there is no ``<UNK>``.
        """
        other = self.index.get(UNKNOWN)
        found = [self.index.get(symbol, other) for symbol in sequence]
        for symbol, number in zip(sequence, found, strict=True):
            if number is None:
                raise ValueError(f"{symbol!r} is not in the vocabulary, which has no {UNKNOWN}")
        return np.array(found, np.int64)

    def read(self, indices: Indices, state: State | None = None) -> tuple[Floats, State]:
        """Read some steps.

        Args:
            indices: (T, B).
            state: after what was read before; None at the beginning.

        Returns:
            log P of every symbol to come next, (T, B, V) in float64, and the state after the last step.

        Raises:
            ValueError: for parameters that do not fit, or as many symbols as there are not classes.
        """
        variables = self.system.variables
        given: dict[str, Any] = {self.input: indices}
        steps, batch = indices.shape
        for name in self.system.inputs:  # such as a target: the logits do not depend on it
            if name != self.input:
                var = variables[name]
                if var.shape:
                    raise ValueError(f"{name} is an input besides {self.input}: leave it out of a language model")
                kind = self.dtype if var.classes is None else np.int64
                given[name] = np.zeros((steps, batch) if var.axis else batch, kind)
        run = self.kernel.forward(self.parameters, given, state)
        y = np.asarray(run.outputs[self.logits], np.float64)
        if y.shape[-1] != len(self.symbols):
            raise ValueError(f"{len(self.symbols)} symbols for {y.shape[-1]} classes of {self.logits}")
        return log_softmax(y), run.final


def log_softmax(y: Floats) -> Floats:
    """log softmax over the last axis, without a logarithm of 0."""
    shifted = y - y.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


# --- probability --------------------------------------------------------------------------------------------------


def conditionals(model: LanguageModel, indices: Indices, state: State | None = None) -> Floats:
    """log P(symbol t + 1 | symbols up to t) for t = 1…n−1.

    Args:
        model: of V symbols.
        indices: (n,) or (n, B), n at least 2.
        state: of the model before; None at the beginning.

    Returns:
        (n−1,) or (n−1, B).

    Raises:
        ValueError: for fewer than 2 symbols.
    """
    if len(indices) < 2:
        raise ValueError("nothing follows on less than 2 symbols")
    columns = indices[:, None] if indices.ndim == 1 else indices
    found = []
    for begin in range(0, len(columns) - 1, CHUNK):
        following = columns[begin + 1 : begin + CHUNK + 1]
        logs, state = model.read(columns[begin : begin + len(following)], state)
        found.append(np.take_along_axis(logs, following[..., None], axis=-1)[..., 0])
    joint = np.concatenate(found)
    return joint[:, 0] if indices.ndim == 1 else joint


def log_probability(model: LanguageModel, sentence: Sequence[str], *, ended: bool = True) -> float:
    """log P of a sentence, or, if it has not ``ended``, of all that begin with it.

    Args:
        model: with ``<EOS>`` among its symbols.
        sentence: its symbols, without ``<EOS>``: a text for a model of characters, a list for one of words.
        ended: whether ``<EOS>`` follows.

    Raises:
        ValueError: for a symbol that the model does not know, or a model without ``<EOS>``.
    """
    if END not in model.index:
        raise ValueError(f"the vocabulary has no {END}: where would a sentence begin?")
    if END in sentence:
        raise ValueError(f"a sentence has no {END} inside")
    whole = [END, *sentence, *([END] if ended else [])]
    return math.fsum(conditionals(model, model.indices(whole))) if len(whole) > 1 else 0.0


def perplexity(logs: Floats) -> float:
    """exp(−mean of log P): how many equally likely symbols would be as hard to guess."""
    return math.exp(-float(np.mean(logs)))


# --- sampling -----------------------------------------------------------------------------------------------------


def sample(
    model: LanguageModel,
    *,
    seed: int | None = None,
    temperature: float = 1.0,
    longest: int = 200,
    prompt: Sequence[str] = (),
) -> list[str]:
    """A new sequence: draw a symbol, let the model read it, draw the next, until ``<EOS>`` is drawn.

    Where ``<UNK>`` is drawn, it is drawn again.  That is to draw from the other symbols by their probabilities in
    proportion, which is what is done here: drawing again and again might take for ever.

    Args:
        model: which begins after ``<EOS>``, if it has one.
        seed: the same seed gives the same sequence.
        temperature: of the softmax: below 1 likely symbols become more likely, above 1 less.
        longest: so many symbols at most, the prompt not counted.
        prompt: what the sequence begins with; needed by a model without ``<EOS>``.

    Returns:
        The symbols after the prompt, without ``<EOS>``.

    Raises:
        ValueError: for a temperature that is not positive, a model that can only draw ``<UNK>``, or nothing to begin
            with.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}: a positive number is needed")
    begin = [*([END] if END in model.index else []), *prompt]
    if not begin:
        raise ValueError(f"the vocabulary has no {END}: give a prompt to begin with")
    rng = np.random.default_rng(seed)
    end = model.index.get(END)
    logs, state = model.read(model.indices(begin)[:, None])
    drawn: list[str] = []
    while len(drawn) < longest:
        number = draw(logs[-1, 0], rng, temperature, without=model.index.get(UNKNOWN))
        if number == end:
            break
        drawn.append(model.symbols[number])
        logs, state = model.read(np.array([[number]]), state)
    return drawn


def draw(logs: Floats, rng: np.random.Generator, temperature: float = 1.0, without: int | None = None) -> int:
    """A class by its probability, by inversion of the distribution function.

    Args:
        logs: log P (V,), up to a constant.
        rng: where randomness comes from.
        temperature: logs are divided by it.
        without: a class that is never drawn.

    Raises:
        ValueError: if no other class is possible.
    """
    logs = np.array(logs, np.float64)
    if without is not None:
        logs[without] = -math.inf
    highest = logs.max()
    if not math.isfinite(highest):
        raise ValueError(f"nothing but {UNKNOWN} can be drawn")
    heights = np.cumsum(np.exp((logs - highest) / temperature))
    return int(np.searchsorted(heights, rng.random() * heights[-1], side="right"))
