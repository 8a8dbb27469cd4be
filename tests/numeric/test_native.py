"""Loops in C: the same results as the evaluator's up to rounding, and as NumPy's; faults in them; safe keeping."""

import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.library import load, names
from derive.networks import bidirectional, head, loss, stack
from numeric import draws
from numeric.kernel import Kernel, compile
from numeric.native import build
from numeric.native.assemble import Assembled, assemble
from numeric.native.build import Unavailable
from numeric.options import options
from numeric.schedule import schedule
from tests.numeric.agreement import SYSTEMS, worst_difference
from tests.numeric.native import by_all_passes, kernels, share_of_rounding
from tests.systems import systems

COMPILER = next((name for name in build.COMPILERS if shutil.which(name)), None)
with_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
NETWORKS = {
    "two layers": stack(load("gru-reset-after"), 2),
    "both ways": bidirectional(load("lstm")),
    "deep and both ways": stack(bidirectional(load("gru")), 2),
    "tagger": loss(head(bidirectional(load("mgu")), "softmax"), "cross-entropy"),
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A folder for libraries that this run alone uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("CC", raising=False)
        patch.delenv("CFLAGS", raising=False)
        yield


def system_of(name):
    return NETWORKS.get(name) or (load(name) if name in names() else derive.parse(SYSTEMS[name], name=name))


# --- results ---------------------------------------------------------------------------------------------------------


@with_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_systems_agree_within_rounding(dtype, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-O1")
    chosen = (*names(), *SYSTEMS, *NETWORKS)
    every = [system_of(name) for name in (chosen if dtype == "float64" else chosen[::4])]
    worst = {}
    for kernel in kernels(every, dtype):
        if kernel.native:
            shares = [share_of_rounding(kernel, case) for case in draws.cases(kernel.system, 1)]
            worst[kernel.system.name] = float(np.max(shares))
    assert len(worst) > len(every) / 2
    assert {name: share for name, share in worst.items() if not share <= 1} == {}


@with_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru-reset-after", "two layers"])
def test_sizes_of_all_kinds(name, dtype):
    """Few columns, vectors of every width and what is left of them; products that BLAS does."""
    system = system_of(name)
    kernel, plain = compile(system, dtype, compiled=True), compile(system, dtype)
    assert kernel.native
    assert not kernel.reason
    rng = np.random.default_rng(0)
    symbols = draws.draw_sizes(system, rng, draws.Regime(3))
    for batch in (1, 2, 3, 7, 8, 19, 53):
        sizes = {symbol: {"B": batch, "T": 5}.get(str(symbol), 5 + 7 * i) for i, symbol in enumerate(symbols)}
        case = draws._draw(system, rng, draws.Regime(3), sizes, system.outputs, False)
        assert share_of_rounding(kernel, case) <= 1
        run = kernel.forward(case.parameters, case.inputs, case.initial, keep=False)
        assert np.allclose(
            run.outputs[system.outputs[0]],
            plain.forward(case.parameters, case.inputs, case.initial).outputs[system.outputs[0]],
            atol=1e3 * np.finfo(dtype).eps,
        )


@with_compiler
@settings(max_examples=12)
@given(systems(), st.integers(0, 2**16))
def test_random_systems_agree_with_the_evaluator(system, seed):
    if system.inputs:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CFLAGS", "-O1")
            kernel = Kernel(
                system, assemble(schedule(system), options("float64", False, True)), options("float64", False)
            )
        for case in draws.cases(system, 3, seed):
            assert worst_difference(kernel, case) <= 1e-10


@with_compiler
def test_checkpoints_and_lengths():
    """What is built on a kernel works on a compiled one."""
    system, rng = load("lstm"), np.random.default_rng(1)
    parameters = {n: rng.standard_normal((3, 5) if n[0] == "W" else 3) for n in system.parameters}
    x, up = rng.standard_normal((7, 4, 2)), rng.standard_normal((7, 4, 3))
    for more in ({"checkpoint": 3}, {}):
        found = []
        for compiled in (False, True):
            kernel = compile(system, compiled=compiled, **more)
            run = kernel.forward(parameters, {"x": x}, lengths={"t": np.array([7, 1, 4, 6])})
            found.append(kernel.backward(run, {"h": up}).parameters)
        assert all(np.allclose(found[0][name], found[1][name], rtol=1e-12, atol=1e-13) for name in parameters)


@with_compiler
def test_threads_share_a_kernel():
    """A loop holds no lock of Python's and no memory but its own."""
    system, rng = load("lstm"), np.random.default_rng(2)
    kernel = compile(system, compiled=True)
    parameters = {n: rng.standard_normal((16, 24) if n[0] == "W" else 16) / 4 for n in system.parameters}
    xs, up = rng.standard_normal((4, 30, 5, 8)), rng.standard_normal((30, 5, 16))

    def gradient(x):
        return kernel.backward(kernel.forward(parameters, {"x": x}), {"h": up}).parameters["W_f"]

    alone = [gradient(x) for x in xs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert all(map(np.array_equal, pool.map(gradient, xs), alone))


# --- planted faults --------------------------------------------------------------------------------------------------

FAULTS = {
    "the sign of a sum": (" + x", " - x"),
    "a function is left out": ("tanh_of(x", "(x"),
    "a value that is not stored": ("p_v_c_t[j] = ", "REAL unused = "),
    "the next step": ("v_h_prev_t + t * ", "v_h_prev_t + (t + 1) * "),
    "time runs backward": ("long t = 0; t < n_T; t++", "long t = n_T - 1; t >= 0; t--"),
    "cotangents are not added": ("= x22 + x23", "= x22"),
    "one gate for another": ("(p_v_dz_t + n_H * n_B)[j]", "(p_v_dz_t + (2L * n_H) * n_B)[j]"),
    "the last row is left out": ("j < n_H * n_B", "j < (n_H - 1) * n_B"),
    "a product of fewer columns": ("product((4L * n_H), n_H, n_B", "product((4L * n_H), n_H - 1, n_B"),
}


@with_compiler
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-O1")
    system, chosen = load("lstm"), options("float64", False, True)
    made = assemble(schedule(system), chosen)
    old, new = FAULTS[fault]
    if fault == "cotangents are not added":  # up_h + g_h, whatever they are called
        (old,) = {line.partition("=")[2].partition(";")[0] for line in made.native.splitlines() if "(11)" in line}
        new = old.partition("+")[0]
    assert old in made.native
    loops = tuple(replace(loop, text=loop.text.replace(old, new, 1)) for loop in made.module.loops)
    wrong = Kernel(system, Assembled(made.plan, made.module, build.functions_of(loops, "float64")), chosen)
    right = Kernel(system, made, chosen)
    cases = list(draws.cases(system, 3))
    assert max(worst_difference(right, case) for case in cases) <= 1e-12
    assert not max(worst_difference(wrong, case) for case in cases) <= 1e-6


# --- the compiler and what it makes ----------------------------------------------------------------------------------


def reason_of(name="janet"):
    system = load(name)
    made = assemble(schedule(system), options("float64", False, True))
    assert made.native == ""
    assert made.module.source == by_all_passes(system, "float64").source
    assert "\n" not in made.reason
    return made.reason


def test_without_a_compiler_it_is_numpy(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -x")
    assert reason_of() == "no C compiler: CC is no-such-compiler -x, which is not there"
    monkeypatch.delenv("CC")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert reason_of() == "no C compiler: none of cc, gcc, clang is there, and CC is not set"


@pytest.mark.skipif(shutil.which("false") is None, reason="no program that fails")
def test_a_compiler_that_fails(monkeypatch):
    monkeypatch.setenv("CC", "false")
    assert reason_of() == "false does not compile the loops: no message"


def test_what_has_no_loop_says_so():
    assert compile(derive.parse("y[t] = tanh(W @ x[t])"), compiled=True).reason == "there is no loop over time"


@with_compiler
def test_what_is_no_scan_of_columns_says_so():
    kernel = compile(derive.parse("S[t] = 0.5 * S[t-1] + x[t] @ x[t].T"), compiled=True)
    assert "S" in kernel.reason.partition(":")[0]


@with_compiler
def test_libraries_are_kept_safely(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = build.text_of("runtime.h") + "int answer(void) { return 42; }"
    first = build.library_of(text, "float64")
    place = tmp_path / "bptt"
    assert first.parent == place
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert build.library_of(text, "float64") == first
    others = {build.library_of(text, "float32"), build.library_of(text + "\n", "float64")}
    monkeypatch.setenv("CFLAGS", "-O1")
    others.add(build.library_of(text, "float64"))
    assert len(others | {first}) == 4
    assert all(file.suffix in (".so", ".o") for file in place.iterdir())  # nothing half made is left


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files")
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = tmp_path / "bptt"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(Unavailable, match="only you can write to"):
        build.folder()
    place.chmod(0o700)
    assert build.folder() == place
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(Unavailable, match="of your own"):
        build.folder()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "linked"))
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "bptt").symlink_to(place)
    with pytest.raises(Unavailable, match="not a folder of your own"):
        build.folder()


@with_compiler
def test_names_never_reach_the_text():
    """Identifiers in C are made of letters, digits and underscores, whatever the quantities are called."""
    system = derive.parse("η[t] = tanh(Ω @ η[t-1] + double * int[t])\nΩ : free, free")
    kernel = compile(system, compiled=True)
    assert kernel.native.isascii()
    assert max(worst_difference(kernel, case) for case in draws.cases(system, 3)) <= 1e-12
