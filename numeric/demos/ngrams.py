"""n-gram models of characters, as a yardstick: how well does counting guess?

Each order is interpolated with the one below by Witten–Bell smoothing (Witten & Bell 1991, IEEE Trans. Inf. Theory
37(4); in the form of Chen & Goodman 1999, Computer Speech & Language 13(4), section 2.5)::

    P(w | context) = (count(context w) + kinds(context) P(w | shorter context)) / (count(context) + kinds(context))

where kinds counts the different symbols that were seen after the context.  Below order 1 there is 1/V.  Every symbol
has a positive probability, and the probabilities sum to 1.

Read next: `numeric.demos.characters`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
LARGEST = 10**8  # entries of a table


def table(training: Indices, classes: int, order: int) -> Floats:
    """P(w | the order − 1 symbols before), counted in training: (V, …, V), the last axis is w; (V,) for order 1.

    Order 0 is the uniform distribution.

    Raises:
        ValueError: if the table would not fit in memory, or the text is shorter than the order.
    """
    if classes**order > LARGEST or len(training) < order:
        raise ValueError(f"no table of order {order} for {classes} symbols and a text of {len(training)}")
    if order == 0:
        return np.full(classes, 1 / classes)
    windows = np.lib.stride_tricks.sliding_window_view(training, order)
    places = np.ravel_multi_index(tuple(windows.T), (classes,) * order)
    counts = np.bincount(places, minlength=classes**order).reshape((classes,) * order)
    total, kinds = counts.sum(axis=-1, keepdims=True), (counts > 0).sum(axis=-1, keepdims=True)
    shorter = np.broadcast_to(table(training, classes, order - 1), counts.shape)
    seen = np.maximum(total + kinds, 1)
    return np.where(total > 0, (counts + kinds * shorter) / seen, shorter)


def logs(training: Indices, text: Indices, classes: int, order: int) -> Floats:
    """log P of symbols 2…n of a text, (n−1,), each from at most order − 1 symbols before it.

    The first few, whose context is shorter than that, have the model of the order that fits.
    """
    found = np.empty(len(text) - 1)
    for each in range(min(order, 2), order + 1):
        places = np.lib.stride_tricks.sliding_window_view(text, max(each, 1))
        values = np.log(table(training, classes, each))
        picked = values[places[:, 0]] if each == 0 else values[tuple(places.T)]
        found[max(each - 2, 0) :] = picked[1:] if each < 2 else picked
    return found
