"""The check on a part of the corpus: ``python -m tests.corpus.figures --half both`` prints the figures of all of it."""

import pytest

from numeric.check.arrays import check_arrays
from tests.corpus import load
from tests.corpus.figures import graded

IMPLEMENTATIONS = [load.read(path) for path in load.paths()]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS, ids=lambda i: i.name)
def test_correct_code_is_not_flagged(implementation):
    verdict = check_arrays(load.dump(implementation), cell=implementation.cell)
    assert verdict.verdict == "correct", verdict


@pytest.mark.parametrize("implementation", [i for i in IMPLEMENTATIONS if not i.held_out], ids=lambda i: i.name)
def test_a_mistake_is_found_and_explained(implementation):
    """One of each file; the first, for which other tests stand too, are the commonest."""
    mistake = [m for m in implementation.mistakes if not m.stacked and m.verdict == "wrong"][-1]
    verdict = check_arrays(load.dump(implementation, mistake), cell=implementation.cell, budget=20)
    assert graded((implementation, mistake), verdict).startswith("right"), verdict
