"""Gradient policies: values stay, and the gradient is the one that the policy says, by oracles that know no policy.

Truncation is compared with windows (autograd through k steps from a constant state, loss by loss), with the polynomial
whose coefficients are the gradients along paths of each length, and with ``detach`` in PyTorch.
"""

import random

import numpy
import pytest
from autograd import grad
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import derive
import numeric
from derive.arithmetic import Dual, Duals
from derive.expr import Step, apply, plus, power, ref, times
from derive.networks import bidirectional, build, head, loss, stack
from derive.operands import name_operands
from derive.policies import Edge, chunked, edge_of, outside_stops, recurrent_edges, same_chunk, stop_gradient
from derive.primefield import Residues
from derive.system import Equation, System, Var
from derive.truncation import truncate, truncated_adjoint
from derive.unroll import unroll
from numeric.draws import Case, Regime, draw
from numeric.gradients import gradient
from tests.systems import systems

RNN = derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)", name="rnn")
LAG = derive.parse("h[t] = tanh(W @ h[t-1] + V @ h[t-3] + U @ x[t])", name="lags")
AHEAD = derive.parse("q[t] = tanh(W @ q[t+1] + U @ x[t])", name="ahead")
CELLS = {"lags": LAG, **{name: derive.load(name) for name in ("rnn", "gru", "lstm", "jordan", "lstm-peephole")}}
NETWORKS = {
    "ahead": AHEAD,
    "deep bidirectional": stack(bidirectional(RNN), 2),
    "encoder-decoder": build("encoder-decoder-free"),
    "attention": build("attention-bahdanau"),
    "many-to-one": loss(head(derive.load("gru"), "sigmoid", at="last", width="1"), "binary"),
    "per step": loss(head(derive.load("lstm"), "softmax")),
}
STEPS = 5


def a_case(system: System, steps: int = STEPS, *, final: bool = False) -> Case:
    return draw(system, numpy.random.default_rng(3), Regime(steps, final=final))


def same(found, expected) -> None:
    """Within rounding; a leaf that is absent has gradient zero."""
    for leaf in {*found, *expected}:
        there = next(point[leaf] for point in (found, expected) if leaf in point)
        left, right = (numpy.asarray(point.get(leaf, numpy.zeros_like(there))) for point in (found, expected))
        numpy.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12, err_msg=str(leaf))


def of_policy(primal: System, policy: System, case: Case):
    """The gradient of a system with a policy, by the names of the primal."""
    return gradient(primal, policy.adjoint(outputs=primal.outputs), case)


def only(kind: str, found):
    """The leaves of one kind."""
    return {leaf: array for leaf, array in found.items() if leaf[0] == kind}


def differ(a, b) -> bool:
    return any(not numpy.allclose(a[leaf], b.get(leaf, 0 * a[leaf]), rtol=1e-6) for leaf in a)


# --- truncation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("system", [*CELLS.values(), *NETWORKS.values()], ids=[*CELLS, *NETWORKS])
def test_values_names_and_outputs_stay(system, k):
    policy, case = truncate(system, k), a_case(system)
    assert policy.outputs == system.outputs
    assert dict(policy.boundaries) == dict(system.boundaries)
    assert derive.parse(str(policy)) == policy
    before, after = (
        numeric.evaluate(s, case.parameters, case.inputs, case.initial, case.steps) for s in (system, policy)
    )
    for name in policy.defined:
        origin = policy.variables[name].origin
        of = origin.of if origin is not None and origin.kind == "truncated" else name
        numpy.testing.assert_array_equal(after[name], before[of])


def window(system: System, case: Case, k: int):
    """Truncated backpropagation by its definition: every loss from a constant state k steps before."""
    total = {("parameter", name): numpy.zeros_like(case.parameters[name]) for name in system.parameters}
    values = numeric.evaluate(system, case.parameters, case.inputs, case.initial, case.steps)
    (axis,) = system.axes
    for t in range(1, case.steps[axis] + 1):
        first = max(1, t - k + 1)
        inputs = {name: array[first - 1 : t] for name, array in case.inputs.items()}
        initial = {}
        for name, places in system.boundaries.items():
            past = [values.at(name, first - 1 + place.offset) for place in places]
            initial[name] = past[0] if len(past) == 1 else numpy.stack(past)

        def last(parameters, inputs=inputs, initial=initial, t=t, first=first):
            run = numeric.evaluate(system, parameters, inputs, initial, {axis: t - first + 1})
            return sum((run[name][-1] * case.cotangents[name][t - 1]).sum() for name in system.outputs)

        for name, part in grad(last)(case.parameters).items():
            total["parameter", name] = total["parameter", name] + part
    return total


@pytest.mark.parametrize("k", [1, 2, 3, STEPS])
@pytest.mark.parametrize("system", CELLS.values(), ids=CELLS)
def test_truncation_is_a_window_for_every_loss(system, k):
    case = a_case(system)
    found = {
        leaf: array for leaf, array in of_policy(system, truncate(system, k), case).items() if leaf[0] == "parameter"
    }
    same(found, window(system, case, k))


def marked(system: System) -> System:
    """Every recurrent step times ε in the gradient, and only there."""
    lags = recurrent_edges(system)
    epsilon = apply("stop", ref("epsilon"))

    def expr(equation: Equation):
        def mark(read):
            lag = lags.get(edge_of(equation, read))
            if lag is None or not isinstance(read.index, Step):
                return read
            share = power(epsilon, lag)
            return plus(times(share, read), times(1 - share, apply("stop", read)))

        return outside_stops(equation.expr, mark)

    variables = {**system.variables, "epsilon": Var("epsilon", (), None, "constant")}
    return System(tuple(Equation(e.out, expr(e)) for e in system.equations), variables, system.name)


def by_length(system: System, case: Case):
    """The gradient along paths of every number of recurrent steps: coefficients of a polynomial in ε."""
    points = numpy.cos(numpy.pi * (numpy.arange(40) + 0.5) / 40)
    adjoint = marked(system).adjoint(outputs=system.outputs)
    values = []
    for point in points:
        here = Case(**{**case.__dict__, "parameters": {**case.parameters, "epsilon": numpy.array(point)}})
        values.append(gradient(system, adjoint, here))
    coefficients = {}
    for leaf in values[0]:
        stacked = numpy.stack([value[leaf] for value in values])
        series = numpy.polynomial.chebyshev.chebfit(points, stacked.reshape(len(points), -1), 22)
        powers = [numpy.polynomial.chebyshev.cheb2poly(column) for column in series.T]
        powers = [numpy.pad(column, (0, 23 - len(column))) for column in powers]
        coefficients[leaf] = numpy.array(powers).T.reshape(23, *stacked.shape[1:])
    return coefficients


@pytest.mark.parametrize("system", [LAG, *NETWORKS.values()], ids=["lags", *NETWORKS])
def test_truncation_keeps_the_paths_with_fewer_recurrent_steps(system):
    """Chebyshev series to monomials lose digits at high degree, so paths are short and the tolerance is wide."""
    case = a_case(system, 3)
    coefficients = by_length(system, case)
    for k in (1, 2, 3):
        expected = {leaf: array[:k].sum(axis=0) for leaf, array in coefficients.items()}
        for policy in (truncate(system, k).adjoint(outputs=system.outputs), truncated_adjoint(system, k)):
            found = gradient(system, policy, case)
            for leaf, array in expected.items():
                numpy.testing.assert_allclose(
                    found.get(leaf, 0.0) + 0 * array, array, atol=1e-6, err_msg=f"{leaf}, k = {k}"
                )


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("system", [*CELLS.values(), *NETWORKS.values()], ids=[*CELLS, *NETWORKS])
def test_merged_copies_give_the_same_gradient(system, k):
    case = a_case(system)
    same(gradient(system, truncated_adjoint(system, k), case), of_policy(system, truncate(system, k), case))


@settings(max_examples=12)
@given(systems(), st.integers(1, 4))
def test_random_systems(system, k):
    """Copies and merged copies agree; where no path is longer, the gradient is the full one; values stay."""
    assume(recurrent_edges(system))
    case = a_case(system, 2)
    same(gradient(system, truncated_adjoint(system, k), case), of_policy(system, truncate(system, k), case))
    longest = 1 + 4 * sum(component.direction != 0 for component in system.components)  # T + 2 each
    same(gradient(system, truncated_adjoint(system, longest), case), gradient(system, system.adjoint(), case))


def test_the_values_are_computed_once():
    policy = truncated_adjoint(RNN, 3)
    assert set(policy.equations) > set(name_operands(RNN).equations)
    assert str(policy.equation("dh_back1")) == "dh_back1[t] = g_h_back1[t+1]"
    assert str(policy.equation("g_h_back0")) == "g_h_back0[t] = W.T @ dz_h_back1[t]"
    assert not any("stop" in str(equation) for equation in policy.equations)


def residues(system: System, steps: int, source: random.Random):
    """Every value of a system at a random point modulo 2^61 - 1; the same leaves and functions for every system."""
    known: dict[tuple, int] = {}
    field = Residues(source)

    def run(system: System):
        sizes = {name: 2 for name in map(str, system.dimensions) if name.lower() not in system.axes}
        lines = unroll(system, steps, sizes, opaque=True)
        values = {}
        for symbol, key in lines.leaves.items():
            values[symbol] = Dual(known.setdefault(key, field.random()), {})
        Duals(field).run(lines.lines, values)
        return {key: values[symbol].value for key, symbol in lines.symbols.items()}

    return run


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "deep bidirectional", "many-to-one"])
def test_a_window_as_long_as_the_sequence_is_the_full_gradient_exactly(name):
    """Modulo 2^61 - 1, not within rounding.  What reaches h[0] crosses one step more."""
    system = {**CELLS, **NETWORKS}[name]
    run = residues(system, 3, random.Random(1))
    full = run(system.adjoint())
    longest = 4 if name != "deep bidirectional" else 6
    cut, whole = (run(truncated_adjoint(system, k)) for k in (1, longest))
    wanted = {f"d{leaf}" for leaf in (*system.parameters, *system.boundaries)}
    gradients = [key for key in full if key[0] in wanted and key[1] in (None, 0)]
    assert len(gradients) >= 10
    assert all(whole[key] == full[key] for key in gradients)
    assert any(cut.get(key, 0) != full[key] for key in gradients)


def test_the_kernel_of_a_truncated_system_computes_its_gradient():
    system = derive.load("lstm")
    case = a_case(system)
    kernel = numeric.compile(truncate(system, 3))
    run = kernel.forward(case.parameters, case.inputs, case.initial)
    found = kernel.backward(run, case.cotangents)
    truth = gradient(system, truncated_adjoint(system, 3), case)
    same(
        {("parameter", n): a for n, a in found.parameters.items()},
        {k: v for k, v in truth.items() if k[0] == "parameter"},
    )
    same({("initial", n): a for n, a in found.initial.items()}, only("initial", truth))


def test_a_truncated_system_passes_the_exact_proof():
    assert derive.prove(truncate(RNN, 2), steps=4).holds


def test_truncation_composes_with_other_policies():
    lstm = derive.load("lstm")
    cut = stop_gradient(lstm, ["f"])
    case = a_case(cut)
    same(gradient(cut, truncated_adjoint(cut, 2), case), of_policy(cut, truncate(cut, 2), case))
    assert differ(
        of_policy(derive.load("lstm"), truncate(derive.load("lstm"), 2), case), of_policy(cut, truncate(cut, 2), case)
    )


# --- chunks ---------------------------------------------------------------------------------------------------------


def in_chunks(system: System, case: Case, k: int):
    """The usual training loop: the state is handed on, its cotangent is not."""
    kernel, carried, total = numeric.compile(system), dict(case.initial), {}
    length = next(iter(case.inputs.values())).shape[0]
    for begin in range(0, length, k):
        part = slice(begin, begin + k)
        run = kernel.forward(case.parameters, {n: a[part] for n, a in case.inputs.items()}, carried)
        found = kernel.backward(run, {n: a[part] for n, a in case.cotangents.items()})
        for name, array in found.parameters.items():
            total["parameter", name] = total.get(("parameter", name), 0) + array
        if begin == 0:
            total.update({("initial", name): array for name, array in found.initial.items()})
        carried = run.final
    return total


@pytest.mark.parametrize("k", [1, 2, 3, STEPS])
@pytest.mark.parametrize("name", ["lags", "rnn", "gru", "lstm"])
def test_chunks_are_the_kernel_run_without_final_cotangents(name, k):
    system = CELLS[name]
    case = a_case(system)
    given = {n: numpy.array(v, float)[:, None].repeat(_batch(case), 1) for n, v in same_chunk(system, k, STEPS).items()}
    case = Case(**{**case.__dict__, "inputs": {**case.inputs, **given}})
    found = of_policy(system, chunked(system), case)
    expected = in_chunks(system, Case(**{**case.__dict__, "inputs": {n: case.inputs[n] for n in system.inputs}}), k)
    if name == "lags":  # the first chunk may be shorter than the lag: then later ones read given values too
        found, expected = only("parameter", found), only("parameter", expected)
    same({k: v for k, v in found.items() if k[0] != "input"}, expected)
    if 1 < k < STEPS:
        assert differ(expected, of_policy(system, truncate(system, k), case)), (
            "chunks are another gradient than windows"
        )


def _batch(case: Case) -> int:
    return next(iter(case.inputs.values())).shape[1]


def test_chunks_of_what_runs_backward_begin_at_the_same_places():
    assert same_chunk(RNN, 2, 5) == {"same": [1, 1, 0, 1, 0]}
    assert same_chunk(AHEAD, 2, 5) == {"same": [1, 0, 1, 0, 1]}
    assert same_chunk(LAG, 2, 5) == {"same": [1, 1, 0, 1, 0], "same_2": [1, 1, 1, 0, 0]}
    assert chunked(derive.parse("same[t] = tanh(W @ same[t-1])")).inputs == ("same_2",)


# --- PyTorch --------------------------------------------------------------------------------------------------------


@pytest.mark.needs("torch")
@pytest.mark.parametrize("k", [1, 2, 4])
def test_detach_in_torch(k):
    import torch

    case = a_case(RNN)
    start = {name: torch.tensor(array) for name, array in {**case.parameters, **case.inputs, **case.initial}.items()}
    up = torch.tensor(case.cotangents["h"])
    weights = [start[name].requires_grad_() for name in "WUb"]

    def cell(h, t):
        return torch.tanh(h @ start["W"].T + start["x"][t] @ start["U"].T + start["b"])

    def states(detached):
        h, found = start["h"], []
        for t in range(STEPS):
            h = cell(h.detach() if t in detached else h, t)
            found.append(h)
        return found

    windows = sum((states({t - k + 1})[t] * up[t]).sum() for t in range(STEPS))
    chunks = sum((h * up[t]).sum() for t, h in enumerate(states(set(range(k, STEPS, k)))))
    given = {n: numpy.array(v, float)[:, None].repeat(_batch(case), 1) for n, v in same_chunk(RNN, k, STEPS).items()}
    filled = Case(**{**case.__dict__, "inputs": {**case.inputs, **given}})
    for total, policy in ((windows, truncate(RNN, k)), (chunks, chunked(RNN))):
        truth = torch.autograd.grad(total, weights, retain_graph=True)
        found = of_policy(RNN, policy, filled)
        same(
            {k: found[k] for k in found if k[0] == "parameter"},
            {("parameter", n): g.numpy() for n, g in zip("WUb", truth, strict=True)},
        )


# --- stopped reads --------------------------------------------------------------------------------------------------


def test_a_stopped_quantity_passes_nothing_on():
    system = derive.load("lstm")
    cut, case = stop_gradient(system, ["f"]), a_case(system)
    found = of_policy(system, cut, case)
    assert not found["parameter", "W_f"].any()
    assert str(cut.equation("c")) == "c[t] = stop(f[t]) * c[t-1] + i[t] * g[t]"
    assert differ(gradient(system, system.adjoint(), case), found)


def test_all_recurrent_edges_stopped_are_one_step_of_truncation():
    for name in ("gru", "lstm"):
        system = derive.load(name)
        assert stop_gradient(system, edges=recurrent_edges(system)) == truncate(system, 1)


def test_one_edge_of_several():
    cut = stop_gradient(RNN, edges=[Edge("h", "h", -1)])
    assert str(cut.equation("h")) == "h[t] = tanh(W @ stop(h[t-1]) + U @ x[t] + b)"
    again = stop_gradient(cut, ["h", "W"])
    assert str(again.equation("h")) == "h[t] = tanh(stop(W) @ stop(h[t-1]) + U @ x[t] + b)"


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda: truncate(RNN, 0), "truncation is to 1 step or more, not to 0"),
        (lambda: truncate(RNN, 1.5), "not to 1.5"),
        (lambda: truncate(derive.parse("y[t] = W @ x[t]"), 2), "has no recurrence to truncate"),
        (lambda: chunked(derive.parse("y[t] = W @ x[t]")), "has no recurrence to cut"),
        (lambda: same_chunk(RNN, 0, 3), "a chunk has 1 step or more, not 0"),
        (lambda: stop_gradient(RNN, ["k"]), "k is no quantity of rnn; there are"),
        (
            lambda: stop_gradient(RNN, edges=[Edge("h", "h", -2)]),
            "rnn has no read of h in .* of h at shift -2",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(act, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        act()
    assert "\n" not in str(caught.value)
