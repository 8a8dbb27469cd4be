"""Loops in C against the evaluator and the NumPy kernel, and what is done where they cannot be had."""

import shutil

import numpy as np
import pytest

import derive
from derive.library import load, names
from numeric import draws
from numeric.kernel import compile
from tests.numeric.agreement import SYSTEMS, worst_difference

COMPILER = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
with_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A folder for libraries that this run alone uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("CC", raising=False)
        yield


def system_of(name):
    return load(name) if name in names() else derive.parse(SYSTEMS[name], name=name)


@with_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "name", ["rnn", "gru-reset-after", "lstm", "lstm-niaf", "bidirectional", "constants", "unicode"]
)
def test_agrees_with_the_evaluator(name, dtype):
    kernel = compile(system_of(name), dtype, compiled=True)
    assert kernel.native
    for case in draws.cases(kernel.system, 6):
        assert worst_difference(kernel, case) <= (1e-12 if dtype == "float64" else 1e-4)


def test_without_a_compiler_it_is_numpy(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    kernel = compile(load("janet"), compiled=True)
    assert kernel.native == ""
    assert kernel.reason == "no C compiler: CC is no-such-compiler, which is not there"
    assert kernel.source == compile(load("janet")).source
    (case,) = draws.cases(kernel.system, 1)
    assert np.isfinite(worst_difference(kernel, case))
