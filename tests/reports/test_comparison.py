"""Comparison: what the table says of known cells, for any system, in every format, and errors in one line."""

from __future__ import annotations

import json
import re
import subprocess
from xml.etree import ElementTree

import pytest
import sympy

import derive
from derive.networks import build
from reports.cli import main
from reports.commands.failure import Failure
from reports.commands.report import leads
from reports.comparing import compare, comparison
from reports.context import Context
from reports.document import Column, DocumentError, Figure, Heading, Prose, Report, Rows, Table
from reports.measures import Measures

CELLS = ("rnn", "gru", "lstm")
LAMP = "h[t] = z[t] * h[t-1] + (1 - z[t]) * x[t]; z[t] = sigmoid(W @ x[t] + b)".replace("; ", "\n")


def measured(*systems, sizes=None):
    return [Measures(Context(system), dict(sizes or {})) for system in systems]


def table(report, word):
    return next(b for b in report.blocks if isinstance(b, Table) and word in b.caption)


def columns(found, index):
    return {row[0]: row[index] for row in found.rows}


@pytest.fixture(scope="module")
def three():
    return comparison(measured(*map(derive.load, CELLS), sizes={"D": 10, "H": 20}))


def test_counts_of_known_cells(three):
    """By hand: a block is H(D + H + 1); of H = 20 and D = 10 it is 620."""
    found = table(three, "What they cost")
    assert found.header == ("", *CELLS)
    rows = {row[0]: row[1:] for row in found.rows}
    assert rows["parameters"] == ("$H (D + H + 1)$", "$3 H (D + H + 1)$", "$4 H (D + H + 1)$")
    places = [n for n, row in enumerate(found.rows) if row[0].startswith("…")]
    assert found.rows[places[0]][1:] == ("620 (1)", "1\u2009860 (3)", "2\u2009480 (4)")
    assert rows["gates"] == ("none", "2: $z_{t}$, $r_{t}$", "3: $f_{t}$, $i_{t}$, $o_{t}$")
    assert rows["direct path"] == (
        "none",
        r"$h_{t}$: $\operatorname{diag}(1 - z_{t})$",
        r"$c_{t}$: $\operatorname{diag}(f_{t})$",
    )


def test_operations_of_a_plain_network_by_hand():
    """A step: W[h; x] is H(2(H + D) − 1), the bias H, tanh H."""
    (rnn,) = measured(derive.load("rnn"))
    d, h = (next(s for s in rnn.forward.free_symbols if str(s) == name) for name in "DH")
    assert sympy.expand(rnn.forward - (h * (2 * (h + d) - 1) + h + h)) == 0
    assert rnn.number(rnn.kept) == 64  # tanh' is a function of h


def test_units_for_the_same_number_of_parameters():
    (gru,) = measured(derive.load("gru"), sizes={"D": 10})
    name, units = gru.units(2480)
    assert name == "H"
    assert 3 * units * (10 + units + 1) <= 2480 < 3 * (units + 1) * (10 + units + 2)


def test_what_each_gate_buys(three):
    """With the forget gate always open a gradient does not shrink; the reset gate is on no direct path."""
    rows = {(row[0], row[1]): row for row in table(three, "What each gate buys").rows}
    assert len(rows) == 5
    forget, reset = rows["lstm", "$f_{t}$"], rows["gru", "$r_{t}$"]
    assert forget[2] == "$c_{t}$"
    assert (forget[4], reset[4]) == ("yes", "no")
    assert float(forget[5]) < 0.7 < 1 <= float(forget[6])


def test_the_summary_has_the_ratio_at_every_size(three):
    text = next(block.text for block in three.blocks if isinstance(block, Prose))
    assert "lstm has 4 times, at every size, the parameters of rnn, 3 gates against 0" in text
    assert "in gru, lstm, and does not in rnn" in text


def test_equations_stand_side_by_side(three):
    places = [(b.place, b.of) for b in three.blocks if isinstance(b, Column)]
    assert places == [("first", 3), ("next", 3), ("next", 3), ("end", 3)] * 3
    sections = [b.text for b in three.blocks if isinstance(b, Heading) and b.level == 2]
    assert sections == ["What each gate buys", *CELLS, *CELLS, *CELLS]
    last = [block for block in three.blocks if isinstance(block, Rows)][2]
    assert [row.left for row in last.rows][-1] == "h_{t}"


@pytest.mark.needs("matplotlib")
def test_gradients_are_on_one_axis(three):
    figures = [block for block in three.blocks if isinstance(block, Figure)]
    assert len(figures) == 2
    for name, measures in zip(CELLS, measured(*map(derive.load, CELLS)), strict=True):
        growth = measures.at(measures.recurrences[0], 1.0).growth
        assert re.search(rf"{name} \S+ at lag 24, {growth:.3g} a step", figures[0].alt)


@pytest.mark.parametrize(
    "systems",
    [
        (derive.load("mamba"), derive.load("lru")),
        (build("rnn-deep"), build("self-attention"), derive.parse(LAMP, name="lamp"), derive.load("rnn")),
        (derive.load("conv-lstm"), build("attention-bahdanau")),
    ],
)
def test_any_systems_can_be_compared(systems, monkeypatch):
    """Labels, references and formulas are checked by `Report` itself."""
    monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)
    found = comparison(measured(*systems))
    assert table(found, "What they cost").header == ("", *(system.name for system in systems))


@pytest.mark.needs("matplotlib")
def test_files(tmp_path):
    files = compare(["rnn", "gru"], tmp_path, evidence=[[], []])
    assert {file.name for file in files} == {
        *(f"compare-rnn-gru.{ending}" for ending in ("html", "tex", "json")),
        *(f"compare-rnn-gru+figure-{n}.pdf" for n in (1, 2)),
    }
    ElementTree.parse(tmp_path / "compare-rnn-gru.html")
    record = json.loads((tmp_path / "compare-rnn-gru.json").read_text())
    assert [each["name"] for each in record["systems"]] == ["rnn", "gru"]
    assert record["systems"][1]["direct"] == ["h: diag(1 - z[t])"]


@pytest.mark.needs("latexmk", "matplotlib")
def test_the_latex_compiles_without_overfull_boxes(tmp_path):
    compare(CELLS, tmp_path, formats=("tex",), evidence=[[], [], []])
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "compare-rnn-gru-lstm.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120, capture_output=True)
    assert "Overfull" not in (tmp_path / "compare-rnn-gru-lstm.log").read_text(errors="replace")


@pytest.mark.parametrize(
    ("systems", "message"),
    [(["rnn"], "needs two systems or more, not 1"), (["rnn", "rnn"], "of different names; two are called rnn")],
)
def test_errors_are_one_line(systems, message, tmp_path, capsys):
    with pytest.raises(ValueError, match=message):
        compare(systems, tmp_path, evidence=[[]] * len(systems))
    assert main(["report", *systems, "--compare", "-o", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_path_forward_in_time_is_one_of_a_recurrence_that_runs_backward():
    leads([build("rnn-bidirectional")], (2, 5))
    leads([derive.load("rnn")], (5, 2))
    with pytest.raises(Failure, match="in rnn no gradient flows from the loss of step 2 to step 5"):
        leads([build("rnn-bidirectional"), derive.load("rnn")], (2, 5))


def test_what_is_in_the_way_is_said_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("reports.commands.compare.evidence_of", lambda system, tell: pytest.fail("it has begun"))
    (tmp_path / "compare-rnn-gru.tex").write_text("mine")
    assert main(["report", "rnn", "gru", "--compare", "-o", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "compare-rnn-gru.tex: it exists and bptt report did not write it; --force overwrites it" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "places",
    [
        [("first", 2), ("end", 2)],
        [("next", 1)],
        [("first", 2), ("next", 2)],
        [("first", 1), ("end", 1), ("end", 1)],
    ],
)
def test_columns_begin_and_end(places):
    with pytest.raises(DocumentError, match="columns are a first"):
        Report("t", "", tuple(Column(*place) for place in places))


@pytest.mark.parametrize("path", ["5", "5:x", "13:1", "0:1", "5:2:1", "2:5"])
def test_a_path_that_is_none_is_said_before_anything_is_written(path, tmp_path, capsys):
    assert main(["report", "rnn", "--path", path, "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("bptt: --path: ")
    assert not list(tmp_path.iterdir())
