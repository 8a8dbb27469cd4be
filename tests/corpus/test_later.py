"""The later part of the corpus is what it says, by the same laws as the rest; the check is not run on it here."""

import pytest

from tests.corpus import load
from tests.corpus import test_corpus as laws

FILES = load.paths(load.LATER)
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


def test_the_later_part_is_large_and_apart():
    ones = [laws.implementation(path) for path in FILES]
    assert len(ones) >= 20
    assert all(6 <= sum(not m.stacked for m in one.mistakes) <= 9 for one in ones)
    assert all(2 <= sum(m.stacked for m in one.mistakes) <= 4 for one in ones)
    assert sum("float32" in one.code + one.footer for one in ones) >= 3
    assert not {one.name for one in ones} & {path.stem for path in load.paths() + load.paths(load.FRESH)}
