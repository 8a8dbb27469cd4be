"""Text as numbers: a vocabulary, and sentences as integers, one-hot vectors, bags of words and TF-IDF.

A sentence is a sequence of tokens; a string is one of characters, so that all of this works at the level of characters
too.  What an embedding and a mask read is ``padded``: sequences of unequal length as one array (T, B), and m (T, B).

>>> words = vocabulary([["good", "better", "better", "worse"]], special=(PADDING, UNKNOWN))
>>> words.encode(["better", "than", "good"])
[2, 1, 3]
>>> padded([[1, 2, 3], [5, 6, 7, 8]])[0].T
array([[1, 2, 3, 0],
       [5, 6, 7, 8]])

Read next: `numeric.word_vectors`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

PADDING, UNKNOWN, END = "<PAD>", "<UNK>", "<EOS>"
SPECIAL = (PADDING, UNKNOWN, END)

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


def tokens(text: str) -> list[str]:
    """Words in lower case, with their apostrophes, and every other sign that is no space as one token."""
    return re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Words by index.

    Attributes:
        words: the word of index i is ``words[i]``.

    Raises:
        ValueError: if a word occurs twice.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.index) != len(self.words):
            twice = next(word for word, count in Counter(self.words).items() if count > 1)
            raise ValueError(f"the vocabulary has {twice!r} twice")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of every word."""
        return {word: number for number, word in enumerate(self.words)}

    def encode(self, sentence: Iterable[str], *, end: bool = False) -> list[int]:
        """Integers for words; what is not in the vocabulary is <UNK>.

        Args:
            sentence: its words.
            end: whether <EOS> follows.

        Raises:
            ValueError: for an unknown word if there is no <UNK>, and for an end if there is no <EOS>.
        """
        found = [*sentence, END] if end else list(sentence)
        for word in found:
            if word not in self.index and (word == END or UNKNOWN not in self.index):
                lacking = "" if word == END else f" and no {UNKNOWN} to stand for it"
                raise ValueError(f"the vocabulary of {len(self)} words has no {word!r}{lacking}")
        return [self.index[word] if word in self.index else self.index[UNKNOWN] for word in found]

    def decode(self, indices: Iterable[int]) -> list[str]:
        """Words for integers.

        Raises:
            ValueError: for an integer that is no index.
        """
        return [self.words[number] for number in _checked(list(indices), len(self)).tolist()]


def vocabulary(
    sentences: Iterable[Sequence[str]], size: int | None = None, least: int = 1, *, special: Sequence[str] = SPECIAL
) -> Vocabulary:
    """The words of some sentences, the most frequent first, those of equal frequency as they first occur.

    Args:
        sentences: lists of tokens.
        size: how many words at most, those that are special not counted: "the 10 000 most frequent words and <UNK>".
        least: how often a word must occur.
        special: come first, so that padding has index 0; () for none.
    """
    counts = Counter(word for sentence in sentences for word in sentence if word not in special)
    frequent = [word for word, count in counts.most_common() if count >= least]
    return Vocabulary((*special, *frequent[:size]))


def padded(rows: Sequence[Sequence[int]], value: int = 0) -> tuple[Indices, Floats]:
    """Sequences of unequal length as one array, and the mask that `derive.networks.masked` asks for.

    Args:
        rows: B sequences of integers.
        value: what stands after the end of the shorter ones.

    Returns:
        Indices (T, B) and the mask m (T, B): 1 for a true step, 0 for padding.

    Raises:
        ValueError: if there is no step at all.
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    if not lengths.any():
        raise ValueError("there is nothing to pad: no sequence has a step")
    mask = (np.arange(lengths.max())[:, None] < lengths).astype(np.float64)
    indices = np.full(mask.shape, value, np.int64)
    for b, row in enumerate(rows):
        indices[: len(row), b] = row
    return indices, mask


def one_hot(indices: ArrayLike, classes: int) -> Floats:
    """Vectors (…, classes) for integers (…): 1 at the index and 0 elsewhere.

    Raises:
        ValueError: for what is no integer in 0…classes − 1.
    """
    return np.eye(classes)[_checked(indices, classes)]


def bag_of_words(rows: Sequence[Sequence[int]], classes: int) -> Floats:
    """How often each word occurs in each of B documents: (B, classes).

    Raises:
        ValueError: for what is no integer in 0…classes − 1.
    """
    return np.array([np.bincount(_checked(row, classes), minlength=classes) for row in rows], np.float64)


def tf_idf(counts: ArrayLike, corpus: ArrayLike | None = None, *, unit: bool = True) -> Floats:
    """Term frequency times inverse document frequency: tf(d, w) · (ln((1 + N) / (1 + df(w))) + 1).

    tf is the plain count, N the number of documents of the corpus and df the number of those in which w occurs; this
    is the smoothed form that scikit-learn's ``TfidfTransformer(smooth_idf=True)`` documents, as are the unit rows.

    Args:
        counts: (B, V), see `bag_of_words`.
        corpus: (N, V), the documents that frequencies are taken from; default `counts`.
        unit: whether each row is divided by its Euclidean length; a row of zeros stays.

    Raises:
        ValueError: if the two differ in V.
    """
    counts = np.asarray(counts, np.float64)
    documents = counts if corpus is None else np.asarray(corpus, np.float64)
    if counts.ndim != 2 or documents.ndim != 2 or counts.shape[1] != documents.shape[1]:
        raise ValueError(f"counts are (B, V) and a corpus (N, V) of the same V, not {counts.shape}, {documents.shape}")
    weights = counts * (np.log((1 + len(documents)) / (1 + (documents > 0).sum(0))) + 1)
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    return weights / np.where(lengths == 0, 1, lengths) if unit else weights


def _checked(indices: Any, classes: int) -> Indices:
    """Integers, each the index of a class."""
    found = np.asarray(indices)
    if found.size == 0:
        return found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise ValueError(f"indices are integers, not {found.dtype}")
    if found.min() < 0 or found.max() >= classes:
        wrong = found.min() if found.min() < 0 else found.max()
        raise ValueError(f"{wrong} is no index of {classes} words: they are 0…{classes - 1}")
    return found.astype(np.int64)
