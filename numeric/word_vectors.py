"""Word vectors: how near two are, analogies, and what `derive.networks.embeddings` learns them from.

A table has a column for each word, (D, V), as E of an embedding has.  Neighbours are words at most `window` apart.

>>> table = np.array([[-1, 1, -0.92, 0.93]])
>>> words = Vocabulary(("boy", "girl", "king", "queen"))
>>> (table[:, 0] - table[:, 1], table[:, 2] - table[:, 3])
(array([-2.]), array([-1.85]))

Read next: `numeric.lambdify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numeric.text import Vocabulary

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def cosine(u: ArrayLike, v: ArrayLike) -> float:
    """u · v / (|u| |v|).

    Raises:
        ValueError: for a vector of zeros, which has no direction.
    """
    a, b = (np.asarray(vector, np.float64) for vector in (u, v))
    if not a.any() or not b.any():
        raise ValueError("a vector of zeros has no direction, and no cosine with another")
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def nearest(
    table: ArrayLike, words: Vocabulary, vector: ArrayLike, count: int = 5, without: Iterable[str] = ()
) -> list[tuple[str, float]]:
    """The words whose vectors have the largest cosine with a vector, the nearest first.

    Args:
        table: (D, V).
        words: V words.
        vector: (D,).
        count: how many.
        without: words to leave out; one whose vector is zero, as that of padding, is left out anyway.

    Raises:
        ValueError: if the table has not as many columns as there are words, or the vector is zero.
    """
    columns = _table(table, words)
    left_out = set(without)
    found = [
        (word, cosine(columns[:, i], vector))
        for word, i in words.index.items()
        if word not in left_out and columns[:, i].any()
    ]
    return sorted(found, key=lambda pair: -pair[1])[:count]


def analogy(table: ArrayLike, words: Vocabulary, a: str, b: str, c: str, count: int = 1) -> list[tuple[str, float]]:
    """What is to c as b is to a: the words nearest to e(b) − e(a) + e(c), these three left out.

    Mikolov, Yih & Zweig 2013, NAACL, N13-1090, section 4.

    Raises:
        ValueError: for a word that is not in the vocabulary, and as `nearest`.
    """
    for word in (a, b, c):
        if word not in words.index:
            raise ValueError(f"the vocabulary of {len(words)} words has no {word!r}")
    columns = _table(table, words)
    e_a, e_b, e_c = (columns[:, words.index[word]] for word in (a, b, c))
    return nearest(columns, words, e_b - e_a + e_c, count, (a, b, c))


def _table(table: ArrayLike, words: Vocabulary) -> Floats:
    columns = np.asarray(table, np.float64)
    if columns.ndim != 2 or columns.shape[1] != len(words):
        raise ValueError(f"a table of {len(words)} words has {len(words)} columns (D, V), not {columns.shape}")
    return columns


# --- what they are learned from -----------------------------------------------------------------------------------


def pairs(rows: Sequence[Sequence[int]], window: int) -> tuple[Indices, Indices]:
    """Every word with each of its neighbours, for skip-gram: words (P,) and contexts (P,)."""
    found = [(word, neighbour) for word, neighbour, _ in _neighbours(rows, window)]
    words, contexts = np.array(found, np.int64).reshape(-1, 2).T
    return words, contexts


def noise(rng: np.random.Generator, counts: ArrayLike, shape: tuple[int, ...]) -> Indices:
    """Words drawn with probability ∝ count^(3/4): Mikolov et al. 2013, arXiv 1310.4546, section 2.2."""
    weights = np.asarray(counts, np.float64) ** 0.75
    return rng.choice(len(weights), shape, p=weights / weights.sum()).astype(np.int64)


def cooccurrences(rows: Sequence[Sequence[int]], window: int) -> tuple[Indices, Indices, Floats]:
    """Pairs i, j: (P,) that occur together, and X_ij: (P,), where neighbours d apart count 1/d.

    Pennington, Socher & Manning 2014, D14-1162, section 4.2; X is symmetric.
    """
    counts: dict[tuple[int, int], float] = {}
    for word, neighbour, apart in _neighbours(rows, window):
        counts[word, neighbour] = counts.get((word, neighbour), 0.0) + 1 / apart
    i, j = np.array(list(counts), np.int64).reshape(-1, 2).T
    return i, j, np.array(list(counts.values()), np.float64)


def _neighbours(rows: Sequence[Sequence[int]], window: int) -> Iterator[tuple[int, int, int]]:
    """A word, a neighbour and how far apart they are."""
    if window < 1:
        raise ValueError(f"a window of {window}: a neighbour is at least 1 apart")
    for row in rows:
        for at, word in enumerate(row):
            for other in range(max(0, at - window), min(len(row), at + window + 1)):
                if other != at:
                    yield word, row[other], abs(other - at)
