"""What lecture notes say about gradients through time: every statement is confirmed, and every check can fail."""

import numpy
import pytest

from derive.primitives import TABLE
from numeric import claims
from numeric.claims import CLAIMS


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.name for claim in CLAIMS])
def test_the_statement_is_confirmed(claim):
    confirmed, found = claim.check()
    assert confirmed, found
    assert found


def test_wrong_claims_are_called_wrong():
    assert [claim.name for claim in CLAIMS if not claim.right] == ["sigmoid slope", "relu", "eigenvalues"]


PLANTED = {
    "sigmoid slope": lambda: claims._slope("sigmoid", claims.Y),
    "tanh slope": lambda: claims._slope("tanh", claims.Y / 2),
    "forget gate 1": lambda: claims._cell(30.0, 1.0),  # 1 − 1e-13: not one
    "forget gate 1/2": lambda: claims._cell(0.01, 0.5),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_statement_is_not_confirmed(name):
    assert not PLANTED[name]()[0]


def test_the_notes_upper_bound_of_one_is_never_reached_by_the_sigmoid():
    x = numpy.linspace(-30, 30, 100_001)
    y = 1 / (1 + numpy.exp(-x))
    assert (y * (1 - y)).max() == 0.25 == float(TABLE["sigmoid"].slope)
    assert (1 - numpy.tanh(x) ** 2).max() == 1.0 == float(TABLE["tanh"].slope)


def test_a_matrix_with_small_eigenvalues_and_a_large_norm():
    found = claims._linear([[0.5, 10.0], [0.0, 0.5]], 5)
    assert found.radii.max() == 0.5
    assert found.norms[1, 0] == pytest.approx(numpy.linalg.norm([[0.5, 10], [0, 0.5]], 2), rel=1e-14)
    assert found.norms[1, 0] > 10 > 1 > found.radii.max()
