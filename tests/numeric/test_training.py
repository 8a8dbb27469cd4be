"""Training parts: steps and clipping against closed forms, each other, and torch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive
from derive.networks import build
from numeric import training
from numeric.draws import Case
from numeric.gradients import point
from numeric.kernel import compile
from numeric.oracles import autograd_gradient

SHAPES = {"W": (3, 4), "b": (3,), "s": ()}
G34 = {"a": np.array([3.0]), "b": np.array(4.0)}  # the joint gradient (3, 4)


def values(seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


def flat(arrays):
    return np.concatenate([np.ravel(value) for value in arrays.values()])


def plain(theta, g, state, rate):
    return training.sgd(theta, g, rate), None


def momentum(convention, nesterov=False):
    return lambda theta, g, v, rate: training.momentum(theta, g, v, rate, 0.9, convention=convention, nesterov=nesterov)


OPTIMISERS = {
    "sgd": plain,
    "pytorch": momentum("pytorch"),
    "pytorch-nesterov": momentum("pytorch", nesterov=True),
    "sutskever": momentum("sutskever"),
    "sutskever-nesterov": momentum("sutskever", nesterov=True),
    "adam": training.adam,
}


def walk(optimiser, rates, dtype="float64"):
    """Where it goes with given gradients."""
    theta, state = values(0, dtype), None
    for place, rate in enumerate(rates, 1):
        theta, state = OPTIMISERS[optimiser](theta, values(place, dtype), state, rate)
    return theta


# --- steps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_keeps_dtype_and_shape_and_changes_nothing_in_place(optimiser, dtype):
    theta, g = values(0, dtype), values(1, dtype)
    before, state = flat(theta).copy(), None
    for _ in range(2):
        new, state = OPTIMISERS[optimiser](theta, g, state, 0.1)
    assert {name: (value.dtype, value.shape) for name, value in new.items()} == {
        name: (np.dtype(dtype), shape) for name, shape in SHAPES.items()
    }
    assert all(isinstance(value, np.ndarray) for value in new.values())
    assert np.array_equal(flat(theta), before)
    assert not np.array_equal(flat(new), before)


def test_conventions_by_hand():
    """Two steps with g = 1, μ = 0.5, η = 0.1, then 0.01: v = 1, 1.5 and v = −0.1, −0.06."""
    one = {"x": np.array([1.0])}
    for convention, end in (("pytorch", 1 - 0.1 - 0.01 * 1.5), ("sutskever", 1 - 0.1 - 0.06)):
        x, v = training.momentum(one, one, None, 0.1, 0.5, convention=convention)
        x, v = training.momentum(x, one, v, 0.01, 0.5, convention=convention)
        assert x["x"] == pytest.approx([end], rel=1e-15)


def test_nesterov_by_hand():
    """One step with g = 1, μ = 0.5, η = 0.1: v = 1, g + μ v = 1.5; v = −0.1, μ v − η g = −0.15."""
    one = {"x": np.array([1.0])}
    for convention in training.CONVENTIONS:
        x, _ = training.momentum(one, one, None, 0.1, 0.5, convention=convention, nesterov=True)
        assert x["x"] == pytest.approx([0.85], rel=1e-15)


@pytest.mark.parametrize("suffix", ["", "-nesterov"])
def test_conventions_agree_at_a_constant_rate_and_only_there(suffix):
    same, other = [0.1] * 5, [0.1, 0.1, 0.01, 0.01, 0.01]
    assert flat(walk("pytorch" + suffix, same)) == pytest.approx(flat(walk("sutskever" + suffix, same)), rel=1e-12)
    assert np.abs(flat(walk("pytorch" + suffix, other)) - flat(walk("sutskever" + suffix, other))).max() > 0.01


def test_momentum_without_memory_is_descent():
    theta, g = values(0), values(1)
    for convention in training.CONVENTIONS:
        moved, _ = training.momentum(theta, g, values(2), 0.1, 0.0, convention=convention)
        assert flat(moved) == pytest.approx(flat(training.sgd(theta, g, 0.1)), rel=1e-14)


def test_first_step_of_adam_has_the_length_of_the_rate_whatever_the_scale():
    """With both corrections m̂ / √ŝ is ±1 at t = 1; without them it would be 0.1 / √0.001 = 3.2."""
    for scale in (1e-3, 1.0, 1e6):
        g = {name: scale * value for name, value in values(1).items()}
        moved, state = training.adam(values(0), g, None, 0.01, eps=1e-30)
        assert flat(values(0)) - flat(moved) == pytest.approx(0.01 * np.sign(flat(g)), rel=1e-9)
        assert state.step == 1


@pytest.mark.needs("torch")
@pytest.mark.parametrize("optimiser", ["sgd", "pytorch", "pytorch-nesterov", "adam"])
def test_steps_are_those_of_torch(optimiser):
    import torch

    theta = {name: torch.tensor(value, requires_grad=True) for name, value in values(0).items()}
    kinds = {
        "sgd": lambda p: torch.optim.SGD(p, 0.1),
        "pytorch": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
        "pytorch-nesterov": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, 0.1),
    }
    theirs = kinds[optimiser](list(theta.values()))
    rates = [0.1, 0.1, 0.02, 0.02]
    for place, rate in enumerate(rates, 1):
        theirs.param_groups[0]["lr"] = rate
        for name, value in values(place).items():
            theta[name].grad = torch.tensor(value)
        theirs.step()
    found = {name: value.detach().numpy() for name, value in theta.items()}
    assert flat(walk(optimiser, rates)) == pytest.approx(flat(found), rel=1e-12, abs=1e-13)


# --- clipping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (lambda g: training.clip_by_value(g, 1.0), (1.0, 1.0)),
        (lambda g: training.clip_by_norm(g, 1.0)[0], (0.6, 0.8)),
        (lambda g: training.clip_by_norm(g, 1.0, 1)[0], (3 / 7, 4 / 7)),
        (lambda g: training.clip_by_norm(g, 1.0, math.inf)[0], (3 / 4, 1.0)),
        (
            lambda g: training.clip_by_norm(g, 1.0, eps=training.TORCH_EPS)[0],
            (0.6 / (1 + 2e-7), 0.8 / (1 + 2e-7)),
        ),
        (lambda g: training.clip_by_norm(g, 5.0)[0], (3.0, 4.0)),
        (lambda g: training.clip_by_norm(g, 7.0, 1)[0], (3.0, 4.0)),
    ],
)
def test_clipping_three_and_four(clip, expected):
    assert flat(clip(G34)) == pytest.approx(expected, rel=1e-15)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("order", [1, 2, math.inf])
@pytest.mark.parametrize("limit", [0.5, 1e3])
def test_clipping_is_that_of_torch(order, limit):
    import torch

    theirs = [torch.tensor(value, requires_grad=True) for value in values(0).values()]
    for tensor, g in zip(theirs, values(1).values(), strict=True):
        tensor.grad = torch.tensor(g)
    size = torch.nn.utils.clip_grad_norm_(theirs, limit, order)
    clipped, found = training.clip_by_norm(values(1), limit, order, eps=training.TORCH_EPS)
    assert found == pytest.approx(float(size), rel=1e-14)
    assert flat(clipped) == pytest.approx(np.concatenate([t.grad.numpy().ravel() for t in theirs]), rel=1e-14)


@given(
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6),
    st.floats(1e-3, 1e3),
    st.sampled_from([1, 2, math.inf]),
)
def test_clipped_is_within_the_limit_and_in_the_same_direction(entries, limit, order):
    """Also where squares would overflow. Rounding: one factor, one product, at most 6 terms: below 16 ulp."""
    g = {str(place): np.array([entry]) for place, entry in enumerate(entries)}
    clipped, size = training.clip_by_norm(g, limit, order)
    assert math.isfinite(size)
    assert training.norm(clipped, order) <= limit * (1 + 16 * 2**-52)
    if size <= limit:
        assert np.array_equal(flat(clipped), flat(g))
    else:
        assert flat(clipped) / limit == pytest.approx(flat(g) / size, rel=1e-14, abs=1e-300)


def test_an_order_of_norms():
    g = values(0)
    assert training.norm(g, math.inf) < training.norm(g, 2) < training.norm(g, 1)
    assert training.norm(g) == pytest.approx(np.linalg.norm(flat(g)), rel=1e-15)
    assert training.norm({"x": np.zeros(3)}) == 0


# --- what does not fit --------------------------------------------------------------------------------------------

NAN = {**values(0), "b": np.array([0.0, math.nan, 0.0])}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: training.sgd(values(0), NAN, 0.1), "the gradient of b is not finite"),
        (lambda: training.adam(values(0), NAN, None), "the gradient of b is not finite"),
        (lambda: training.clip_by_norm(NAN, 1.0), "the gradient of b is not finite"),
        (lambda: training.clip_by_value({"W": np.array([math.inf])}, 1.0), "the gradient of W is not finite"),
        (lambda: training.sgd(values(0), values(1), 0.0), "rate is 0.0"),
        (lambda: training.sgd(values(0), values(1), math.nan), "rate is nan"),
        (lambda: training.momentum(values(0), values(1), None, 0.1, 1.0), "decay is 1.0"),
        (lambda: training.momentum(values(0), values(1), None, 0.1, convention="nag"), "no convention is called 'nag'"),
        (lambda: training.adam(values(0), values(1), None, eps=0), "eps is 0"),
        (lambda: training.clip_by_norm(values(0), 0), "limit is 0"),
        (lambda: training.clip_by_norm(values(0), -1.0), "limit is -1.0"),
        (lambda: training.clip_by_value(values(0), math.inf), "limit is inf"),
        (lambda: training.clip_by_norm(values(0), 1.0, 3), "norm of order 3"),
        (lambda: training.clip_by_norm(values(0), 1.0, eps=-1), "eps is -1"),
        (lambda: training.sgd(values(0), {}, 0.1), "has no gradient"),
        (lambda: training.sgd({}, values(0), 0.1), "is no parameter"),
        (lambda: training.sgd({"x": np.zeros(2)}, {"x": np.zeros(3)}, 0.1), r"expected \(2,\), got \(3,\)"),
        (lambda: training.first_values(derive.load("rnn"), {"H": 3}), "needs the size D"),
        (lambda: training.first_values(derive.load("rnn"), {"H": 3, "D": 0}), "needs the size D"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        call()
    assert "\n" not in str(refused.value)


# --- with kernels -------------------------------------------------------------------------------------------------


def test_first_values_follow_from_the_seed_and_the_sizes():
    net = build("language-model")
    sizes = {"H": 50, "D": 4, "V": 7}
    first = training.first_values(net, sizes, 3, "float32")
    assert first.keys() == set(net.parameters)
    assert first["W_f"].shape == (50, 54)
    assert first["W_f"].dtype == np.float32
    assert 0.9 / math.sqrt(54) < np.abs(first["W_f"]).max() <= 1 / math.sqrt(54)
    assert not first["b_y"].any()
    assert np.array_equal(flat(first), flat(training.first_values(net, sizes, 3, "float32")))
    assert not np.array_equal(flat(first), flat(training.first_values(net, sizes, 4, "float32")))


def test_a_training_step_descends_by_the_gradient_of_autograd():
    """One clipped step on the mean loss of a batch, the kernel's gradient against autograd's on the slow evaluator."""
    net, rng, steps, batch = build("language-model"), np.random.default_rng(0), 5, 3
    theta = training.first_values(net, {"H": 4, "D": 3, "V": 6}, 1)
    inputs = {name: rng.integers(0, 6, (steps, batch)) for name in ("k", "word")}
    weight = {"L": np.full(batch, 1 / (steps * batch))}
    kernel = compile(net, outputs=("L",))
    run = kernel.forward(theta, inputs)
    found = training.sgd(theta, training.clip_by_norm(kernel.backward(run, weight).parameters, 0.1)[0], 0.5)

    case = Case(theta, inputs, {}, {"t": steps}, weight, {}, "a step")
    slow = autograd_gradient(net, case, point(net, case))
    g = {name: slow["parameter", name] for name in theta}
    size = math.sqrt(sum((value**2).sum() for value in g.values()))
    assert size > 0.1, "nothing is clipped"
    for name, value in theta.items():
        assert found[name] == pytest.approx(value - 0.5 * g[name] * 0.1 / size, rel=1e-12, abs=1e-14)
    assert kernel.forward(found, inputs).outputs["L"].sum() < run.outputs["L"].sum()
