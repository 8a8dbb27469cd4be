"""Named entities: a GRU that reads a sentence forward, one that reads it backward, and both together.

The network is ``tagger`` of `derive.networks.recipes`: embedding, cell, softmax over tags, a mask for padded sentences.
The three differ in the cell alone, and the halves of the bidirectional one have half as many states, so that h[t] is
of one size in all of them.

Read next: `numeric.demos.copying`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derive
from derive.networks import bidirectional, embedded, head, loss, masked, reverse
from derive.system import System
from numeric.demos.sentences import TAGS, Sentence, generate
from numeric.kernel import compile
from numeric.training import Moments, Values, adam, clip_by_norm, first_values

Indices = NDArray[np.integer[Any]]
PAD = 0  # its embedding is never learned: the mask is 0 there
READINGS = ("forward", "backward", "both")
Watch = Callable[[str, float], None]  # which network, and the fraction of its training that is done


@dataclass(frozen=True)
class Score:
    """How well a network tags sentences that it was not trained on.

    Attributes:
        reading: "forward", "backward" or "both".
        parameters: how many numbers it learned.
        accuracy: share of words with the right tag.
        f1: 2 right / (named + names) over PER and LOC together.
        before, after: share of right tags among names that what stands before, or after them, tells.
        seconds: of training.
        tags: its tags of the held-out sentences.
    """

    reading: str
    parameters: int
    accuracy: float
    f1: float
    before: float
    after: float
    seconds: float
    tags: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Settings:
    """What the experiment depends on: everything follows from the seed."""

    hidden: int = 32
    width: int = 16
    sentences: int = 2000
    held_out: int = 500
    batch: int = 32
    steps: int = 500
    rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "sentences", "held_out", "batch", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: a positive number is needed")
        if self.hidden < 2 or self.hidden % 2:
            raise ValueError(f"hidden is {self.hidden}: an even number is needed, half of it for each direction")


def network(reading: str) -> System:
    """The tagger with a GRU that reads in this direction."""
    cell = derive.load("gru")
    cells = {"forward": cell, "backward": reverse(cell, "t"), "both": bidirectional(cell)}
    return masked(loss(head(embedded(cells[reading]), "softmax"), target="tag"))


def experiment(settings: Settings, watch: Watch) -> tuple[list[Sentence], list[Score]]:
    """The held-out sentences, and the score of each reading on them.

    Raises:
        ValueError: if training fails.
    """
    sentences = generate(settings.sentences + settings.held_out, settings.seed)
    training, held_out = sentences[: settings.sentences], sentences[settings.sentences :]
    words = sorted({word for sentence in training for word in sentence.words})
    vocabulary = {word: place for place, word in enumerate(("<PAD>", "<UNK>", *words))}
    scores = [_score(reading, training, held_out, vocabulary, settings, watch) for reading in READINGS]
    return held_out, scores


def padded(sentences: Sequence[Sentence], vocabulary: dict[str, int]) -> dict[str, Indices]:
    """Words k, tags and mask m of some sentences, (T, B) each; T is that of the longest.

    A word that the vocabulary lacks is number 1.
    """
    shape = max(len(sentence.words) for sentence in sentences), len(sentences)
    arrays: dict[str, Indices] = {name: np.zeros(shape, np.int64) for name in ("k", "tag", "m")}
    for column, sentence in enumerate(sentences):
        length = len(sentence.words)
        arrays["k"][:length, column] = [vocabulary.get(word, 1) for word in sentence.words]
        arrays["tag"][:length, column] = [TAGS.index(tag) for tag in sentence.tags]
        arrays["m"][:length, column] = 1
    return arrays


def _score(
    reading: str,
    training: Sequence[Sentence],
    held_out: Sequence[Sentence],
    vocabulary: dict[str, int],
    settings: Settings,
    watch: Watch,
) -> Score:
    net = network(reading)
    kernel = compile(net, "float32", outputs=("L", "y"))
    hidden = settings.hidden // 2 if reading == "both" else settings.hidden
    sizes = {"H": hidden, "D": settings.width, "V": len(vocabulary), "O": len(TAGS)}
    parameters: Values = first_values(net, sizes, settings.seed, "float32")
    moments: Moments | None = None
    rng, begin = np.random.default_rng(settings.seed), time.perf_counter()
    for step in range(settings.steps):
        chosen = rng.choice(len(training), min(settings.batch, len(training)), replace=False)
        batch = padded([training[place] for place in chosen], vocabulary)
        run = kernel.forward(parameters, batch)
        weight = np.full(len(chosen), 1 / batch["m"].sum())
        gradients, _ = clip_by_norm(kernel.backward(run, {"L": weight}).parameters, 1.0)
        parameters, moments = adam(parameters, gradients, moments, settings.rate * (1 - step / settings.steps))
        watch(reading, (step + 1) / settings.steps)
    seconds = time.perf_counter() - begin
    found = kernel.forward(parameters, padded(held_out, vocabulary)).outputs["y"].argmax(axis=-1)
    tags = tuple(
        tuple(TAGS[number] for number in found[: len(sentence.words), column])
        for column, sentence in enumerate(held_out)
    )
    count = sum(value.size for value in parameters.values())
    return Score(reading, count, *measures(held_out, tags), seconds, tags)


def measures(sentences: Sequence[Sentence], tags: Sequence[Sequence[str]]) -> tuple[float, float, float, float]:
    """Accuracy; F1 over names; and the accuracy on names that what stands before, and after them, tells."""
    rows = [
        (right, found, told)
        for sentence, its in zip(sentences, tags, strict=True)
        for right, found, told in zip(sentence.tags, its, sentence.told, strict=True)
    ]
    named = sum(found != "O" for _, found, _ in rows)
    names = sum(right != "O" for right, _, _ in rows)
    hits = sum(right == found != "O" for right, found, _ in rows)

    def share(told: str) -> float:
        some = [right == found for right, found, mark in rows if told in ("", mark)]
        return sum(some) / len(some) if some else 1.0

    return share(""), 2 * hits / (named + names) if named + names else 1.0, share("<"), share(">")
