"""Worked examples: gradients against differences, what a reader gets who follows, and the figures of lecture notes."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.chain import scalar_losses
from derive.expr import refs
from derive.networks import NAMED, build
from derive.simplify import for_reading
from numeric.pocket import loss_value, places, printed, value_of, worked
from numeric.pocket_notes import NOTES, note_for, notes_for
from numeric.pocket_numbers import given_for

SYSTEMS = (
    *("rnn", "lstm", "gru", "lstm-peephole", "indrnn", "lstm-layer-norm", "conv-lstm", "mlstm", "s4d", "deltanet"),
    *("many-to-many", "many-to-one", "rnn-bidirectional", "tagger", "one-to-one", "skip-gram", "self-attention"),
    "attention-bahdanau",
)
FOLLOWED = (
    "rnn",
    "lstm",
    "gru",
    "lstm-layer-norm",
    "mlstm",
    "s4d",
    "many-to-many",
    "rnn-bidirectional",
    "self-attention",
)
OWN = {
    "lag 2": "h[t] = tanh(A @ h[t-1] + B @ h[t-2] + U @ x[t])",
    "scalars": "a : scalar\nh[t] : scalar\nx[t] : scalar\nh[t] = tanh(a * h[t-1] + x[t])",
    "without time": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny = V @ h[T]",
    "embedding": "j[t] : index V\nh[t] = tanh(W @ h[t-1] + take(E, j[t]))",
    "matrix state": "S[t] : K, V\nk[t] : K\nv[t] : V\nS[t] = 0.9 * S[t-1] + k[t] @ v[t].T\ny[t] = S[t].T @ k[t]",
    "learned start": "h[t] = tanh(W @ h[t-1] + U @ x[t])\nh[0] = s",
}


def system_of(name):
    if name in OWN:
        return derive.parse(OWN[name])
    return build(name) if name in NAMED else derive.load(name)


def work_of(name):
    system = system_of(name)
    reading = for_reading(system.adjoint(scalar_losses(system) or None))
    return system, worked(system, reading, given_for(system))


def difference(system, given, name, place, h=1e-5):
    """∂L/∂θ by central differences; the loss is computed forward alone."""
    ends = []
    for sign in (1, -1):
        moved = {**given.parameters, name: given.parameters[name].copy()}
        moved[name][place] += sign * h
        ends.append(loss_value(system, given, moved))
    return (ends[0] - ends[1]) / (2 * h)


@pytest.mark.parametrize("name", [*SYSTEMS, *OWN])
def test_gradients_and_update(name):
    system, work = work_of(name)
    update = work.update
    assert set(update.gradients) == set(system.parameters)
    for parameter, gradient in update.gradients.items():
        slopes = [difference(system, work.given, parameter, place) for place in np.ndindex(gradient.shape)]
        assert np.allclose(gradient.ravel(), slopes, rtol=1e-6, atol=1e-8), parameter
        if update.rate:
            moved = work.given.parameters[parameter] - update.rate * gradient
            assert np.array_equal(update.parameters[parameter], moved)
    if system.parameters:
        assert update.rate == 0.1
        assert update.after < update.before == loss_value(system, work.given, work.given.parameters)


@pytest.mark.parametrize("name", FOLLOWED)
def test_who_follows_with_printed_numbers_is_off_by_what_rounding_allows(name):
    """To first order by Σ |∂/∂v| · |rounding of v|; a second is allowed for the curvature."""
    _, work = work_of(name)
    for line in work.lines:
        reads = dict.fromkeys(refs(line.expr))
        exact = {read: np.array(work.read(read), float) for read in reads}
        bound = np.full(line.value.shape, 1e-6 * max(1.0, float(np.abs(line.value).max())))
        for read in reads:
            for place in np.ndindex(exact[read].shape):
                kept = exact[read][place]
                ends = []
                for h in (1e-6, -1e-6):
                    exact[read][place] = kept + h
                    ends.append(value_of(line.expr, exact.__getitem__, work.sizes).copy())
                exact[read][place] = kept
                bound = bound + np.abs(ends[0] - ends[1]) / 2e-6 * abs(float(printed(kept)) - kept) * 1.05
        assert (np.abs(line.value - line.followed) <= bound).all(), line.equation


def test_every_quantity_is_computed_at_every_step():
    system, work = work_of("lstm")
    for name in system.defined:
        assert sorted(line.at["t"] for line in work.lines if line.equation.name == name)[-2:] in ([1, 2], [2, 3])


def test_the_same_system_has_the_same_example():
    first, second = (given_for(derive.load("gru")) for _ in range(2))
    assert all(np.array_equal(first.parameters[name], second.parameters[name]) for name in first.parameters)
    assert all((10 * np.abs(value) % 1 < 1e-9).all() for value in first.parameters.values())
    assert given_for(derive.load("gru"), {"H": 2}).parameters["b_z"].shape == (2,)


@pytest.mark.parametrize(
    ("value", "wanted", "digits"),
    [(0.123456, 0.1235, 4), (-12.34567, -12.3457, 4), (0.00012345, 0.000123, 6), (3e-17, 0, 4), (0.0, 0, 4)],
)
def test_rounding(value, wanted, digits):
    assert printed(value) == wanted
    assert places(float(printed(value))) == digits


# --- lecture notes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.name)
def test_figures_of_lecture_notes(note):
    system = derive.load(note.system)
    work = worked(system, for_reading(system.adjoint()), note.given(system))

    def found(name, step):
        return np.round(next(work.read(read) for read in work.reads(name)[step - 1 :]).ravel(), 4).tolist()

    for name, step, figures in note.figures:
        assert (found(name, step) == list(figures)) == note.right
    for name, step, figures in note.instead:
        assert found(name, step) == list(figures)
    assert note.right or note.instead


def test_notes_of_a_system():
    lstm = derive.load("lstm")
    assert [note.name for note in notes_for(lstm)] == ["halve", "keep", "remove"]
    assert note_for(lstm, "notes") is notes_for(lstm)[0]
    assert notes_for(derive.parse("h[t] = tanh(h[t-1] + x[t])", name="lstm")) == ()
    weights = note_for(lstm, "halve").given(lstm).parameters["W_f"]
    assert weights.shape == (3, 7)
    with pytest.raises(ValueError, match="no example of lecture notes is called 'x'; there are halve, keep, remove"):
        note_for(lstm, "x")
