"""The architectures of the library, one family a file, in the order in which they are best read.

To add one, append a paragraph to the text of a family; a new family also goes into `FAMILIES`.
"""

from itertools import chain

from derive.architectures import (
    dynamics,
    elman,
    greff,
    gru,
    highway,
    jordan,
    light,
    lstm,
    lstm_extended,
    minimal,
    mutations,
    peephole,
    timescales,
)
from derive.architectures.entry import Architecture

__all__ = ["FAMILIES", "LIBRARY", "Architecture"]

FAMILIES: dict[str, tuple[Architecture, ...]] = {
    "Simple recurrent networks": (*elman.FAMILY, *jordan.FAMILY),
    "Gated recurrent units": gru.FAMILY,
    "Long short-term memory": (*lstm.FAMILY, *peephole.FAMILY),
    "LSTM: a search space odyssey": greff.FAMILY,
    "LSTM: projection, normalisation, convolution": lstm_extended.FAMILY,
    "Gated units reduced": minimal.FAMILY,
    "Cells found by mutation": mutations.FAMILY,
    "Light recurrence": light.FAMILY,
    "Highways in time": highway.FAMILY,
    "Several time scales": timescales.FAMILY,
    "Discretised differential equations": dynamics.FAMILY,
}
LIBRARY: tuple[Architecture, ...] = tuple(chain.from_iterable(FAMILIES.values()))
