"""`load` an architecture of the library by name.

>>> load("lstm").states
('h', 'c')
>>> load("ltsm")
Traceback (most recent call last):
derive.library.UnknownArchitecture: no architecture is called 'ltsm'; did you mean 'lstm'?

Read next: `derive.adjoint`.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from derive.architectures import LIBRARY
from derive.language import parse
from derive.system import System

ENTRIES = {entry.name: entry for entry in LIBRARY}


class UnknownArchitecture(LookupError):
    """A name that the library does not have.

    Attributes:
        name: what was asked for.
        closest: the most similar name there is, or None.
        hint: what to try instead, in words.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.closest = next(iter(get_close_matches(name, ENTRIES, n=1)), None)
        self.hint = f"did you mean {self.closest!r}?" if self.closest else f"bptt list shows all {len(ENTRIES)} names"
        super().__init__(f"no architecture is called {name!r}; {self.hint}")


def names() -> tuple[str, ...]:
    """Names of all architectures, in reading order."""
    return tuple(ENTRIES)


@cache
def load(name: str) -> System:
    """An architecture of the library, with its title, source and notes.

    Raises:
        UnknownArchitecture: one line, with the closest name.
    """
    if name not in ENTRIES:
        raise UnknownArchitecture(name)
    entry = ENTRIES[name]
    system = parse(entry.text, name=entry.name, strict=True)
    return system.renamed(title=entry.title, source=entry.source, notes=entry.notes)
