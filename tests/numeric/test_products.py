"""Products of a step some rows at a time: the same as all at once, for any sizes, alone and in a kernel."""

import numpy as np
import pytest

from derive.library import load
from numeric import draws, products
from numeric.kernel import compile_with
from numeric.passes import PASSES
from tests.numeric.agreement import worst_difference

TOLERANCE = 1e-11
SIZES = [(1, 1, 1), (7, 3, 2), (128, 128, 32), (384, 128, 96), (1021, 64, 32), (64, 40000, 1), (4, 300000, 1)]


@pytest.fixture
def small(monkeypatch):
    """Most products are large ones, and some rows at a time the faster way."""
    for name, value in (("TINY", 8), ("SMALL", 30), ("LEAST", 1), ("GAIN", float("inf"))):
        monkeypatch.setattr(products, name, value)
    products.rows_at_once.cache_clear()
    yield
    products.rows_at_once.cache_clear()


@pytest.mark.parametrize(("m", "n", "batch"), SIZES)
def test_rows_at_a_time_are_the_product(m, n, batch, monkeypatch):
    monkeypatch.setattr(products, "GAIN", float("inf"))
    products.rows_at_once.cache_clear()
    rng = np.random.default_rng(0)
    matrix, columns, out = rng.standard_normal((m, n)), rng.standard_normal((n, batch)), np.empty((m, batch))
    products.multiplier(matrix, batch)(columns, out)
    np.testing.assert_allclose(out, matrix @ columns, rtol=0, atol=1e-14 * n)
    rows = products.rows_at_once(m, n, batch, "d")
    assert rows == 0 or (m % rows == 0 and rows * n * batch <= products.SMALL)
    products.rows_at_once.cache_clear()


def test_some_sizes_are_divided_and_some_are_not():
    found = [m * n * batch > products.SMALL and m % 16 == 0 for m, n, batch in SIZES]
    assert {True, False} == set(found)


def test_a_row_is_no_matrix():
    row, columns, out = np.arange(3.0), np.ones((3, 400000)), np.empty(400000)
    products.multiplier(row, 400000)(columns, out)
    assert (out == 3).all()


def test_a_choice_is_measured_once(monkeypatch):
    products.rows_at_once.cache_clear()
    first = products.rows_at_once(384, 128, 32, "f")
    monkeypatch.setattr(products.time, "perf_counter", None)  # a second measurement would fail
    assert products.rows_at_once(384, 128, 32, "f") == first


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("m", "n", "batch"), SIZES[:-2])
def test_all_steps_are_the_products_of_each(m, n, batch, biased, order, monkeypatch):
    monkeypatch.setattr(products, "GAIN", float("inf"))
    products.rows_at_once.cache_clear()
    rng = np.random.default_rng(0)
    matrix, values = rng.standard_normal((m, n)), rng.standard_normal((3, batch, n))
    bias = rng.standard_normal(m) if biased else None
    if order == "F":  # feature-major, as states are
        values = np.ascontiguousarray(values.mT).mT
    wanted = np.stack([matrix @ step.T + (bias[:, None] if biased else 0) for step in values])
    found = products.for_steps(lambda shape: np.full(shape, np.nan), matrix, bias, batch)(values)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14 * (n + 1))
    products.rows_at_once.cache_clear()


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "lstm-peephole"])
def test_kernels_agree_some_rows_at_a_time(name, small, monkeypatch):
    divided, seen = products.blockwise, []
    monkeypatch.setattr(products, "blockwise", lambda *given: seen.append(given) or divided(*given))
    kernel = compile_with(load(name), "float64", None, PASSES)
    for case in draws.cases(kernel.system, 3):
        assert worst_difference(kernel, case) <= TOLERANCE
    assert any(rows < len(matrix) for matrix, rows in seen)


def test_a_wrong_block_is_seen(small, monkeypatch):
    monkeypatch.setattr(products, "blockwise", lambda matrix, rows: (2 * matrix).dot)
    kernel = compile_with(load("lstm"), "float64", None, PASSES)
    assert max(worst_difference(kernel, case) for case in draws.cases(kernel.system, 3)) > 1e-3
