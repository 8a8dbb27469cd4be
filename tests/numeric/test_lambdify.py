"""SymPy's own compiler on one step, against the kernel: two ways from the same equations to the same numbers."""

from dataclasses import replace

import numpy as np
import pytest

import derive
from derive.library import load, names
from numeric import draws
from numeric.kernel import compile
from numeric.lambdify import lambdify
from tests.numeric.agreement import SYSTEMS

ONE_STEP = [*names(), "lag", "bidirectional", "fast-weights", "constants"]


def reads_of(system, case, step):
    """What one step reads, for a sequence of one step."""
    found = {}
    for text in step.reads:
        name, _, index = text.partition("[")
        if name in case.parameters:
            found[text] = case.parameters[name]
        elif not index or index == "t]":
            found[text] = case.inputs[name][0] if index else case.inputs[name]
        else:
            found[text] = boundary(system, case, name, int(index[:-1].lstrip("t")))
    return found


def boundary(system, case, name, shift):
    positions = [p.offset if p.from_end else p.offset - 1 for p in system.boundaries[name]]
    given = case.initial[name]
    return given[positions.index(shift)] if len(positions) > 1 else given


@pytest.mark.parametrize("name", ONE_STEP)
def test_one_step_agrees_with_the_kernel(name):
    system = load(name) if name in names() else derive.parse(SYSTEMS[name], name=name)
    rng = np.random.default_rng(0)
    case = draws.draw(system, rng, draws.Regime(1))
    sizes = {
        str(dim): size for dim, size in draws.draw_sizes(system, np.random.default_rng(0), draws.Regime(1)).items()
    }
    step = lambdify(system, {str(dim): sizes[str(dim)] for dim in system.dimensions})
    reads = reads_of(system, case, step)
    kernel = compile(system)
    run = kernel.forward(case.parameters, case.inputs, case.initial)
    values = step.forward(reads)
    for output, array in run.outputs.items():
        assert np.allclose(values[output], array[0], rtol=1e-12, atol=1e-14)
    gradients = kernel.backward(run, case.cotangents)
    found = step.backward(reads, {output: array[0] for output, array in case.cotangents.items()})
    for text, array in found.items():
        read, _, index = text.partition("[")
        if read in system.constants:
            continue
        if read in system.parameters:
            wanted = gradients.parameters[read]
        elif not index or index == "t]":
            wanted = gradients.inputs[read][0] if index else gradients.inputs[read]
        else:
            wanted = boundary(system, replace(case, initial=gradients.initial), read, int(index[1:-1]))
        assert np.allclose(array, wanted, rtol=1e-12, atol=1e-14), text


def test_default_sizes_and_source():
    step = lambdify(load("rnn"))
    assert step.reads == ("W_h", "h[t-1]", "x[t]", "b_h")
    assert step.values == ("z_h", "h")
    assert "np.tanh(z_h__0_0)" in step.source
    assert "np.tanh" not in step.source.replace("np.tanh(z_h__0_0)", "").replace("np.tanh(z_h__1_0)", "")


def test_nothing_is_nested():
    """Length of the text grows with the number of entries, not with the depth of the cell."""
    small, large = (len(lambdify(load("lstm"), {"H": size, "D": 1}).source) for size in (2, 4))
    assert large < 5 * small


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SYSTEMS["attention"], "several time axes, t, u"),
        ("y[t] = x[t] * sum[t](x[t])", "runs over time"),
        ("x[t] : D\ny[t] = x[t] * x[1]", r"x\[1\] is read at a fixed position"),
        (SYSTEMS["embedding"], "fixed position|holds indices"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        lambdify(derive.parse(text))


def test_wrong_sizes():
    with pytest.raises(ValueError, match="Q is no dimension of rnn; there are D, H"):
        lambdify(load("rnn"), {"Q": 2})
    step = lambdify(load("rnn"))
    with pytest.raises(ValueError, match=r"W_h: expected \(2, 4\) for one example"):
        step.forward({"W_h": np.ones((2, 3)), "h[t-1]": np.ones((1, 2)), "x[t]": np.ones((1, 2)), "b_h": np.ones(2)})
