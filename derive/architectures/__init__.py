"""The architectures of the library, one family a file, in the order in which they are best read.

To add one, append a paragraph to the text of a family; a new family also goes into `LIBRARY`.
"""

from derive.architectures import (
    delta,
    diagonal,
    elman,
    gru,
    jordan,
    lstm,
    outer,
    parallel,
    peephole,
    stabilised,
)
from derive.architectures.entry import Architecture

__all__ = ["LIBRARY", "Architecture"]

LIBRARY: tuple[Architecture, ...] = (
    *elman.FAMILY,
    *jordan.FAMILY,
    *gru.FAMILY,
    *lstm.FAMILY,
    *peephole.FAMILY,
    *parallel.FAMILY,
    *diagonal.FAMILY,
    *outer.FAMILY,
    *stabilised.FAMILY,
    *delta.FAMILY,
)
