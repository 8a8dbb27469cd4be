"""Right code in conventions drawn at random is right, whatever they are; with one gradient spoiled it is wrong."""

import numpy as np
import pytest

from numeric.check.arrays import check_arrays
from tests.numeric.check.drawn import Convention, dump

SEEDS = [*range(12), 39, 65, 107]


@pytest.mark.parametrize("seed", SEEDS)
def test_right_code_is_understood(seed: int) -> None:
    how = Convention.drawn(seed)
    arrays = dump(how, seed)
    cell = how.cell if how.named else None
    verdict = check_arrays(arrays, cell=cell)
    assert verdict.verdict == "correct", (how, verdict)
    spoiled = sorted(key for key in arrays if key.startswith("grad/"))[seed % 3]
    noise = np.random.default_rng(1000 + seed).standard_normal(arrays[spoiled].shape)
    assert check_arrays({**arrays, spoiled: arrays[spoiled] + noise}, cell=cell, budget=2).verdict == "wrong", how


def test_conventions_differ() -> None:
    drawn = [Convention.drawn(seed) for seed in range(60)]
    for name in ("cell", "joined", "bias", "axes", "head", "output", "stacked", "classes_in", "squeezed"):
        assert len({getattr(how, name) for how in drawn}) > 1, name
