"""Exercises: the blanks know nothing of the answers, and the solutions have the same numbers."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from functools import cache

import pytest

import derive
import reports
from derive.networks import build
from reports.cli import main
from reports.context import Context
from reports.document import Prose, Rows, Table, number
from reports.exercise import KINDS, RULE, UnknownBlank, blanked, chosen, solved
from reports.writing import report

SYSTEMS = ("lstm", "rnn-bidirectional", "many-to-many")


def system_of(name):
    return build(name) if name in ("rnn-bidirectional", "many-to-many", "attention-bahdanau") else derive.load(name)


@cache
def whole_of(name):
    """A report without pictures, which have no blanks; made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.pictures.canvas.available", lambda: False)
        return report(Context(system_of(name)))


def rows_of(made):
    return [row for block in made.blocks if isinstance(block, Rows) for row in block.rows]


def cells_of(made):
    tables = [block for block in made.blocks if isinstance(block, Table)]
    return [cell for table in tables for row in table.rows for cell in row]


def words(latex: str) -> str:
    return "".join(latex.split())


def answers(whole, blank):
    """The terms, reasons and cells of a report that its exercise does not have."""
    found = []
    for row, left in zip(rows_of(whole)[: len(rows_of(blank))], rows_of(blank), strict=True):
        if row != left:
            found += [term.lstrip("+-= ") for term in row.terms if term not in left.terms]
    pairs = zip(cells_of(whole)[: len(cells_of(blank))], cells_of(blank), strict=True)
    return found + [cell.strip("$") for cell, left in pairs if cell != left]


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_answers_are_nowhere_in_the_exercise(name, tmp_path, monkeypatch):
    """In no formula, alternative text, text to copy, comment or other file; what is given anyway excepted."""
    if name != "lstm":
        monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)
    files = reports.write(system_of(name), tmp_path, evidence=[], blanks=KINDS)
    whole = whole_of(name)
    blank = blanked(whole, KINDS, "x")
    prose = "".join(block.text for block in blank.blocks if isinstance(block, Prose))
    given = words(" ".join(row.latex for row in rows_of(blank)) + " ".join(cells_of(blank)) + prose)
    secret = {words(answer) for answer in answers(whole, blank)}
    secret = {answer for answer in secret if len(answer) > 8 and answer not in given}
    assert len(secret) > 30
    for path in files:
        if "exercise" in path.name and path.suffix in (".html", ".tex"):
            text = words(path.read_text().replace("&amp;", "&").replace("&gt;", ">"))
            assert not [answer for answer in secret if answer in text], path.name
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.usefixtures("undrawn")
def test_the_search_for_answers_finds_one(tmp_path):
    """The same search objects where nothing is blank."""
    whole = whole_of("lstm")
    secret = answers(whole, blanked(whole, ("delta",), "x"))
    (path,) = reports.write("lstm", tmp_path, formats=("html",), evidence=[])
    text = words(path.read_text())
    assert sum(words(answer) in text for answer in secret) > 20


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["lstm", "many-to-many"])
def test_numbers_that_are_asked_for_stand_nowhere(name, tmp_path):
    """Every number of four decimals in the exercise, outside of pictures, is one that the exercise gives."""
    reports.write(system_of(name), tmp_path, evidence=[], blanks=("example",))
    decimals = re.compile(r"(?<![\d.])\d+\.\d{4}(?!\d)")
    pages = [tmp_path / f"{name}-{word}.html" for word in ("exercise", "solutions")]
    texts = (re.sub("<figure.*?</figure>", "", page.read_text(), flags=re.DOTALL) for page in pages)
    shown, solution = (set(decimals.findall(text)) for text in texts)
    assert shown < solution
    whole = whole_of(name)
    secret = {n for answer in answers(whole, blanked(whole, ("example",), "x")) for n in decimals.findall(answer)}
    assert len(secret - shown) > 15
    model = blanked(whole, ("example",), "x")
    assert shown <= {n for row in rows_of(model) for n in decimals.findall(row.latex)}


@pytest.mark.parametrize("kinds", [("delta",), ("parameters",), ("count",), ("example",), KINDS])
def test_both_files_have_the_same_numbers(kinds):
    whole = whole_of("gru")
    blank, solution = blanked(whole, kinds, "a"), solved(whole, kinds, "b")
    assert number(blank.blocks) == number(solution.blocks)
    assert len(rows_of(blank)) == len(rows_of(solution))
    empty = sum(row.terms[-1].endswith(RULE[-10:]) for row in rows_of(blank))
    empty += sum("underline" in cell for cell in cells_of(blank))
    marked = sum(any("underline" in t for t in row.terms) for row in rows_of(solution)) + sum(
        "underline" in cell or cell.startswith("answer") for cell in cells_of(solution)
    )
    assert empty == marked > 0


def test_solutions_say_what_the_report_says():
    """Without the marks every row is the row of the report."""
    whole = whole_of("lstm")
    solution = solved(whole, KINDS, "x")
    for row, marked in zip(rows_of(whole), rows_of(solution), strict=False):
        bare = [re.sub(r"\\underline\{(.*)\}$", r"\1", term) for term in marked.terms]
        assert [words(term) for term in bare] == [words(term) for term in row.terms]


@pytest.mark.usefixtures("undrawn")
def test_kinds_leave_the_rest():
    whole = whole_of("lstm")
    count = blanked(whole, ("count",), "x")
    assert rows_of(count) == rows_of(whole)
    delta = blanked(whole, ("delta",), "x")
    assert cells_of(delta) == cells_of(whole)
    sized = report(Context(derive.load("lstm"), sizes={"D": 4, "H": 3}))
    assert "96" not in "".join(cells_of(blanked(sized, ("count",), "x")))


@pytest.mark.usefixtures("undrawn")
def test_files_link_to_each_other(tmp_path):
    files = reports.write("rnn", tmp_path, evidence=[], blanks=("delta", "count"))
    assert {path.name for path in files} >= {f"rnn-{w}.{s}" for w in ("exercise", "solutions") for s in ("html", "tex")}
    pages = {word: (tmp_path / f"rnn-{word}.html").read_text() for word in ("exercise", "solutions")}
    for (own, page), other in zip(pages.items(), ("solutions", "exercise"), strict=True):
        assert f'href="rnn-{other}.html#eq-7"' in page
        assert 'id="eq-7"' in page
        assert f"rnn-{other}" in page, own
        ET.fromstring(re.sub(r"<!DOCTYPE html>|<script>.*</script>", "", page, flags=re.DOTALL))
    again = reports.write("rnn", tmp_path / "again", evidence=[], blanks=("delta", "count"))
    assert all(first.read_bytes() == second.read_bytes() for first, second in zip(files, again, strict=True))


@pytest.mark.usefixtures("undrawn")
def test_only_the_format_that_is_asked_for(tmp_path):
    files = reports.write("rnn", tmp_path, formats=("html",), evidence=[], blanks=("delta",))
    assert [path.name for path in files] == ["rnn-exercise.html", "rnn-solutions.html"]
    with pytest.raises(UnknownBlank, match="an exercise is written as html or tex, not as json"):
        reports.write("rnn", tmp_path, formats=("json",), evidence=[], blanks=("delta",))


def test_kinds():
    assert chosen("") == ("delta", "count", "example")
    assert chosen("count, delta,count") == ("count", "delta")
    with pytest.raises(UnknownBlank, match="nothing called 'deltas' can be left blank; there are delta, parameters"):
        chosen("deltas")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--blank", "deltas"), "nothing called 'deltas' can be left blank"),
        (("--example", "x"), "no example of lecture"),
        (("--example", "none", "--blank", "example"), "--example none leaves no example"),
    ],
)
def test_bad_options_are_one_line(options, reason, tmp_path, capsys):
    assert main(["report", "rnn", "-o", str(tmp_path), *options]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("undrawn")
def test_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("reports.commands.report.evidence_of", lambda system, tell: [])
    assert main(["report", "rnn-nobias", "-o", str(tmp_path), "--exercise"]) == 0
    out = capsys.readouterr().out
    assert "rnn-nobias-exercise.html" in out
    assert "rnn-nobias-solutions.tex" in out
    page = (tmp_path / "rnn-nobias-exercise.html").read_text()
    assert "places are left blank" in page


@pytest.mark.needs("pdflatex")
def test_exercise_and_solutions_compile(tmp_path):
    reports.write("rnn", tmp_path, formats=("tex",), evidence=[], blanks=KINDS)
    for stem in ("rnn-exercise", "rnn-solutions"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", f"{stem}.tex"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=120, capture_output=True)
        assert "Overfull" not in (tmp_path / f"{stem}.log").read_text(errors="replace")
