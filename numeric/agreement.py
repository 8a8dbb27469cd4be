"""The kernel oracle: what was generated computes what the system means.

The kernel shares with the evaluator neither code nor layout: other shapes, packed products, hoisted sums, printed
NumPy instead of scalar meanings.  Outputs, final values and all gradients must agree within rounding.

Read next: `numeric.verify`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy

from derive.evidence import Evidence
from derive.reach import final_positions
from numeric.comparison import Tally
from numeric.draws import Case
from numeric.gradients import at_positions, gradient, point, primal_values
from numeric.kernel import compile
from numeric.oracles import Subject
from numeric.rounding import BOUNDED, Bounded


def with_kernel(subject: Subject, cases: Iterable[Case]) -> Evidence:
    """Outputs, final values and gradients of the kernel against the evaluator."""
    primal, tally = subject.primal, Tally()
    for case in cases:
        kernel = compile(primal, outputs=tuple(case.cotangents))
        run = kernel.forward(case.parameters, case.inputs, case.initial, case.steps)
        values = primal_values(primal, case, point(primal, case), BOUNDED)
        tally.cases += 1
        for name, output in run.outputs.items():
            tally.arrays(output, values[name], f"output {name}, {case.label}")
        for name, last in run.final.items():
            expected = at_positions(values, name, tuple(final_positions(primal, name)))
            if primal.variables[name].classes is not None:
                expected = Bounded(numpy.asarray(expected, float))  # indices have no rounding error
            tally.arrays(last, expected, f"final {name}, {case.label}")
        found = kernel.backward(run, case.cotangents, case.final)
        by_kind = {"parameter": found.parameters, "input": found.inputs, "initial": found.initial}
        claimed = gradient(primal, subject.adjoint, case, BOUNDED)
        for kind, arrays in by_kind.items():
            for name, array in arrays.items():
                bound = claimed.get((kind, name), Bounded(numpy.zeros_like(array)))
                tally.arrays(array, bound, f"gradient of {name}, {case.label}")
    return tally.evidence("the generated kernel computes the system and its gradient", "the slow obvious evaluator")
