"""The parts of the corpus that the check had not seen are what they say, by the same laws; the check is not run."""

import pytest

from tests.corpus import load
from tests.corpus import test_corpus as laws

PARTS = [load.paths(folder) for folder in (load.FRESH, load.LATER, load.LAST, load.FINAL)]
FILES = [path for part in PARTS for path in part]
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@EACH
def test_the_unedited_code_is_the_derivative_of_its_own_forward_pass(path):
    laws.test_the_unedited_code_is_the_derivative_of_its_own_forward_pass(path)


@EACH
def test_every_mistake_is_one_and_no_two_with_different_labels_have_the_same_numbers(path):
    laws.test_every_mistake_is_one_and_no_two_with_different_labels_have_the_same_numbers(path)


@EACH
def test_the_cell_is_one(path):
    laws.test_the_cell_is_one(path)


def test_the_check_by_differences_sees_a_planted_mistake_of_each_file():
    for path in FILES:
        mistake = next(m for m in laws.implementation(path).mistakes if m.verdict == "wrong")
        assert max(laws.disagreements(laws.double(path, mistake)).values()) > 1e-4, (path.stem, mistake.name)


@pytest.mark.parametrize(
    ("part", "singles", "stacks", "coarse"),
    [(PARTS[0], 5, (3, 5), 1), (PARTS[1], 6, (2, 4), 3), (PARTS[2], 7, (3, 4), 5), (PARTS[3], 8, (3, 4), 4)],
    ids=["fresh", "later", "last", "final"],
)
def test_each_part_is_large_and_apart(part, singles, stacks, coarse):
    ones = [laws.implementation(path) for path in part]
    others = [path for path in (*load.paths(), *FILES) if path not in part]
    assert len(ones) >= 20
    assert all(singles <= sum(not m.stacked for m in one.mistakes) <= 9 for one in ones)
    assert all(stacks[0] <= sum(m.stacked for m in one.mistakes) <= stacks[1] for one in ones)
    assert sum("float32" in one.code + one.footer for one in ones) >= coarse
    assert not {one.name for one in ones} & {path.stem for path in others}
