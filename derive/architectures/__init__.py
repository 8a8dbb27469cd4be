"""The architectures of the library, one family a file, in the order in which they are best read.

To add one, append a paragraph to the text of a family; a new family also goes into `FAMILIES`.
"""

from itertools import chain

from derive.architectures import (
    delta,
    diagonal,
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
    outer,
    parallel,
    peephole,
    stabilised,
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
    "Gated and linear in the state": parallel.FAMILY,
    "State spaces with a diagonal transition": diagonal.FAMILY,
    "Linear attention": outer.FAMILY,
    "Exponential gates with a stabiliser": stabilised.FAMILY,
    "The delta rule": delta.FAMILY,
}
LIBRARY: tuple[Architecture, ...] = tuple(chain.from_iterable(FAMILIES.values()))
