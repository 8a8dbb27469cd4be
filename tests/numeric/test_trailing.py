"""What follows a loop block by block: the same gradients from blocks of any length, and less memory."""

import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.library import load, names
from derive.networks import bidirectional, head, loss, stack
from numeric import draws, emit, emit_blocks
from numeric.kernel import Kernel, compile
from numeric.layout import Layout
from numeric.native import build
from numeric.native.assemble import assemble
from numeric.options import options
from numeric.passes import PASSES, optimise
from numeric.schedule import schedule
from tests.numeric.agreement import SYSTEMS, worst_difference
from tests.systems import systems

NETWORKS = {
    "two layers": stack(load("gru-reset-after"), 2),
    "both ways": bidirectional(load("lstm")),
    "deep and both ways": stack(bidirectional(load("gru")), 2),
    "tagger": loss(head(bidirectional(load("mgu")), "softmax"), "cross-entropy"),
    "one number": derive.parse("w : scalar\nu : scalar\nx[t] : scalar\nh[t] = tanh(w * h[t-1] + u * x[t])"),
    "read by a later step": derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])\ny[t] = V @ h[t] + x[t-1]"),
}
CELLS = ("rnn", "gru", "lstm", "lstm-peephole", "lstm-projected", "mgu", "li-gru", "rhn-2", "sru", "indrnn", "lem")


def system_of(name):
    if name in NETWORKS:
        return NETWORKS[name]
    return load(name) if name in names() else derive.parse(SYSTEMS[name], name=name)


def in_blocks(system, monkeypatch, *, compiled=False, passes=PASSES):
    """A kernel whose blocks are a few steps long, and those within them one."""
    monkeypatch.setattr(emit, "CACHE", 8)
    monkeypatch.setattr(emit_blocks, "COLUMNS", 6)
    monkeypatch.setattr(emit_blocks, "HELD", 1)
    how = replace(options("float64", False, compiled), passes=passes)
    made = assemble(schedule(system), how)
    assert not compiled or not made.module.loops or made.native
    return Kernel(system, made, how)


def followers(system, passes=PASSES):
    """What follows a loop, what is held for it, and the layout."""
    layout = Layout(optimise(schedule(system), passes))
    return set(layout.trailing), set(layout.held), layout


@pytest.mark.parametrize("name", [*CELLS, *NETWORKS, *SYSTEMS])
def test_blocks_of_any_length_give_the_same(name, monkeypatch):
    kernel = in_blocks(system_of(name), monkeypatch)
    for case in draws.cases(kernel.system, 6):
        assert worst_difference(kernel, case) <= 1e-11


@settings(max_examples=25)
@given(systems(), st.lists(st.booleans(), min_size=len(PASSES), max_size=len(PASSES)), st.integers(0, 2**16))
def test_blocks_of_random_systems_after_any_passes_give_the_same(system, chosen, seed):
    passes = tuple(rewrite for rewrite, on in zip(PASSES, chosen, strict=True) if on)
    with pytest.MonkeyPatch.context() as patch:
        kernel = in_blocks(system, patch, passes=passes)
    for case in draws.cases(system, 2, seed):
        if system.inputs:
            assert worst_difference(kernel, case) <= 1e-10


@pytest.mark.skipif(not any(map(shutil.which, build.COMPILERS)), reason="no C compiler")
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", *NETWORKS])
def test_blocks_of_loops_in_c_give_the_same(name, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel = in_blocks(system_of(name), monkeypatch, compiled=True)
    for case in draws.cases(kernel.system, 4):
        assert worst_difference(kernel, case) <= 1e-11


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "two layers"])
def test_cotangents_of_gates_are_held_for_a_block(name):
    """All that lives over all steps in the backward part is what it returns, or the next layer reads."""
    after, held, layout = followers(system_of(name))
    scans = [stage for stage in layout.columns if stage in layout.plan.backward]
    stored = {e.name for stage in scans for e in stage.equations} & layout.stored
    assert after
    assert stored
    assert {name for name in stored if not layout.is_padded(name)} <= held


def test_what_something_else_reads_is_not_held():
    """dz is an output of the adjoint taken as a system of its own, so all of it is needed."""
    system = load("lstm")
    plan = optimise(schedule(system))
    assert "dz" in Layout(plan).held
    assert "dz" not in Layout(replace(plan, outputs=(*plan.outputs, "dz"))).held


FAULTS = (
    ("added(dW, ", "added(None, "),
    ("dx[now_2]", "dx[:1]"),
    (":T - low_2]", ":1]"),
    ("block_2 - low_2", "block_2 - 0"),
)


@pytest.mark.parametrize(("right", "wrong"), FAULTS)
def test_faults_in_blocks_are_noticed(right, wrong, monkeypatch):
    kernel = in_blocks(load("lstm"), monkeypatch)
    assert right in kernel.source
    how = kernel.options
    made = assemble(schedule(kernel.system), how)
    module = replace(made.module, source=kernel.source.replace(right, wrong))
    faulty = Kernel(kernel.system, replace(made, module=module), how)

    def fails(case):
        try:
            return not worst_difference(faulty, case) <= 1e-11
        except ValueError:  # of shapes
            return True

    assert any(map(fails, draws.cases(kernel.system, 6)))


def test_memory_of_the_lstm():
    """About 10 numbers for each step, example and state: 7 that are saved, x and h as arrays of their own, and dx."""
    steps, batch, size = 400, 16, 64
    system, rng = load("lstm"), np.random.default_rng(0)
    kernel = compile(system, "float32")
    parameters = {n: rng.standard_normal((size, 2 * size) if n[0] == "W" else size) / 8 for n in system.parameters}
    x, up = rng.standard_normal((2, steps, batch, size)).astype("float32")
    tracemalloc.start()
    kernel.backward(kernel.forward(parameters, {"x": x}), {"h": up})
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    held = max(emit_blocks.HELD, emit_blocks.COLUMNS * 4 * size)
    block = 4 * held + 2**18 * 2  # dz; its columns, h and x beside, also of a last, shorter block; the cache
    assert most / 4 <= 10.5 * steps * batch * size + block + 12 * 4 * size * 2 * size
