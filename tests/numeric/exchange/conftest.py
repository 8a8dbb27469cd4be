"""What the tests of exchanged weights share: networks of every shape, and numbers for their parameters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

import derive
from derive.networks import bidirectional, reverse, stack

SIZES = {"D": 4, "H": 3, "P": 2}


@lru_cache(maxsize=256)
def network(cell, ways=(1,)):
    """Layers of a cell: 1 for one that runs forward, −1 backward, 2 for both."""
    base = derive.load(cell)
    made = {1: base, -1: reverse(base), 2: bidirectional(base)}
    if len(ways) == 1:
        return made[ways[0]]
    return stack(made[ways[0]], len(ways)) if len(set(ways)) == 1 else stack([made[way] for way in ways])


@pytest.fixture(name="network")
def network_fixture():
    return network


def drawn(system, rng, sizes=SIZES, dtype="float64"):
    """Parameters; a dimension is as large as the one whose letter it begins with."""
    numbers = {dim: sizes[str(dim)[0]] for dim in system.dimensions if str(dim)[0] in sizes}
    shapes = {name: [int(dim.subs(numbers)) for dim in system.shapes[name]] for name in system.parameters}
    return {name: rng.uniform(-1, 1, shape).astype(dtype) for name, shape in shapes.items()}


@pytest.fixture(name="drawn")
def drawn_fixture():
    return drawn


@pytest.fixture(name="rng")
def rng_fixture():
    return np.random.default_rng(7)
