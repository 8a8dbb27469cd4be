"""Sentences with names of people and places, from a small grammar: what a name is, its sentence decides.

Every name here, Florence or Lincoln, is a person in one sentence and a place in another.  In "we flew to Jordan" what
stands before it tells which; in "Jordan has a mild climate" and in "Jordan , who paints , …" only what comes after.  A
network that reads from left to right must guess the second kind when it sees the name.

    O anything else · PER a person · LOC a place

Read next: `numeric.demos.tagging`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

TAGS = ("O", "PER", "LOC")
NAMES = (
    *("Austin", "Brooklyn", "Charlotte", "Chelsea", "Dakota", "Florence", "Georgia"),
    *("Jordan", "Lincoln", "Madison", "Sydney", "Victoria", "Virginia", "Wells"),
)

# A word in capitals is one of these; PER and LOC are names, told by what stands before (<) or after them (>)
PARTS: Mapping[str, Sequence[str]] = {
    "WHEN": ("last year", "in the morning", "after the war", "every summer", "some time later"),
    "MAYBE": ("", "", "WHEN"),
    "WE": ("we", "they", "the students", "my parents", "two old friends", "the reporters"),
    "WENT": ("flew to", "lived in", "drove through", "came back from", "spent a week in", "the road to"),
    "MET": ("talked to", "wrote to", "were asked by", "had lunch with", "got a letter from", "waited for"),
    "AREA": ("the mayor of", "the coast near", "the suburbs of", "a map of", "the harbour of"),
    "KIN": ("the brother of", "a book by", "the voice of", "a friend of", "the teacher of"),
    "DID": ("wrote a letter", "smiled", "was late again", "sold the house", "plays the piano", "said nothing"),
    "IS": ("has a mild climate", "lies on a river", "was founded by monks", "has two airports", "is far from here"),
    "ARE": ("have a mild climate", "lie on a river", "were founded by monks", "are far from here"),
    "WERE": ("were admired", "came first", "were in the news", "changed a lot"),
    "WAS": ("was admired", "came first", "was in the news", "was much loved", "changed a lot"),
}
SENTENCES = (
    "MAYBE WE WENT LOC< MAYBE .",
    "MAYBE WE MET PER< MAYBE .",
    "MAYBE AREA LOC< WAS .",
    "MAYBE KIN PER< WAS .",
    "MAYBE PER> DID MAYBE .",
    "MAYBE LOC> IS .",
    "MAYBE PER> , who DID , WAS .",
    "MAYBE LOC> , which IS , WAS .",
    "PER> and PER> , both of whom MET PER< , WERE .",
    "LOC> and LOC> , both of which ARE , WERE .",
    "WE MET PER< before WE WENT LOC< .",
    "PER> , WHEN , DID .",
    "LOC> , WHEN , changed its name .",
)


@dataclass(frozen=True)
class Sentence:
    """Words, their tags, and for each name whether what tells is ``<`` before it or ``>`` after; else empty."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    told: tuple[str, ...]


def generate(count: int, seed: int) -> list[Sentence]:
    """So many sentences, all different.

    Args:
        count: how many; the grammar has some hundred thousand.
        seed: the same seed gives the same sentences.
    """
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, ...], Sentence] = {}
    while len(found) < count:
        sentence = _sentence(rng)
        found[sentence.words] = sentence
    return list(found.values())


def _sentence(rng: np.random.Generator) -> Sentence:
    rows: list[tuple[str, str, str]] = []
    for part in str(rng.choice(SENTENCES)).split():
        if part[:3] in TAGS:
            rows.append((str(rng.choice(NAMES)), part[:3], part[3:]))
        else:
            rows += [(word, "O", "") for word in _words(part, rng)]
    words, tags, told = zip(*rows, strict=True)
    return Sentence(words, tags, told)


def _words(part: str, rng: np.random.Generator) -> list[str]:
    if part not in PARTS:
        return [part]
    return [word for piece in str(rng.choice(PARTS[part])).split() for word in _words(piece, rng)]
