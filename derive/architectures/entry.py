"""`Architecture`: one entry of the library, the equations as text with their source and remarks.

Equations stand in the language of `derive.language`, in the order in which the source writes them; parameters are
declared, so that a typo cannot become a parameter.  Evidence tags in square brackets, at the end of a source or of a
note: ``[code]`` read in a framework's source, ``[run]`` executed and compared, ``[lit]`` from knowledge of the paper,
whose text was not at hand, so that its equation numbers are to be checked.

Read next: `derive.architectures.elman`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A recurrent cell as a source states it.

    Attributes:
        name: how `derive.load` knows it.
        title: what people call it.
        source: authors, year, arXiv id or journal, equation numbers where known, evidence tag.
        notes: which variants exist, and where the lecture notes read otherwise, a sentence or two each.
        text: declarations and equations.
    """

    name: str
    title: str
    source: str
    notes: tuple[str, ...]
    text: str
