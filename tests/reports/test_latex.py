"""The TeX writer: compiles without overfull boxes, with the numbers of the other writers, whatever it is given."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports import files, formula, latex
from reports.document import Code, Figure, Prose, Report, Row, Rows, Table, number
from reports.inline import plain
from reports.texchars import MATHEMATICAL, TEXTUAL, columns, escape

needs_latex = pytest.mark.skipif(shutil.which("latexmk") is None, reason="no latexmk here to compile TeX")
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 900 200]/Contents 4 0 R>>endobj
4 0 obj<</Length 19>>stream
9 9 m 800 99 l S
endstream endobj
trailer<</Root 1 0 R>>
"""


def compiled(report: Report, folder: Path) -> tuple[str, str]:
    """The log and the .aux file of a report set by pdflatex."""
    files.write_all(folder, latex.render(report))
    done = subprocess.run(
        ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"],
        cwd=folder,
        capture_output=True,
        timeout=180,
    )
    log = (folder / "report.log").read_text("latin-1")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith(("!", "l."))]
    return log, (folder / "report.aux").read_text("utf-8")


def assert_clean(log: str) -> None:
    overfull = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert [points for points in overfull if points > 1.0] == []
    unbroken = log.replace("\n", "")
    assert "undefined" not in re.sub(r"Font shape `[^']*' undefined", "", unbroken)
    assert "multiply defined" not in unbroken
    assert "already been used" not in unbroken


@needs_latex
def test_sample_compiles_clean_with_the_same_numbers(sample: Report, tmp_path: Path) -> None:
    log, aux = compiled(sample, tmp_path)
    assert_clean(log)
    printed = {label: int(value) for label, value in re.findall(r"\\newlabel\{eq:([^}]*)\}\{\{(\d+)\}", aux)}
    assert printed == number(sample.blocks).equations
    assert len(printed) >= 10


@needs_latex
def test_every_command_and_character_compiles(tmp_path: Path) -> None:
    def example(command: str) -> str:
        arguments = {"substack": r"{a\\b}"}.get(command, "{a}{b}" if command in formula.WITH_ARGUMENTS else "{a}")
        return rf"x \{command} {arguments} y"

    commands = sorted(set(formula.COMMANDS) - set(formula.LAYOUT.split()))
    characters = "".join(sorted({*MATHEMATICAL, *TEXTUAL, *"éñǎṭçÅöū中🙂\u0301\ufffd"}))
    beside = Report(
        "Characters: δ and é",
        "",
        (
            Rows(tuple(Row("", (example(command),), relation="") for command in commands)),
            Prose("\n\n".join(f"`{char}` and {char}" for char in characters)),
            Code("text", "\n".join(characters)),
            Code("text", "a\x00b\x0c\udc80 \\end{verbatim} \\end{verbatim}\\input{/etc/passwd}"),
            Rows((Row("δ_t", ("σ(z)", "- ⊙"), label="δ"),)),
            Prose(r"See {eq:δ}. A dash -- no, an option --pdf; a \`\` quote '' and \\\\ and \\alpha, control \x00."),
            Table(("*",), (("*",), ("[1]",), ("-0.5",), ("&",)), caption="[x]"),
            Figure(None, PDF, "a line", "Wide picture."),
        ),
    )
    log, _ = compiled(beside, tmp_path)
    assert_clean(log)


def test_hostile_text_leaves_no_command(hostile: tuple[str, ...]) -> None:
    for name in hostile:
        words = set(re.findall(r"\\([A-Za-z]+)", escape(name)))
        assert words <= {"textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar",
                         "textasciigrave", "allowbreak"}  # fmt: skip
        assert not re.search(r"(?<!\\)[$&#%_^~]", escape(name))
    text = latex.render(Report(plain(hostile[1]), plain(hostile[2]), ()))["report.tex"].decode()
    assert r"\input{" not in text


def test_code_lines_keep_their_characters_and_fit() -> None:
    line = "    value = first_name + second_name * third_name  # " + "w" * 130 + " \\end{verbatim}"
    pieces = columns(line, 60)
    assert all(len(piece) <= 60 for piece in pieces)
    assert "".join(pieces).replace(" ", "") == line.replace(" ", "")
    assert not any("\\end{verbatim}" in piece for piece in pieces)
    assert columns("short", 60) == ["short"]
    assert columns("", 60) == [""]


def test_pictures_are_files_beside(sample: Report) -> None:
    report = Report("t", "", (Figure(None, b"%PDF", "one"), Figure(None, None, "none"), Figure(None, b"%PDF2", "two")))
    written = latex.render(report, stem="lstm")
    assert set(written) == {"lstm.tex", "lstm+figure-1.pdf", "lstm+figure-2.pdf"}
    assert b"lstm+figure-2.pdf" in written["lstm.tex"]
    assert b"none" in written["lstm.tex"]
    assert set(latex.render(sample)) == {"report.tex"}
