"""Checkpointed gradients are the plain ones, from memory that grows with √T; a forward pass that keeps nothing."""

from __future__ import annotations

import math
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import derive
from derive.networks import NAMED, build, embedded, head, loss, stack
from numeric.checkpoint import _apart, chunking
from numeric.chunked import chunked
from numeric.draws import Regime, draw
from numeric.emit import Module
from numeric.kernel import Kernel, compile
from numeric.native.assemble import assemble
from numeric.options import options
from numeric.schedule import schedule
from tests.numeric.agreement import SYSTEMS
from tests.numeric.test_chunks import TEXTS
from tests.systems import systems

EPS = np.finfo(float).eps
MADE = {
    "lag": lambda: derive.parse(SYSTEMS["lag"]),
    "constants": lambda: derive.parse(SYSTEMS["constants"]),
    "fast-weights": lambda: derive.parse(SYSTEMS["fast-weights"]),
    "language model": lambda: loss(head(embedded(derive.load("lstm")), "softmax")),
    "three layers": lambda: stack(derive.load("gru"), 3),
    "no inputs": lambda: derive.parse("h[t] = tanh(W @ h[t-1] + b)"),
    "of parameters alone": lambda: derive.parse("n = tanh(A @ v)\nx[t] : H\nh[t] = n * h[t-1] + x[t]\ny[t] = h[t]"),
}
SYSTEM_OF = {name: lambda name=name: derive.load(name) for name in derive.names()} | MADE
SYSTEM_OF |= {name: lambda text=text: derive.parse(text) for name, text in TEXTS.items()}


def same(one, other, scale=64):
    """Equal but for the order of sums: within a few units in the last place of the largest entry."""
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.shape == other[name].shape
        assert np.abs(array - other[name]).max(initial=0) <= scale * EPS * max(1, np.abs(array).max(initial=0)), name


def equal_to_plain(system, every, steps=7, outputs=None):
    case = draw(system, np.random.default_rng(2), Regime(steps), outputs)
    results = []
    for kernel in (compile(system, outputs=outputs), compile(system, outputs=outputs, checkpoint=every)):
        run = kernel.forward(case.parameters, case.inputs, case.initial, case.steps)
        results.append((run, kernel.backward(run, case.cotangents, case.final)))
    (run, gradients), (other, found) = results
    same(run.outputs, other.outputs)
    same(run.final, other.final)
    same(gradients.parameters, found.parameters)
    same(gradients.inputs, found.inputs)
    same(gradients.initial, found.initial)


@pytest.mark.parametrize(("place", "name"), list(enumerate(SYSTEM_OF)), ids=list(SYSTEM_OF))
def test_checkpointed_is_plain(place, name):
    """In chunks of about √T, and of 1, 2 and more steps than there are in turn."""
    equal_to_plain(SYSTEM_OF[name](), True)
    equal_to_plain(SYSTEM_OF[name](), (1, 2, 9)[place % 3])


@settings(max_examples=25)
@given(systems(chunkable=True), st.integers(1, 4))
def test_checkpointed_random_systems_are_plain(system, every):
    try:
        chunking(system)
    except ValueError:
        assume(False)
    equal_to_plain(system, every, 5)


def test_one_chunk_is_plain_to_the_bit():
    system = derive.load("lstm")
    case = draw(system, np.random.default_rng(0), Regime(6))
    one, other = (compile(system, checkpoint=k) for k in (False, 6))
    plain, run = (k.forward(case.parameters, case.inputs, case.initial) for k in (one, other))
    found, wanted = other.backward(run, case.cotangents), one.backward(plain, case.cotangents)
    assert all(np.array_equal(found.parameters[n], a) for n, a in wanted.parameters.items())


@pytest.mark.parametrize("name", SYSTEM_OF)
def test_what_chunks_share_is_only_read(name):
    system = SYSTEM_OF[name]()
    case = draw(system, np.random.default_rng(2), Regime(5))
    kernel = Kernel(system, assemble(schedule(system), options("float64", 2)), options("float64", 2))
    chunks = kernel._forward.__self__

    def locked(*leaves):
        found = [np.array(value) if isinstance(value, np.ndarray) else value for value in chunks.prepare(*leaves)]
        for value in found:
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        return tuple(found)

    kernel._forward = replace(chunks, prepare=locked).forward
    run = kernel.forward(case.parameters, case.inputs, case.initial, case.steps)
    kernel.backward(run, case.cotangents, case.final)


@pytest.mark.parametrize("name", derive.names())
def test_what_only_weights_tell_is_computed_once(name):
    """No function but `prepare` joins, halves or turns weights, whose gradients go on from chunk to chunk."""
    system = derive.load(name)
    case = draw(system, np.random.default_rng(2), Regime(6))
    kernel, plain = compile(system, checkpoint=2), compile(system)
    chunks, calls = kernel._forward.__self__, []
    kernel._forward = replace(chunks, prepare=lambda *leaves: calls.append(1) or chunks.prepare(*leaves)).forward
    try:
        run = kernel.forward(case.parameters, case.inputs, case.initial, case.steps)
        kernel.backward(run, case.cotangents)
    finally:
        kernel._forward = chunks.forward
    assert len(calls) == 1
    for line in plain.source[plain.source.index("def forward") :].splitlines():
        if re.match(r"    \w+ = (0\.5 \* \w+$|np\.concatenate\(\((W|b)|np\.ascontiguousarray\(W)", line):
            found = kernel.source.index(line)
            assert kernel.source.index("def prepare") < found < kernel.source.index("def forward"), line


def test_gradients_of_all_weights_go_on():
    for name in ("rnn", "lstm", "gru"):
        chunks = compile(derive.load(name), checkpoint=True)._forward.__self__
        assert chunks.made.totals == set(derive.load(name).parameters)


@pytest.mark.parametrize(
    ("last", "totals"),
    [
        ("dV = 2 * dW", {"W", "V"}),
        ("dV = dW[:2] @ m", {"W", "V"}),
        ("dV = dW + up", set()),  # what is of this chunk alone must be added to what is not
        ("dV = up", {"W"}),
    ],
)
def test_only_what_is_made_of_sums_goes_on(last, totals):
    text = f"""import numpy as np


def forward(x, W, V):
    m = W @ V
    outputs, final = {{}}, {{}}
    return outputs, final, (m, x)


def backward(saved, up):
    m, x = saved
    dW = None
    for low in range(3):
        dW = added(dW, up @ x)
    {last}
    parameters = {{"W": dW, "V": dV}}
    inputs = {{}}
    initial = {{}}
    return parameters, inputs, initial
"""
    assert chunked(Module(text, ("x", "W", "V"), (), (), ("up",)), ("x",)).totals == totals


@pytest.mark.parametrize(
    ("line", "moves"),
    [
        ("n = W @ V", True),
        ("n = x.shape[1]", True),
        ("n = x.shape[0]", False),  # of a chunk
        ("n = W @ x", False),
        ("n = np.empty(W.shape)", False),  # written to in each chunk
        ("n = W @ V; n = n + 1", False),
    ],
)
def test_only_what_is_the_same_for_all_chunks_is_shared(line, moves):
    body = "".join(f"    {part}\n" for part in line.split("; "))
    text = f'import numpy as np\n\n\ndef forward(x, W, V):\n{body}    return {{"y": n @ x}}, {{}}, ()\n'
    source = chunked(Module(text, ("x", "W", "V"), (), (), ()), ("x",)).module.source
    assert (source.index("n =") < source.index("def forward")) == moves


def test_gradients_share_no_memory():
    """Rows of one sum do not; of what is the same sum all but one are copies."""
    total, taken = np.ones((4, 3)), []
    found = [_apart(part, taken) for part in (total[:2], total[2:], total[1:3], total.T)]
    assert not any(np.shares_memory(one, other) for one, other in combinations(found, 2))
    assert all(np.shares_memory(total, part) for part in found[:2])
    assert all(array.flags.c_contiguous for array in found)


def gradients_of(kernel, run, case):
    found = kernel.backward(run, case.cotangents)
    return {**found.parameters, **found.inputs}


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_run_stays_what_it_was(name):
    """When the caller's arrays change, and when the kernel runs again."""
    system = derive.load(name)
    case = draw(system, np.random.default_rng(0), Regime(6))
    kernel = compile(system, checkpoint=2)
    parameters, inputs = ({n: np.array(a) for n, a in arrays.items()} for arrays in (case.parameters, case.inputs))
    run = kernel.forward(parameters, inputs)
    wanted = gradients_of(kernel, run, case)
    kept = {name: array.copy() for name, array in wanted.items()}
    for array in (*parameters.values(), *inputs.values()):
        array[...] = 7
    kernel.backward(kernel.forward(parameters, inputs), case.cotangents)
    again = gradients_of(kernel, run, case)
    assert all(np.array_equal(wanted[name], array) for name, array in kept.items())
    assert all(np.array_equal(again[name], array) for name, array in kept.items())


def test_two_threads_use_one_run():
    system = derive.load("lstm")
    case = draw(system, np.random.default_rng(0), Regime(40))
    kernel = compile(system, checkpoint=4)
    run = kernel.forward(case.parameters, case.inputs)
    wanted = kernel.backward(run, case.cotangents).parameters
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: kernel.backward(run, case.cotangents).parameters, range(16)):
            assert all(np.array_equal(found[name], array) for name, array in wanted.items())


@given(st.integers(1, 500), st.integers(1, 600), st.sampled_from([1, -1]), st.none() | st.integers(1, 40))
def test_chunks_cover_all_steps_and_are_about_as_long(total, batch, direction, every):
    chunks = compile(derive.load("lstm"), checkpoint=True)._forward.__self__
    spans = list(replace(chunks, how=replace(chunks.how, direction=direction), every=every)._spans(total, batch))
    lengths = [high - low for low, high in spans]
    assert lengths[0] == max(lengths) <= min(lengths) + 1
    assert max(lengths) <= (every or math.isqrt(total - 1) + 1)
    assert [low for low, _ in spans[::direction]] == [0, *(high for _, high in spans[::direction])][:-1]
    assert sum(lengths) == total


def test_with_lengths():
    system = derive.load("lstm")
    case = draw(system, np.random.default_rng(0), Regime(6))
    lengths = {"t": np.array([6] + [2] * (len(case.final["c"]) - 1))}
    found = []
    for kernel in (compile(system), compile(system, checkpoint=2)):
        run = kernel.forward(case.parameters, case.inputs, case.initial, lengths=lengths)
        found.append(kernel.backward(run, case.cotangents, case.final).parameters)
    same(*found)


@pytest.mark.parametrize("name", [*SYSTEM_OF, *NAMED])
def test_a_run_that_keeps_nothing_has_the_same_results(name, monkeypatch):
    monkeypatch.setattr("numeric.kernel.CHUNK", 1)  # chunks of two or three steps, which else are not worth a call
    system = SYSTEM_OF[name]() if name in SYSTEM_OF else build(name)
    case = draw(system, np.random.default_rng(2), Regime(5))
    kernel = compile(system)
    arguments = (case.parameters, case.inputs, case.initial, case.steps)
    plain, run = kernel.forward(*arguments), kernel.forward(*arguments, keep=False)
    same(plain.outputs, run.outputs)
    same(plain.final, run.final)
    with pytest.raises(ValueError, match="kept nothing"):
        kernel.backward(run, case.cotangents)


def test_a_short_run_that_keeps_nothing_is_one_call(monkeypatch):
    system, calls = derive.load("lstm"), []
    case = draw(system, np.random.default_rng(2), Regime(5))
    kernel = compile(system)
    plain, module, chunks = kernel._inference
    monkeypatch.setitem(vars(kernel), "_inference", (lambda *a, **k: calls.append(1) or plain(*a, **k), module, chunks))
    kernel.forward(case.parameters, case.inputs, case.initial, keep=False)
    assert len(calls) == 1


# --- memory ----------------------------------------------------------------------------------------------------------


def peak(steps, backward=True, **options):
    """Bytes that a pass allocates at its peak, beyond the arrays that go in."""
    system, rng = derive.load("lstm"), np.random.default_rng(0)
    kernel = compile(system, **options)
    parameters = {n: rng.standard_normal((64, 68) if n[0] == "W" else 64) / 8 for n in system.parameters}
    x, up = rng.standard_normal((steps, 4, 4)), {"h": np.zeros((steps, 4, 64))}

    def call():
        run = kernel.forward(parameters, {"x": x}, keep=backward)
        return kernel.backward(run, up) if backward else run

    call()
    kernel.free()
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - steps * 4 * (2 * 4 + 64) * 8  # x as kept and its gradient, and h: they grow with T, as they must


def test_memory_grows_with_the_root():
    """Plain: as many steps more take as much more memory, beside a block's; checkpointed: four times as many, twice."""
    most = [peak(steps) for steps in (1600, 3200, 4800)]
    assert (most[2] - most[1]) / (most[1] - most[0]) > 0.9
    assert most[1] - most[0] > 7 * 1600 * 4 * 64 * 8 * 0.9  # what is saved
    assert peak(1600, checkpoint=True) / peak(400, checkpoint=True) < 2.4
    assert peak(400, checkpoint=True) < peak(400) / 4


def test_weights_take_no_room_beside_what_is_needed():
    """As joined for both passes, half of them once more beside the bias, and their gradient: each counts 1.

    Neither copies as they were given, nor a gradient for a chunk.
    """
    system, rng, size = derive.load("lstm"), np.random.default_rng(0), 160
    kernel = compile(system, checkpoint=True)
    parameters = {n: rng.standard_normal((size, 2 * size) if n[0] == "W" else size) for n in system.parameters}
    x, up = rng.standard_normal((2, 4, 2, size))

    def call():
        return kernel.backward(kernel.forward(parameters, {"x": x}), {"h": up})

    call()
    kernel.free()
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4.0 * 8 * 4 * size * 2 * size


def test_a_run_that_keeps_nothing_takes_little():
    assert peak(400, backward=False) < peak(400) / 8


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SYSTEMS["bidirectional"], "it reads both earlier and later steps"),
        (SYSTEMS["attention"], "it has 2 time axes"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\nh[0] = tanh(v)", r"h\[0\] has an equation"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ h[T]", r"h\[T\] is read"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\ny = sum[t](h[t])\nz = y * y", "y, which depends on all steps, is read"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\ny = V @ sum[t](h[t])", "is no sum over them"),
        ("h[t] = tanh(W @ h[t-1] + x[t])\nk[t] = h[:] @ softmax(h[:].T @ h[t])", r"k\[t\] sees all steps at once"),
    ],
)
def test_what_cannot_be_run_in_chunks_gets_one_line(text, reason):
    with pytest.raises(ValueError, match=f"cannot be run in chunks: .*{reason}") as caught:
        compile(derive.parse(text), checkpoint=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("steps", [0, -2])
def test_no_number_of_steps(steps):
    with pytest.raises(ValueError, match=f"checkpoint: a number of steps, at least 1, not {steps}"):
        compile(derive.load("lstm"), checkpoint=steps)
