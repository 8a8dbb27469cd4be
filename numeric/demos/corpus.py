"""English text that comes with Python, as integers: the help pages of `pydoc`, less what they repeat.

The pages quote each other, so a paragraph counts only where it occurs first: a model must not be tested on what it was
trained on.  Tables and underlined headings are left out.  Every tenth run of twenty paragraphs is held out.

Read next: `numeric.demos.ngrams`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.language_model import UNKNOWN

Indices = NDArray[np.integer[Any]]
RUN, EVERY = 20, 10  # paragraphs that stay together; one run in so many is held out
DRAWN = re.compile(r"([^\w\s])\1{3}|^\s*[|+]", re.MULTILINE)  # a row of one mark, or of a table: no English
RARE = 10  # a character that training has less often is <UNK>


@dataclass(frozen=True)
class Corpus:
    """Text as integers.

    Attributes:
        symbols: the characters, ``<UNK>`` first.
        training, held_out: (n,) each.
    """

    symbols: tuple[str, ...]
    training: Indices
    held_out: Indices

    @property
    def size(self) -> int:
        """V, the number of symbols."""
        return len(self.symbols)


def python_help() -> str:
    """All paragraphs of Python's help pages that are no tables, each once, with an empty line between them.

    Raises:
        ValueError: if this Python was installed without them.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise ValueError("this Python comes without pydoc_data.topics, its help pages: give another text") from None
    return "\n\n".join(_paragraphs(topics))


def _paragraphs(topics: dict[str, str]) -> Iterator[str]:
    seen = set()
    for name in sorted(topics):
        for paragraph in re.split(r"\n\s*\n", topics[name]):
            words = tuple(paragraph.split())
            if words and words not in seen and not DRAWN.search(paragraph):
                seen.add(words)
                yield paragraph.strip("\n")


def corpus(text: str) -> Corpus:
    """A text as integers, in two parts.

    Raises:
        ValueError: if it is too short for two parts, or has less than two characters that are not rare.
    """
    paragraphs = text.split("\n\n")
    parts = ["", ""]
    for begin in range(0, len(paragraphs), RUN):
        parts[begin // RUN % EVERY == EVERY - 1] += "\n\n".join(paragraphs[begin : begin + RUN]) + "\n\n"
    training, held_out = parts
    common = sorted(character for character, count in Counter(training).items() if count >= RARE)
    if not held_out or len(common) < 2:
        raise ValueError(f"too short to learn from: {RUN * EVERY} paragraphs are needed, there are {len(paragraphs)}")
    symbols = (UNKNOWN, *common)
    number = {symbol: place for place, symbol in enumerate(symbols)}
    train, test = (np.array([number.get(character, 0) for character in part], np.int64) for part in parts)
    return Corpus(symbols, train, test)
