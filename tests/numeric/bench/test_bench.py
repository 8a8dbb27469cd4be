"""The bench: contenders compute the same, and what is said of their times follows from the samples."""

import json

import numpy as np
import pytest

import derive
from numeric.bench import rows as rows_module
from numeric.bench import startup as startup_module
from numeric.bench.contender import BOTH, FORWARD, Action, Contender, NotMeasured, Ready, difference, prepared
from numeric.bench.growth import growth, unrolled, unseen
from numeric.bench.limit import limit
from numeric.bench.memory import memory
from numeric.bench.own import kernel
from numeric.bench.pairs import Pairs, paired, repeats
from numeric.bench.records import Cost, Memory, Missing, Place, Row, as_dict, from_dict, losses
from numeric.bench.rows import CONTENDERS, Plan, measure
from numeric.bench.task import Configuration, task

TINY = Configuration("tiny", 2, 5, 3, 4)
PLAN = Plan(pairs=3, clock="cpu")
CELLS = ("rnn", "lstm", "gru-reset-after")
BY_NAME = {contender.name: contender for contender in CONTENDERS}


def same(name, cell, dtype="float64"):
    """Largest differences of a contender from the kernel: forward, and forward and backward."""
    what = task(derive.load(cell), TINY, dtype)
    found, expected = prepared(BY_NAME[name], what).actions, kernel(what).actions
    return {d: difference(*(x[d].seen(x[d].call()) for x in (found, expected))) for d in found}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "name",
    [
        "textbook",
        "autograd",
        "checkpoint",
        *(pytest.param(name, marks=pytest.mark.needs(name)) for name in ("torch", "jax")),
    ],
)
def test_contenders_compute_the_same(name, cell):
    errors = same(name, cell)
    assert set(errors) == {FORWARD, BOTH}
    assert max(errors.values()) < 1e-13


@pytest.mark.needs("onnxruntime", "onnx")
@pytest.mark.parametrize("cell", CELLS)
def test_onnx_runtime_computes_the_same_forward(cell):
    (error,) = same("onnxruntime", cell, "float32").values()
    assert error < 1e-5


def test_autograd_takes_any_system():
    assert max(same("autograd", "mgu").values()) < 1e-13


@pytest.mark.parametrize("cell", CELLS)
def test_records_of_a_task(cell):
    plan = Plan(("kernel", "checkpoint", "autograd", "textbook", "limit"), pairs=3, clock="cpu")
    found = list(measure(task(derive.load(cell), TINY, "float32"), plan))
    rows = [record for record in found if isinstance(record, Row)]
    assert {(row.direction, row.other) for row in rows} == {
        (direction, name) for direction in (FORWARD, BOTH) for name in ("checkpoint", "autograd", "textbook", "limit")
    }
    for row in rows:
        assert row.place == Place(cell, "tiny", "float32", 1)
        assert 0 < row.low <= row.ratio <= row.high
        assert min(row.seconds, row.other_seconds) > 0
        assert row.pairs == 3
        assert row.peer == (row.other in ("autograd", "textbook"))
        assert (row.difference is None) == (row.other == "limit")
    assert {record.contender for record in found if isinstance(record, Cost)} == {"kernel", "checkpoint"}
    assert [from_dict(json.loads(json.dumps(as_dict(record)))) for record in found] == found


def test_wrong_results_are_not_timed(monkeypatch):
    def wrong(what):
        ready = kernel(what)
        return Ready(
            {
                name: Action(
                    action.call, lambda found, seen=action.seen: {n: 1.001 * a for n, a in seen(found).items()}
                )
                for name, action in ready.actions.items()
            }
        )

    monkeypatch.setattr(rows_module, "CONTENDERS", (BY_NAME["kernel"], Contender("torch", "", wrong)))
    found = list(measure(task(derive.load("rnn"), TINY, "float32"), PLAN))
    assert not [record for record in found if isinstance(record, Row)]
    missing = [record for record in found if isinstance(record, Missing)]
    assert [record.wrong for record in missing] == [True, True]
    assert all("differ" in record.reason for record in missing)


def test_nan_is_a_difference():
    assert difference({"a": np.array([1.0, np.nan])}, {"a": np.ones(2)}) == np.inf
    with pytest.raises(ValueError, match="computes b, not a"):
        difference({"b": np.ones(2)}, {"a": np.ones(2)})
    with pytest.raises(ValueError, match="shape"):
        difference({"a": np.ones(3)}, {"a": np.ones(2)})


def test_what_takes_too_long_is_named():
    plan = Plan(("kernel", "autograd"), (BOTH,), 7, "cpu", most=1e-9)
    (said,) = [r for r in measure(task(derive.load("rnn"), TINY, "float32"), plan) if isinstance(r, Missing)]
    assert said.contender == "autograd"
    assert "7 pairs beside kernel would take" in said.reason


@pytest.mark.parametrize("name", ["torch", "jax", "textbook", "limit", "onnxruntime"])
def test_unknown_cells_are_named(name):
    pytest.importorskip({"textbook": "numpy", "limit": "numpy"}.get(name, name))
    with pytest.raises(NotMeasured, match="lstm-peephole"):
        prepared(BY_NAME[name], task(derive.load("lstm-peephole"), TINY, "float32"))


def test_a_file_called_lstm_is_not_the_lstm():
    what = task(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])", name="lstm"), TINY, "float32")
    with pytest.raises(NotMeasured):
        limit(what)


def test_what_is_not_installed_is_named():
    with pytest.raises(NotMeasured, match="no_such_module is not installed"):
        prepared(Contender("x", "", kernel, module="no_such_module"), task(derive.load("rnn"), TINY, "float32"))


def test_quartiles_are_of_the_pairs():
    own, other = (1.0, 2.0, 3.0, 8.0, 5.0), (1.0, 1.0, 1.0, 2.0, 1.0)
    assert Pairs(own, other).ratios == [1, 2, 3, 4, 5]
    assert Pairs(own, other).quartiles == (2, 3, 4)
    assert Pairs((3.0,), (2.0,)).quartiles == (1.5, 1.5, 1.5)


def test_pairs_alternate():
    calls = []
    found = paired(lambda: calls.append("a"), lambda: calls.append("b"), 4, "wall", (1.0, 1.0))
    assert "".join(calls) == "abbaabba"
    assert len(found.own) == len(found.other) == 4
    assert repeats(1.0) == 1
    assert repeats(1e-3) == 4


def test_losses_are_to_peers_and_the_worst_comes_first():
    place = Place("lstm", "S1", "float32", 1)

    def row(other, ratio, peer=True):
        return Row(place, BOTH, "kernel", other, peer, 1.0, 1.0, ratio, ratio, ratio, 7, 0.0)

    records = [row("torch", 1.1), row("limit", 9.0, False), row("jax", 2.0), row("autograd", 0.1)]
    assert [record.other for record in losses(records)] == ["jax", "torch"]


def test_memory_of_the_kernel_grows_with_the_sequence():
    small, large = (
        memory(task(derive.load("lstm"), Configuration("x", 16, steps, 32, 32), "float32"), "kernel")
        for steps in (50, 500)
    )
    assert isinstance(small, Memory)
    assert 5 < large.traced / small.traced < 15
    assert large.resident >= 0
    assert isinstance(memory(task(derive.load("mgu"), TINY, "float32"), "textbook"), Missing)


def test_growth_is_a_slope(monkeypatch):
    import numeric.bench.growth as module

    monkeypatch.setattr(module, "seconds", lambda call, times, clock: float(call() or 1))
    monkeypatch.setattr(module, "_kernel", lambda what: lambda: what.sizes.steps**2 * what.sizes.batch)
    sizes = (
        [Configuration("x", 1, n, 2, 2) for n in (2, 4, 8)],
        [Configuration("x", n, 1, 2, 2) for n in (3, 9)],
    )
    found = list(growth(derive.load("rnn"), "float32", 1, PLAN, sizes))
    assert [(record.along, record.numbers) for record in found] == [("T", (2, 4, 8)), ("B", (3, 9))]
    assert [record.exponent for record in found] == pytest.approx([2, 1])


def test_unseen_systems_have_equal_products():
    typed, deep = unseen(TINY, "float32", 1, PLAN)
    assert (typed.place.cell, typed.other) == ("mgu, typed", "2/3 of gru")
    assert deep.place.cell == "bidirectional-gru-2-layers"
    for row in (typed, deep):
        assert 0 < row.low <= row.ratio <= row.high
        assert not row.peer


def test_startup_is_of_fresh_processes(monkeypatch):
    monkeypatch.setattr(startup_module, "COMMANDS", (("--help",),))
    found = {record.what: record.seconds for record in startup_module.startup(1)}
    assert set(found) == {*startup_module.NAMES, "bptt --help"}
    assert found["import numeric, NumPy and SymPy being there"] > 0
    assert found["compile the LSTM, again"] < found["compile the LSTM, first in a process"]


def test_unrolling_grows_with_the_sequence():
    found = unrolled(derive.load("rnn"), "float32", 1, (2, 8, 32))
    assert found.numbers == (2, 8, 32)
    assert found.seconds[0] < found.seconds[-1]
