"""Kernels against the slow evaluator: every architecture, odd systems, odd sizes; and what a caller may rely on."""

import re
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.expr import plus, times
from derive.library import load, names
from numeric import draws
from numeric.agreement import with_kernel
from numeric.emit import emit
from numeric.kernel import Kernel, compile
from numeric.native.assemble import Assembled
from numeric.options import options
from numeric.oracles import Subject
from numeric.passes import PASSES, optimise
from numeric.room import UNUSED, Room
from numeric.schedule import schedule
from tests import laws
from tests.numeric.agreement import SYSTEMS, kernel_of, worst_difference
from tests.systems import systems

TOLERANCE = 1e-12


def system_of(name):
    return load(name) if name in names() else derive.parse(SYSTEMS[name], name=name)


@pytest.mark.parametrize("name", [*names(), *SYSTEMS])
def test_agrees_with_the_evaluator(name):
    system = system_of(name)
    for case in draws.cases(system, 16):
        if worst_difference(compile(system), case) > TOLERANCE:  # a division by what is nearly 0: rounding explains it
            laws.holds(with_kernel(Subject.of(system), [case]))


@settings(max_examples=40)
@given(systems(), st.integers(0, 2**16))
def test_random_systems_agree_with_the_evaluator(system, seed):
    for case in draws.cases(system, 3, seed):
        if system.inputs:  # else the batch is unknown to a kernel
            assert worst_difference(compile(system), case) <= 1e-10


@settings(max_examples=40)
@given(systems(), st.lists(st.booleans(), min_size=len(PASSES), max_size=len(PASSES)), st.integers(0, 2**16))
def test_any_passes_give_the_same(system, chosen, seed):
    passes = tuple(rewrite for rewrite, on in zip(PASSES, chosen, strict=True) if on)
    for case in draws.cases(system, 2, seed):
        if system.inputs:
            assert worst_difference(kernel_of(system, passes=passes), case) <= 1e-10


def test_a_kernel_goes_by_the_name_of_its_system():
    """Equal systems are one to a cache, and yet may go by different names."""
    one, other = (derive.parse("h[t] = tanh(W @ h[t-1] + x[t])", name=name) for name in ("one", "other"))
    assert one == other
    assert [compile(system).system.name for system in (one, other, one)] == ["one", "other", "one"]


@pytest.mark.parametrize("left_out", [rewrite.__name__ for rewrite in PASSES])
@pytest.mark.parametrize("name", ["lstm", "gru", "lstm-peephole", "attention", "lag"])
def test_each_pass_can_be_left_out(name, left_out):
    passes = tuple(rewrite for rewrite in PASSES if rewrite.__name__ != left_out)
    kernel = kernel_of(system_of(name), passes=passes)
    assert max(worst_difference(kernel, case) for case in draws.cases(kernel.system, 4)) <= TOLERANCE


@pytest.mark.parametrize("name", ["lstm", "gru-reset-after", "rnn-relu", "attention", "embedding", "everything-else"])
def test_float32_stays_float32(name):
    kernel = compile(system_of(name), "float32")  # the comparison checks the dtype of every array
    for case in draws.cases(kernel.system, 6):
        assert worst_difference(kernel, case) <= 1e-3


@pytest.mark.parametrize("name", ["rnn", "lstm", "bidirectional", "attention"])
def test_equal_sizes_change_nothing(name):
    """Broadcasting follows the meaning, not the numbers: B = T = all dimensions, 1 included."""
    system = system_of(name)
    rng = np.random.default_rng(0)
    for size in (1, 3):
        sizes = draws.draw_sizes(system, rng, draws.Regime(size))
        equal = dict.fromkeys(sizes, size)
        case = draws._draw(system, rng, draws.Regime(size), equal, system.outputs, False)
        assert worst_difference(compile(system), case) <= TOLERANCE


@pytest.mark.parametrize("name", ["lstm", "gru-reset-after", "bidirectional", "embedding"])
def test_large_sizes_go_other_ways(name):
    """Products, sums and tables of many columns are computed differently from those of a few."""
    system = system_of(name)
    rng = np.random.default_rng(0)
    sizes = draws.draw_sizes(system, rng, draws.Regime(3))
    large = {symbol: {"B": 33, "T": 3, "V": 5}.get(str(symbol), 130 + i) for i, symbol in enumerate(sizes)}
    case = draws._draw(system, rng, draws.Regime(3), large, system.outputs, False)
    assert worst_difference(compile(system), case) <= TOLERANCE


@pytest.mark.parametrize("name", ["rnn", "lag", "embedding", "attention"])
def test_adjoint_as_primal(name):
    """A gradient is a system like any other; its kernel differentiates it again."""
    system = system_of(name).adjoint()
    for case in draws.cases(system, 4):
        assert worst_difference(compile(system), case) <= 1e-11


def test_tangent_as_primal():
    system = load("lstm").tangent()
    for case in draws.cases(system, 4):
        assert worst_difference(compile(system), case) <= TOLERANCE


def test_asked_outputs():
    system = load("lstm")
    outputs = ("c", "f", "h")
    for case in draws.cases(system, 4, outputs=outputs):
        assert worst_difference(kernel_of(system, outputs=outputs), case) <= TOLERANCE


# --- what a caller may rely on ---------------------------------------------------------------------------------------


def lstm_case(steps=4, batch=3):
    system = load("lstm")
    rng = np.random.default_rng(1)
    parameters = {n: rng.standard_normal((3, 5) if n[0] == "W" else 3) for n in system.parameters}
    return compile(system), parameters, rng.standard_normal((steps, batch, 2)), rng.standard_normal((steps, batch, 3))


def gradients_equal(one, other):
    pairs = [(one.parameters, other.parameters), (one.inputs, other.inputs), (one.initial, other.initial)]
    return all(np.array_equal(a[name], b[name]) for a, b in pairs for name in a)


def test_results_stay_valid():
    kernel, parameters, x, up = lstm_case()
    first = kernel.forward(parameters, {"x": x})
    wanted = kernel.backward(first, {"h": up})
    copy = first.outputs["h"].copy()
    kernel.forward(parameters, {"x": -x})
    assert np.array_equal(first.outputs["h"], copy)
    assert gradients_equal(kernel.backward(first, {"h": up}), wanted)


def test_buffers_are_used_again_and_never_too_early():
    """Large arrays come from memory that earlier runs no longer need; runs that are kept keep theirs."""
    kernel, parameters, _, _ = lstm_case()
    kernel.free()
    rng = np.random.default_rng(0)
    x, up = rng.standard_normal((5, 800, 8, 2)), rng.standard_normal((800, 8, 3))
    runs = [kernel.forward(parameters, {"x": each}) for each in x]
    found = [kernel.backward(run, {"h": up}) for run in runs]
    copies = [(run.outputs["h"].copy(), g.inputs["x"].copy()) for run, g in zip(runs, found, strict=True)]
    held = kernel._room.held
    assert held > 0
    for run, gradients, (h, dx), each in zip(runs, found, copies, x, strict=True):
        again = kernel.forward(parameters, {"x": each})
        assert np.array_equal(again.outputs["h"], h)
        assert np.array_equal(run.outputs["h"], h)
        assert np.array_equal(gradients.inputs["x"], dx)
        assert gradients_equal(kernel.backward(run, {"h": up}), gradients)
    del runs, run, again
    grown = kernel._room.held
    for each in x:
        kernel.backward(kernel.forward(parameters, {"x": each}), {"h": up})
    assert kernel._room.held == grown
    kernel.free()
    assert kernel._room.held == 0


def test_memory_is_bounded():
    room = Room(np.dtype("float64"), most=10 * 2**20)
    kept = room.empty((2**18,))
    for size in range(2**18, 2**18 + 40):  # 2 MiB each, every time of another size
        room.empty((size + 1,))
        assert room.held <= 10 * 2**20
    assert room.empty((2**18,)) is not None
    kept[...] = 7
    room.empty((2**18,))[...] = 1
    assert (kept == 7).all()


def test_memory_of_nearly_the_size_is_used_again():
    """A larger block serves, a smaller one gives way; neither where the sizes are far apart, nor while it is used."""
    room = Room(np.dtype("float64"))
    address = room.empty((3000,)).ctypes.data
    assert room.empty((50, 50)).ctypes.data == address
    room.empty((3600,))
    assert room.held == 3600 * 8
    room.empty((1000,))
    assert room.held == 4600 * 8
    used = room.empty((3000,))
    assert not np.shares_memory(used, room.empty((3100,)))


def test_two_threads_use_one_kernel():
    kernel, parameters, _, _ = lstm_case()
    rng = np.random.default_rng(0)
    x, up = rng.standard_normal((4, 800, 8, 2)), rng.standard_normal((800, 8, 3))
    wanted = [kernel.backward(kernel.forward(parameters, {"x": each}), {"h": up}) for each in x]
    wrong = []

    def work(number):
        for _ in range(8):
            run = kernel.forward(parameters, {"x": x[number]})
            if not gradients_equal(kernel.backward(run, {"h": up}), wanted[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", [*names(), *SYSTEMS])
def test_blocks_of_steps_change_nothing(name):
    """The loop over blocks, with blocks of one step and of three, and as where weights are many."""
    system = system_of(name)
    plan = optimise(schedule(system))
    module = emit(plan, "float64")
    for block in (1, 3) if "block" in module.source else ():
        source = re.sub(r"(block\w* = )max.*", rf"\g<1>{block}", module.source)
        source = re.sub(r"(few_weights\w* = ).*", r"\g<1>False", source)
        kernel = Kernel(system, Assembled(plan, replace(module, source=source), {}), options("float64", False))
        for case in draws.cases(system, 3):
            assert worst_difference(kernel, case) <= TOLERANCE


FAULTS = {
    "a third for a half": ("lstm", "numeric.passes.halve", "HALF", sympy.Rational(1, 3)),
    "a factor lost": ("lstm", "numeric.passes.inline", "times", lambda *factors: times(*factors[-2:])),
    "a summand lost": ("gru-reset-after", "numeric.passes.factor", "plus", lambda *terms: plus(*terms[:1])),
}


@pytest.mark.parametrize(("name", "module", "attribute", "wrong"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_noticed(name, module, attribute, wrong, monkeypatch):
    monkeypatch.setattr(sys.modules[module], attribute, wrong)
    system = load(name)
    (case, *_) = draws.cases(system, 1)
    plan = optimise(schedule(system))
    kernel = Kernel(system, Assembled(plan, emit(plan, "float64"), {}), options("float64", False))
    assert worst_difference(kernel, case) > 1e-3


def test_memory_that_is_in_use_and_given_out_is_noticed(monkeypatch):
    monkeypatch.setattr("numeric.room.UNUSED", UNUSED + 1)
    with pytest.raises(AssertionError):
        test_buffers_are_used_again_and_never_too_early()


def test_callers_arrays_are_the_callers():
    kernel, parameters, x, up = lstm_case()
    run = kernel.forward(parameters, {"x": x})
    wanted = kernel.backward(run, {"h": up})
    x[...] = 0
    parameters["W_f"][...] = 0
    run.outputs["h"][...] = 0
    run.final["c"][...] = 0
    again = kernel.backward(run, {"h": up})
    assert gradients_equal(again, wanted)
    again.parameters["W_f"][...] = 7
    assert gradients_equal(kernel.backward(run, {"h": up}), wanted)


def test_absent_is_zero():
    kernel, parameters, x, up = lstm_case()
    zero = np.zeros((3, 3))
    run = kernel.forward(parameters, {"x": x}, {"h": zero, "c": zero})
    assert np.array_equal(run.outputs["h"], kernel.forward(parameters, {"x": x}).outputs["h"])
    full = kernel.backward(run, {"h": up}, {"h": zero, "c": zero})
    assert gradients_equal(kernel.backward(run, {"h": up}), full)
    none = kernel.backward(run, {})
    assert all(not array.any() for array in none.parameters.values())


def test_chunks_equal_the_whole():
    """State and cotangent are carried from chunk to chunk; parameters' gradients add up."""
    system = derive.parse(SYSTEMS["lag"])
    kernel = compile(system)
    (case, *_) = draws.cases(system, 1)
    x, up = case.inputs["x"], case.cotangents["h"]
    whole = kernel.forward(case.parameters, {"x": x}, case.initial)
    wanted = kernel.backward(whole, {"h": up}, case.final)
    runs, state = [], case.initial
    for part in (slice(0, 1), slice(1, 3), slice(3, None)):
        runs.append((part, kernel.forward(case.parameters, {"x": x[part]}, state)))
        state = runs[-1][1].final
    assert np.allclose(np.concatenate([run.outputs["h"] for _, run in runs]), whole.outputs["h"], rtol=1e-14)
    carried, total = case.final, None
    for part, run in reversed(runs):
        found = kernel.backward(run, {"h": up[part]}, carried)
        total = {n: array + (0 if total is None else total[n]) for n, array in found.parameters.items()}
        carried = found.initial
    assert all(np.allclose(total[name], wanted.parameters[name], rtol=1e-12) for name in total)
    assert all(np.allclose(carried[name], wanted.initial[name], rtol=1e-12) for name in carried)


def test_not_a_number_passes_through():
    kernel, parameters, x, _ = lstm_case()
    x[1, 0, 0] = np.nan
    h = kernel.forward(parameters, {"x": x}).outputs["h"]
    assert np.isnan(h[1:, 0]).all()
    assert np.isfinite(h[0]).all()
    assert np.isfinite(h[:, 1:]).all()


def test_growth_with_time_is_linear():
    """Loops not inside each other, but for those over blocks; four times the steps keep four times the numbers."""
    kernel, parameters, _, _ = lstm_case()
    x = np.random.default_rng(0).standard_normal((400, 1, 2))
    kept = {}
    for steps in (100, 400):
        saved = kernel.forward(parameters, {"x": x[:steps]}).saved
        kept[steps] = sum(array.nbytes for array in saved if isinstance(array, np.ndarray) and array.ndim > 2)
    assert kept[400] <= 4.1 * kept[100]
    loops = [line for line in kernel.source.splitlines() if re.match(r" +for .* in .*:$", line)]
    depths = [len(line) - len(line.lstrip()) for line in loops]
    assert depths == [8, 8, 12, 4, 8, 12]  # of few weights, of many, backward
    assert ["block" in line for line in loops] == [False, True, False, True, True, False]  # blocks of steps, then steps


def test_compiled_once():
    assert compile(load("lstm")) is compile(load("lstm"), "float64")
    assert compile(load("lstm")) is not compile(load("lstm"), "float32")
    assert compile(load("lstm"), outputs=["c"]).forward is not compile(load("lstm")).forward


# --- errors ----------------------------------------------------------------------------------------------------------


def message(call, *arguments, **keywords):
    with pytest.raises(ValueError, match=r"^.+$") as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_wrong_shapes_are_named():
    kernel, parameters, x, up = lstm_case()
    text = message(kernel.forward, parameters, {"x": x[:, 0]})
    assert "x" in text
    assert "(T, B, D)" in text
    assert "(4, 2)" in text
    text = message(kernel.forward, {**parameters, "W_i": np.ones((3, 4))}, {"x": x})
    assert "W_i" in text
    assert "(H, D + H) = (3, 5)" in text
    run = kernel.forward(parameters, {"x": x})
    text = message(kernel.backward, run, {"h": up[1:]})
    assert "(T, B, H) = (4, 3, 3)" in text
    assert "(3, 3, 3)" in text
    text = message(kernel.backward, run, {"h": up}, {"c": np.ones(3)})
    assert "final value c" in text


def test_wrong_names_are_named():
    kernel, parameters, x, up = lstm_case()
    assert "y" in message(kernel.forward, parameters, {"x": x, "y": x})
    assert "W_f" in message(kernel.forward, {n: a for n, a in parameters.items() if n != "W_f"}, {"x": x})
    run = kernel.forward(parameters, {"x": x})
    assert "there are h" in message(kernel.backward, run, {"c": up})
    assert "q" in message(compile, load("lstm"), outputs=("q",))
    assert "float32" in message(compile(load("lstm"), "float32").backward, run, {"h": up})


def test_wrong_values_are_refused():
    kernel, parameters, x, _ = lstm_case()
    assert "empty" in message(kernel.forward, parameters, {"x": x[:0]})
    assert "complex" in message(kernel.forward, parameters, {"x": x * 1j})
    assert "int32" in message(compile, load("lstm"), "int32")
    short = derive.parse("x[t] : D\nh[t] = x[t]\ny = h[3]")
    assert "too short" in message(compile(short).forward, {}, {"x": x[:2]})
    embedding = compile(system_of("embedding"))
    (case, *_) = draws.cases(embedding.system, 1)
    assert "j" in message(embedding.forward, case.parameters, {"j": case.inputs["j"] + 100})
    assert "integers" in message(embedding.forward, case.parameters, {"j": case.inputs["j"] * 1.0})


def test_steps_are_cut_once_and_belong_to_their_block():
    """Views that are kept neither hold a block nor outlive it, and no loop gets those of another."""
    room = Room(np.dtype("float64"), most=2**20)
    block = room.empty((100, 3, 2))
    first = list(room.steps(0, block, block[:, 1:]))
    again = list(room.steps(0, block, block[:, 1:]))
    assert all(one is other for pairs in zip(first, again, strict=True) for one, other in zip(*pairs, strict=True))
    assert np.shares_memory(next(room.steps(1, block[50:]))[0], block[50])
    address = block.ctypes.data
    assert room.empty((100, 3, 2)).ctypes.data != address  # in use
    del block
    del first, again
    assert room.empty((600,)).ctypes.data == address  # its views alone do not use it
    loop = room.steps(0, room.empty((100, 3, 2)))
    (step,) = next(loop)
    assert not np.shares_memory(step, room.empty((600,)))  # a loop does
    room.free()
    other = np.empty((100, 3, 2))
    assert all(np.shares_memory(step, part) for (step,), part in zip(room.steps(0, other), other, strict=True))
