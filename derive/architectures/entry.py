"""`Architecture`: an entry of the library, and how a family of them is written down.

A family is one text.  An entry is a paragraph of it: comments that say its name and title, its source, and remarks,
one a line; then declarations and equations in the language of `derive.language`, as the source writes them::

    # rnn: Elman network, tanh
    # Elman 1990, "Finding structure in time", Cognitive Science 14
    # PyTorch adds a second, redundant bias.
    W_h : H, D + H
    b_h : H
    h[t] = tanh(W_h @ [h[t-1], x[t]] + b_h)

Parameters are declared, so that a typo cannot become one.  Where a source is cited with equation numbers that could
not be compared with its text, the entry says so.

Read next: `derive.architectures.elman`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True)
class Architecture:
    """A recurrent cell as a source states it.

    Attributes:
        name: how `derive.load` knows it.
        title: what people call it.
        source: authors, year, arXiv id or journal, equation numbers where known.
        notes: which variants exist, and where the lecture notes read otherwise.
        text: declarations and equations.
    """

    name: str
    title: str
    source: str
    notes: tuple[str, ...]
    text: str


def family(text: str) -> tuple[Architecture, ...]:
    """The entries of a text, in its order.

    Raises:
        ValueError: if an entry does not begin with ``# name: title`` and ``# source``.
    """
    return tuple(_entry(paragraph) for paragraph in re.split(r"\n\s*\n", text.strip()))


def _entry(paragraph: str) -> Architecture:
    lines = paragraph.splitlines()
    comments = [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
    head = re.fullmatch(r"([a-z][a-z0-9-]*): (.+)", comments[0]) if len(comments) >= 2 else None
    if head is None:
        raise ValueError(f"an entry begins with '# name: title' and '# source', not with {lines[0]!r}")
    return Architecture(head[1], head[2], comments[1], tuple(comments[2:]), "\n".join(lines[len(comments) :]) + "\n")
