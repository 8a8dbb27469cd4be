"""Numbers that lecture notes print, as worked examples of the systems they are about.

Each record gives what the notes leave open (weights that make the gate what the notes say it is) and the figures that
they print; a test computes the example and compares.  Where the printed figures are wrong the record says so and gives
the right ones.

Read next: `reports.substitution`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import sympy

from derive.dimensions import dimension
from derive.library import load
from derive.system import System
from numeric.pocket_numbers import Given

WORDS = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))  # one-hot rows of "movie was okay", of four words
CELL = (4, 5, 6)


@dataclass(frozen=True)
class PocketNote:
    """An example of the notes.

    Attributes:
        name: how `--example` knows it.
        system: of the library.
        said: what the notes say.
        sizes: of the dimensions.
        inputs: x by step.
        parameters: those that are not zero, by name.
        initial: values before the first step.
        figures: what the notes print: quantity, step, entries.
        right: whether the computed figures are the printed ones; otherwise `instead` has them, to four decimals.
    """

    name: str
    system: str
    said: str
    sizes: Mapping[str, int]
    inputs: tuple[tuple[float, ...], ...]
    figures: tuple[tuple[str, int, tuple[float, ...]], ...]
    parameters: Mapping[str, tuple[tuple[float, ...], ...] | tuple[float, ...]] = field(default_factory=dict)
    initial: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    right: bool = True
    instead: tuple[tuple[str, int, tuple[float, ...]], ...] = ()

    def given(self, system: System) -> Given:
        """Its numbers as arrays."""
        steps = {axis: len(self.inputs) for axis in system.axes}
        sizes = {**self.sizes, **{axis.upper(): n for axis, n in steps.items()}}
        numbers = {dimension(name): size for name, size in sizes.items()}
        parameters = {}
        for name in system.parameters:
            shape = tuple(int(sympy.sympify(dim).subs(numbers)) for dim in system.variables[name].shape)
            parameters[name] = np.array(self.parameters.get(name, np.zeros(shape)), float)
        inputs = {name: np.array(self.inputs, float)[:, None] for name in system.inputs}
        initial = {name: np.array(value, float)[None] for name, value in self.initial.items()}
        return Given(sizes, steps, parameters, inputs, initial)


NOTES = (
    PocketNote(
        "halve", "lstm",
        "The forget gate is one half in every entry and nothing is written, so the cell [4 5 6] becomes [2 2.5 3]. "
        "A gate for three units and words of four entries has 7 x 3 = 21 weights.",
        {"D": 4, "H": 3}, WORDS[:2], (("f", 1, (0.5, 0.5, 0.5)), ("c", 1, (2, 2.5, 3))), initial={"c": CELL},
    ),
    PocketNote(
        "keep", "lstm",
        "The forget gate is one in every entry and nothing is written, so the cell [4 5 6] stays [4 5 6]. "
        "A gate reaches one only in the limit; with a bias of 15 it is one to six decimals.",
        {"D": 4, "H": 3}, WORDS[:2], (("f", 1, (1, 1, 1)), ("c", 1, CELL)), {"b_f": (15, 15, 15)}, {"c": CELL},
    ),
    PocketNote(
        "remove", "lstm",
        "The forget gate is zero in every entry and nothing is written, so the cell [4 5 6] becomes [0 0 0]; "
        "with a bias of -15 the gate is zero to six decimals.",
        {"D": 4, "H": 3}, WORDS[:2], (("f", 1, (0, 0, 0)), ("c", 1, (0, 0, 0))), {"b_f": (-15, -15, -15)}, {"c": CELL},
    ),
    PocketNote(
        "sigmoid", "rnn-sigmoid",
        "The notes print [0.2 0.3 0.1], and elsewhere [0.2 0.6 0.3], for the sigmoid of [1 2 3]. The sigmoid of a "
        "positive number is above one half, and it grows with the number.",
        {"D": 3, "H": 3}, ((1, 2, 3), (0, 0, 0)), (("h", 1, (0.2, 0.3, 0.1)),),
        {"W_h": ((0, 0, 0, 1, 0, 0), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 1))}, right=False,
        instead=(("h", 1, (0.7311, 0.8808, 0.9526)),),
    ),
    PocketNote(
        "words", "rnn-nobias",
        "Three words as one-hot vectors of four entries, movie was okay: a product with a one-hot vector picks "
        "a column of the weights.",
        {"D": 4, "H": 1}, WORDS, tuple(("x", t, word) for t, word in enumerate(WORDS, 1)),
        {"W_h": ((0.5,),), "W_x": ((0.3, -0.2, 0.4, 0.1),)},
    ),
    PocketNote(
        "memory", "gru-simplified",
        "The update gate is one in a million in every entry, so the memory stays what it was.",
        {"D": 1, "H": 1}, ((1,), (2,)), (("h", 1, (4,)), ("h", 2, (4,))),
        {"b_z": (-math.log(1e6 - 1),)}, {"h": (4,)},
    ),
)  # fmt: skip


def notes_for(system: System) -> tuple[PocketNote, ...]:
    """The examples that lecture notes have for a system."""
    return tuple(note for note in NOTES if note.system == system.name and load(note.system) == system)


def note_for(system: System, name: str) -> PocketNote:
    """The example of that name; ``notes`` is the first that there is.

    Raises:
        ValueError: one line, with what there is.
    """
    found = notes_for(system)
    for note in found:
        if name in (note.name, "notes"):
            return note
    here = f"there are {', '.join(note.name for note in found)}" if found else f"there is none for {system.name}"
    other = ", ".join(dict.fromkeys(note.system for note in NOTES))
    raise ValueError(f"no example of lecture notes is called {name!r}; {here} (systems with one: {other})")
