"""What authors' names hint at: gates, sources, states.  Hints order a search; the numbers decide.

``Wxf``, ``W_hf``, ``bf`` share a gate, whatever they call it: `splits` cuts names into a stem and a token in several
ways, of which one usually gives every stem the same tokens.  `hint` says how well a name fits a quantity.

Read next: `numeric.check.conventions.arrangement`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

WORDS = {  # what a quantity of a library cell is called; earlier is likelier
    "f": ("f", "forget", "fg", "fgt", "phi"),
    "i": ("i", "input", "in", "ig", "u", "update", "inp"),
    "g": (
        "g",
        "c",
        "a",
        "z",
        "j",
        "candidate",
        "cand",
        "cell",
        "cc",
        "ct",
        "s",
        "n",
        "k",
        "u",
        "tilde",
        "ctilde",
        "new",
    ),
    "o": ("o", "output", "out", "og", "v"),
    "z": ("z", "u", "update", "i"),
    "r": ("r", "reset", "relevance", "f"),
    "n": ("n", "c", "h", "g", "a", "candidate", "cand", "new", "hh", "hhat", "htilde", "tilde", "cc", "s", "", "k"),
    "h": ("h", "a", "s", "hidden", "state", "y", "m", "hs", "out", "output", "rnn", ""),
    "c": ("c", "cell", "s", "memory", "cs"),
    "y": (
        "y",
        "o",
        "out",
        "output",
        "v",
        "q",
        "fc",
        "dense",
        "readout",
        "logits",
        "yhat",
        "z",
        "d",
        "why",
        "hy",
        "proj",
    ),
    "p": ("p", "prob", "probs", "yhat", "ps", "softmax", "y", "o", "out", "a"),
    "x": ("x", "i", "in", "input", "inputs", "e", "w", "kernel", "u", "xs"),
}
RECURRENT = ("h", "hh", "u", "r", "recurrent", "rec", "aa", "a", "s", "rh", "wh")
NOISE = ("d", "grad", "g", "delta", "dl")
LAST = ("last", "n", "t", "final", "end", "next", "1", "new", "out", "hn", "cn", "ht", "tn")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """A name in lower-case words: ``weight_ih_l0`` → weight, ih, l0; ``WLSTM`` → w, lstm; ``Wxf`` → w, xf."""
    parts = [part for part in re.split(r"[^\w]+|_", name) if part]
    found: list[str] = []
    for part in parts:
        found += re.findall(r"[A-Z](?=[A-Z]{2})|[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+|[^\W\d_]+", part)
    split: list[str] = []
    for word in found:
        matrix = len(word) > 1 and word[0] in "WURVBP" and word[1:].islower()
        if matrix or (len(word) in (2, 3) and word[0] in "bwupv" and word.islower()):
            split += [word[0], word[1:]]
        else:
            split.append(word)
    return tuple(word.lower() for word in split)


@lru_cache(maxsize=16384)
def hint(name: str, quantity: str) -> float:
    """How well a name fits a quantity, 0 to 4; a whole word counts more than a letter of one."""
    base, copy = base_and_copy(quantity)
    vocabulary = WORDS.get(base, (base.lower(),))
    pieces = words(name)
    if copy:
        tail = {word.lower() for part in copy.split("_") for word in (part, *COPIES.get(part, ()))}
        letters = set(pieces) | set(pieces[-1] if pieces else "") | {word.lstrip("l") for word in pieces}
        if letters & tail:
            return 1.0 + hint("_".join(word for word in pieces if word not in tail) or name, base)
    best = 0.0
    for rank, word in enumerate(vocabulary):
        less = 0.12 * rank
        if word and word in pieces:
            best = max(best, 3.0 - less + 0.5 * (pieces[-1] == word))
        elif word and len(word) == 1 and pieces and len(pieces[-1]) <= 3 and word in pieces[-1]:
            best = max(best, 2.0 - less + 0.5 * (pieces[-1][-1] == word))
        elif word == "" and (len(pieces) == 1 or pieces[-1] in ("x", "h", "hh")):
            best = max(best, 1.0)
    return best + (4.0 if name == quantity else 0.0)


@lru_cache(maxsize=4096)
def source_hint(name: str, source: str, state: bool) -> float:
    """Whether a name speaks of what a matrix multiplies: the recurrent one of Wxf and Whf is the second."""
    pieces = words(name)
    letters = set(pieces) | {letter for word in pieces[1:] if len(word) <= 3 for letter in word}
    if state:
        return float(bool(letters & {*RECURRENT, source})) - 0.5 * float("x" in letters)
    return float(bool(letters & {*WORDS["x"], source})) - 0.5 * float(bool(letters & {"h", "u", "recurrent"}))


def plain(name: str) -> str:
    """A name without punctuation and case."""
    return re.sub(r"[\W_]", "", name).lower()


COPIES = {
    "fwd": ("fwd", "fw", "forward", "f", "left", "l", "0", "1"),
    "bwd": ("bwd", "bw", "backward", "b", "right", "r", "reverse", "rev", "1", "2"),
}


def base_and_copy(quantity: str) -> tuple[str, str]:
    """``f_1`` and ``f1`` are f of copy 1; ``h_fwd`` is h of fwd."""
    match = re.fullmatch(r"([^\W\d_]+)_?(\w*)", quantity)
    return (match[1], match[2]) if match else (quantity, "")


Split = Callable[[str], tuple[str, str]]


def _tail(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?)[_.\[/]?([^\W\d_]|\d+)\]?", name)
    return (match[1], match[2]) if match and match[1] else (name, "")


def _second(name: str) -> tuple[str, str]:
    bare = name.replace("_", "")
    return (bare[:1] + "·" + bare[2:], bare[1:2]) if len(bare) >= 2 else (bare + "·", "")


def _second_of_rest(name: str) -> tuple[str, str]:
    bare = name.replace("_", "")
    return (bare[:1], bare[1:])


def _word(at: int) -> Split:
    def split(name: str) -> tuple[str, str]:
        parts = [part for part in re.split(r"[_.\[\]/]+", name) if part]
        if len(parts) < 2:
            return name, ""
        token = parts.pop(at)
        return "_".join(parts), token

    return split


def _after(count: int) -> Split:
    def split(name: str) -> tuple[str, str]:
        parts = [part for part in re.split(r"[_./]+", name) if part]
        return ("_".join(parts[:count]), "_".join(parts[count:])) if len(parts) > count else (name, "")

    return split


def splits(names: Sequence[str]) -> Iterator[dict[str, tuple[str, str]]]:
    """Ways to cut names into (stem, token), the most regular first: stems with equal sets of tokens."""
    all_ways = (_tail, _second_of_rest, _second, _word(-1), _word(0), _word(1), _after(2), _after(3))
    ways = [{name: way(name) for name in names} for way in all_ways]
    yield from sorted((way for n, way in enumerate(ways) if way not in ways[:n]), key=_irregularity)


def positions(names: Sequence[str]) -> Iterator[dict[str, tuple[str, str]]]:
    """Ways to group names by their order, where they say nothing: gate after gate, or kind after kind."""
    for rest in (0, 1, 2):
        count = len(names) - rest
        for size in (n for n in range(2, 9) if count >= 2 * n and count % n == 0):
            alone = {name: (name, name) for name in names[count:]}
            yield alone | {name: (f"#{k % size}", f"#{k // size}") for k, name in enumerate(names[:count])}
            yield alone | {name: (f"#{k // size}", f"#{k % size}") for k, name in enumerate(names[:count])}


def _irregularity(way: dict[str, tuple[str, str]]) -> float:
    stems: dict[str, set[str]] = {}
    for stem, token in way.values():
        stems.setdefault(stem, set()).add(token)
    tokens = set().union(*stems.values())
    return sum(len(tokens - own) for own in stems.values()) + 0.1 * len(tokens) + 0.1 * len(stems)
