"""`bptt bench`: what it asks for, prints and writes."""

import json

import pytest

import reports.commands.bench as bench_command
from numeric.bench.contender import BOTH
from numeric.bench.records import Missing, Place, Row
from numeric.bench.task import CONFIGURATIONS, Configuration
from reports.cli import main


def row(other, ratio, peer=True, configuration="S1"):
    place = Place("rnn", configuration, "float32", 1)
    return Row(place, BOTH, "kernel", other, peer, 0.001, 0.001 / ratio, 0.9 * ratio, ratio, 1.1 * ratio, 7, 1e-7)


RECORDS = [
    row("torch", 0.5),
    row("jax", 1.25, configuration="M2"),
    row("jax", 2.25),
    row("limit", 4.0, peer=False),
    Missing(Place("rnn", "S1", "float32", 1), "", "onnxruntime", "onnxruntime is not installed"),
]


def measured(monkeypatch, records):
    monkeypatch.setattr(bench_command, "run", lambda asked: iter(records))


def test_a_run_of_all_of_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(CONFIGURATIONS, "S1", Configuration("S1", 1, 3, 2, 2))
    out = tmp_path / "found.json"
    options = ["--configurations", "S1", "--quick", "--clock", "cpu", "--contenders", "textbook,limit", "-o", str(out)]
    assert main(["bench", "rnn", *options, "--json"]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    assert json.loads(printed) == json.loads(out.read_text(encoding="utf-8"))
    found = json.loads(printed)
    rows = [record for record in found["records"] if record["kind"] == "Row"]
    assert [(r["own"], r["other"], r["direction"], r["pairs"]) for r in rows] == [
        ("kernel", name, BOTH, 7) for name in ("textbook", "limit")
    ]
    assert all(0 < r["low"] <= r["ratio"] <= r["high"] for r in rows)
    assert (found["clock"], found["pairs"]) == ("cpu", 7)


def test_losses_come_first(capsys, monkeypatch):
    measured(monkeypatch, RECORDS)
    assert main(["bench", "--quick"]) == 0
    out, _ = capsys.readouterr()
    titles = ("Losses to peers: 2 of 3 ratios", "Forward and backward", "Milliseconds of a call", "Not measured")
    assert sorted(map(out.index, titles)) == list(map(out.index, titles))
    losses = out[out.index(titles[0]) : out.index(titles[1])]
    assert "kernel / jax" in losses
    assert losses.index("S1") < losses.index("M2")
    assert losses.index("2.25") < losses.index("1.25")
    assert "torch" not in losses
    assert "limit" not in losses
    assert "onnxruntime is not installed" in out


def test_wrong_results_are_a_status(monkeypatch, capsys):
    wrong = Missing(RECORDS[0].place, BOTH, "torch", "its results differ by 1.0e-01", wrong=True)
    measured(monkeypatch, [*RECORDS, wrong])
    assert main(["bench", "--quick"]) == 1
    assert "its results differ by 1.0e-01" in capsys.readouterr().out


@pytest.mark.needs("matplotlib")
def test_plot(monkeypatch, tmp_path, capsys):
    measured(monkeypatch, [*RECORDS, row("torch", 0.7, configuration="M2")])
    assert main(["bench", "--quick", "--plot", str(tmp_path / "found.svg")]) == 0
    assert "<svg" in (tmp_path / "found.svg").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["bench", "--quick", "--plot", str(tmp_path / "found.nonsense")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--configurations", "S9"), "'S9' is not there; there are S1, S2"),
        (("--dtypes", "float16"), "float16"),
        (("--threads", "0"), "--threads: '0' is not there"),
        (("--contenders", "tensorflow"), "tensorflow"),
        (("--contenders", ","), "name one of kernel"),
        (("--pairs", "6"), "at least 7"),
        (("--clock", "sun"), "--clock: 'sun'"),
        (("--direction", "up"), "--direction: 'up'"),
        (("--clock", "cpu", "--threads", "1,2"), "--threads 1"),
    ],
)
def test_bad_options_are_one_line(capsys, monkeypatch, options, reason):
    measured(monkeypatch, RECORDS)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert main(["bench", "--quick", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert reason in err
