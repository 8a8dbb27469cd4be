"""A sequence run in chunks, carrying every boundary value, equals the whole run: forward and backward."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import derive
from numeric.draws import Case, Regime, draw
from tests import laws
from tests.systems import systems

TEXTS = {
    "lag 2": "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t] + b)",
    "lag 3 alone": "h[t] = tanh(V @ h[t-3] + U @ x[t])",
    "backward": "q[t] = tanh(W @ q[t+1] + V @ q[t+2] + U @ x[t])",
    "inputs of earlier steps": "x[t] : D\nh[t] = tanh(W @ h[t-1] + U @ x[t-2] + A @ x[t] + b)\ny[t] = Q @ h[t-2]",
    "words of earlier steps": "k[t] : index V\nE : D, V\nh[t] = tanh(W @ h[t-1] + U @ take(E, k[t-2]))",
    "a matrix state": "S[t] : K, D\nx[t] : D\nv[t] : K\nS[t] = 0.5 * S[t-1] + v[t] @ x[t].T\ny[t] = S[t] @ x[t]",
    "two layers": "h[t] = tanh(W @ h[t-1] + U @ x[t])\nk[t] = tanh(A @ k[t-2] + B @ h[t-1] + C @ h[t])",
}

backward = laws._backward_in_chunks


def a_case(system: derive.System, steps: int) -> tuple[Case, numpy.random.Generator]:
    rng = numpy.random.default_rng(7)
    return draw(system, rng, Regime(steps)), rng


@pytest.mark.parametrize("cuts", [(1,), (2,), (4,), (1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_chunks_equal_the_whole(text: str, cuts: tuple[int, ...]) -> None:
    system = derive.parse(text)
    assert laws.can_be_chunked(system)
    case, rng = a_case(system, 5)
    laws.chunks_equal_the_whole(system, case, cuts, rng)


@pytest.mark.parametrize("name", derive.names())
def test_chunks_of_every_architecture_equal_the_whole(name: str) -> None:
    system = derive.load(name)
    if not system.boundaries:
        pytest.fail(f"{name} carries nothing: it does not belong here")
    case, rng = a_case(system, 5)
    for cuts in ((1,), (3,), (1, 2, 3, 4)):
        laws.chunks_equal_the_whole(system, case, cuts, rng)


@settings(max_examples=40)
@given(systems(chunkable=True), st.data())
def test_chunks_of_random_systems_equal_the_whole(system: derive.System, data: st.DataObject) -> None:
    assume(laws.can_be_chunked(system))
    steps = data.draw(st.integers(2, 5))
    case, rng = a_case(system, steps)
    cuts = sorted(data.draw(st.sets(st.integers(1, steps - 1), min_size=1)))
    laws.chunks_equal_the_whole(system, case, cuts, rng)


def test_a_lost_final_cotangent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law itself is checked: chunks that lose the gradient of one state are not the whole."""
    system = derive.parse(TEXTS["lag 2"])
    lost = derive.parse(TEXTS["lag 2"].replace("h[t-2]", "stop(h[t-2])"))
    faulty = lost.adjoint(wrt=("W", "V", "U", "b", "x", "h"), final=("h",))
    case, rng = a_case(system, 5)
    laws.chunks_equal_the_whole(system, case, (2,), rng)
    monkeypatch.setattr(laws, "_backward_in_chunks", lambda s, a, *rest: backward(s, faulty, *rest))
    with pytest.raises(AssertionError, match="FAILS"):
        laws.chunks_equal_the_whole(system, case, (2,), rng)
