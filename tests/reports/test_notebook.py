"""Notebooks: what objects show of themselves, and the notebook of the documentation, which is run."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

import derive
import numeric
from reports.notation import Notation
from reports.notations import notation
from reports.notebook import equation_html, load_ipython_extension, system_html, unload_ipython_extension

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "docs" / "tour.ipynb"
LSTM = derive.load("lstm")


def shown(value: object) -> dict[str, str]:
    """What a notebook is given of a value, by type."""
    found, _ = InteractiveShell.instance().display_formatter.format(value)
    return found


def test_a_system_and_an_equation_are_latex():
    assert r"\begin{aligned}" in shown(LSTM)["text/latex"]
    assert shown(LSTM.equation("c"))["text/latex"].startswith("$c_{t} = ")


def test_evidence_is_html():
    evidence = numeric.verify(derive.load("rnn"), cases=1)[0]
    assert "✓" in shown(evidence)["text/html"]


def test_with_the_extension_they_are_tables_of_formulas():
    shell = InteractiveShell.instance()
    assert "text/html" not in shown(LSTM)
    load_ipython_extension(shell)
    try:
        html = shown(LSTM)["text/html"]
        assert html == system_html(LSTM)
        assert "<math" in shown(LSTM.equation("c"))["text/html"]
    finally:
        unload_ipython_extension(shell)
    assert "text/html" not in shown(LSTM)
    assert html.count("<tr>") == len(LSTM.equations)


@pytest.mark.parametrize("style", ["standard", "ng", "pytorch"])
def test_a_table_is_well_formed_for_a_system_and_its_gradient(style):
    for system in (LSTM, LSTM.adjoint()):
        ElementTree.fromstring(system_html(system, notation(style)))
    assert "⟨" in system_html(LSTM, notation("ng"))


def test_names_are_text():
    hostile = derive.parse("h_é[t] = tanh(script @ h_é[t-1])")
    ElementTree.fromstring(system_html(hostile, Notation()))
    ElementTree.fromstring(equation_html(hostile.equation("h_é")))


def test_the_tour_is_tidy():
    notebook = json.loads(TOUR.read_text(encoding="utf-8"))
    nbformat.validate(nbformat.from_dict(notebook))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook["cells"])


def test_the_tour_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.read(TOUR, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [cell.outputs[-1].data for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert len(outputs) == 7
    assert "<table>" in outputs[0]["text/html"]
    assert "missing-derivative" in outputs[-1]["text/plain"]
