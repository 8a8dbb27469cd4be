"""Laws that hold for every system, as functions that raise where they do not.

They are applied to the library, to textbook examples and to random systems (`tests.systems`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy
from hypothesis import strategies as st

import derive
from derive import System
from derive.architectures import FAMILIES
from derive.evidence import Evidence
from derive.reach import final_positions
from numeric.arithmetic import NUMPY
from numeric.comparison import Tally
from numeric.draws import Case, Regime, draw
from numeric.gradients import Point, at_positions, gradient, leaves
from numeric.oracles import Subject
from numeric.reference import evaluate
from numeric.rounding import BOUNDED, Bounded

PROMISED = 1e-12  # relative difference to autograd
# Every entry of the library passes `verify`: all oracles, the kernel, the proof. Laws that cost seconds each run for
# the first families, of which all else is made, and for one entry of every other structure, named here.
FIRST = tuple(
    entry.name
    for family in ("Simple recurrent networks", "Gated recurrent units", "Long short-term memory")
    for entry in FAMILIES[family]
)
STRUCTURES = {
    "lstm-fgr": "gates that are states",
    "lstm-projected": "a state of another size than the cell",
    "lstm-layer-norm": "sums over rows, divisions and roots",
    "conv-lstm-keras": "states that are matrices",
    "mgu3": "a gate without time",
    "mut1": "an input of the size of the state",
    "qrnn-ifo": "an input that is read at the step before",
    "li-gru": "constants, and a kink",
    "rhn-2": "layers within a step",
    "clockwork": "three states, and inputs without gradient",
    "scrn": "a softmax",
    "lmu": "a constant matrix, and inner products",
    "antisymmetric": "a weight that is read twice, once transposed",
    "cornn-implicit": "a division by constants",
    "lem": "a state that is read at its own step",
    "s4d": "pairs of real matrices for complex numbers",
    "mlstm": "a maximum, an absolute value, a scalar state and a matrix",
    "rwkv-4": "quotients of exponentials, and outputs that are states",
    "gated-deltanet": "a transition that is a matrix of its own at every step",
    "ttt-linear": "a gradient inside the step",
}


@cache
def subject_of(name: str) -> Subject:
    """An architecture of the library and what is derived from it, once."""
    return Subject.of(derive.load(name))


@st.composite
def cases(draw_: Any, system: System, longest: int = 4) -> Case:
    """Random sizes (1 included), batch, length, initial values given or not, cotangents of outputs and last values."""
    outputs = draw_(st.booleans())
    regime = Regime(
        steps=draw_(st.integers(1, longest)),
        initial=draw_(st.booleans()),
        outputs=outputs,
        final=not outputs or draw_(st.booleans()),
        single=draw_(st.sampled_from((False, False, False, True))),
        distinct=draw_(st.booleans()),
    )
    return draw(system, numpy.random.default_rng(draw_(st.integers(0, 2**32 - 1))), regime)


def holds(evidence: Evidence) -> Evidence:
    """The evidence, if it holds."""
    assert evidence.holds, str(evidence)
    return evidence


def agrees_with_autograd(evidence: Evidence) -> None:
    """Within rounding, and within what is promised to users."""
    holds(evidence)
    assert evidence.worst is not None
    assert evidence.worst <= PROMISED, str(evidence)


def prints_and_parses_back(system: System) -> None:
    """parse(print(x)) = x."""
    again = derive.parse(str(system))
    assert again == system
    assert str(again) == str(system)


def order_does_not_matter(system: System, case: Case, order: Sequence[int]) -> None:
    """The equations in another order are the same system, with the same values to the last bit."""
    lines = str(system).splitlines()
    shuffled = derive.parse("\n".join(lines[i] for i in order))
    assert set(shuffled.equations) == set(system.equations)
    assert dict(shuffled.variables) == dict(system.variables)
    assert shuffled.boundaries.keys() == system.boundaries.keys()
    before, after = (
        evaluate(s, case.parameters, case.inputs, case.initial, case.steps, xp=NUMPY) for s in (system, shuffled)
    )
    for name in system.defined:
        numpy.testing.assert_array_equal(before[name], after[name])


# --- chunks -----------------------------------------------------------------------------------------------------


def can_be_chunked(system: System) -> bool:
    """One axis, one direction of time, and nothing that sees more than one step but through boundary values."""
    sides = {position.from_end for positions in system.boundaries.values() for position in positions}
    return len(system.axes) == 1 and len(sides) == 1 and not any(e.is_boundary for e in system.equations)


def chunks_equal_the_whole(system: System, case: Case, cuts: Sequence[int], rng: numpy.random.Generator) -> None:
    """A sequence run in chunks, carrying every boundary value, equals the whole run: forward and backward.

    Args:
        system: one that `can_be_chunked`.
        case: a case along the axis t; its final cotangents are drawn anew, for every boundary value.
        cuts: the steps after which the sequence is cut.
        rng: for the cotangents.
    """
    wrt = tuple(dict.fromkeys(name for _, name in leaves(system)))
    carried = tuple(name for name in system.boundaries if system.variables[name].classes is None)
    adjoint = system.adjoint(wrt=wrt, final=carried)
    whole = evaluate(system, case.parameters, case.inputs, case.initial, case.steps, xp=NUMPY)
    final = {name: rng.standard_normal(_last(system, whole, name).shape) for name in carried}
    case = replace(case, final=final)
    pieces, values = _forward_in_chunks(system, case, cuts)
    for name in system.defined:
        if system.variables[name].axis is not None:
            joined = numpy.concatenate([part[name] for part in values])
            numpy.testing.assert_array_equal(joined, whole[name], err_msg=name)
    expected = gradient(system, adjoint, case, BOUNDED)
    tally = Tally(cases=1)
    found = _backward_in_chunks(system, adjoint, pieces, final)
    assert found.keys() >= expected.keys()
    for leaf, array in found.items():
        tally.arrays(array, expected.get(leaf, Bounded(numpy.zeros_like(array))), str(leaf))
    holds(tally.evidence("chunks equal the whole", "evaluator"))


def _last(system: System, values: Any, name: str) -> Any:
    return at_positions(values, name, tuple(final_positions(system, name)))


def _runs_backward(system: System) -> bool:
    return any(position.from_end for positions in system.boundaries.values() for position in positions)


def _forward_in_chunks(system: System, case: Case, cuts: Sequence[int]) -> tuple[list[Case], list[Any]]:
    """The cases of the chunks and their values, in the order of time."""
    (axis,) = system.axes
    edges = [0, *cuts, case.steps[axis]]
    spans = list(pairwise(edges))
    pieces, values, initial = [], [], case.initial
    for low, high in reversed(spans) if _runs_backward(system) else spans:

        def cut(arrays: dict[str, Any], low: int = low, high: int = high) -> dict[str, Any]:
            timed = {name for name in arrays if system.variables[name].axis is not None}
            return {name: array[low:high] if name in timed else array for name, array in arrays.items()}

        cotangents = cut(case.cotangents)
        for name, array in cotangents.items():  # what has no time is an output of one chunk only
            if system.variables[name].axis is None and pieces:
                cotangents[name] = numpy.zeros_like(array)
        piece = replace(
            case, inputs=cut(case.inputs), initial=initial, steps={axis: high - low}, cotangents=cotangents, final={}
        )
        run = evaluate(system, piece.parameters, piece.inputs, piece.initial, piece.steps, xp=NUMPY)
        initial = {name: _last(system, run, name) for name in system.boundaries}
        pieces.append(piece)
        values.append(run)
    return pieces, values[::-1] if _runs_backward(system) else values


def _backward_in_chunks(system: System, adjoint: System, pieces: Iterable[Case], final: Any) -> Point:
    """Gradients of all leaves, the chunks in reverse order of computation, final cotangents carried back."""
    total: Point = {}
    for piece in reversed(list(pieces)):
        found = gradient(system, adjoint, replace(piece, final=final))
        final = {name: found.get(("initial", name), numpy.zeros_like(array)) for name, array in final.items()}
        for leaf, array in found.items():
            kind, name = leaf
            if kind == "initial" or leaf not in total:
                total[leaf] = array
            elif system.variables[name].axis is None:
                total[leaf] = total[leaf] + array
            else:
                parts = [total[leaf], array] if _runs_backward(system) else [array, total[leaf]]
                total[leaf] = numpy.concatenate(parts)
    return total
