"""Whatever a file of equations says, its report is harmless: refused by the parser, or printed as it stands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import derive
from reports.cli import main
from reports.writing import write
from tests.reports.browser import shown, start

REFUSED = (
    "$x$[t] = tanh(y[t])",
    "h[t] = \\input{/etc/passwd}",
    "<script>[t] = tanh(x[t])",
    "h[t] = tanh(x[t])  \x1b[2J = 1",
    f"{'a' * 300}[t] = tanh(x[t])",
    "\u202eh[t] = tanh(x[t])",
    "h\u200b[t] = tanh(x[t])",
    "h[t] : <img/src=x>, 2\nh[t] = tanh(x[t])",
    "%h[t] = tanh(x[t])",
    "h[t] = tanh(x[t])^^5cinput",
)
NAMES = (
    "שלום[t] = tanh(W @ שלום[t-1] + é * x[t] + b_Ω)\n"
    "d_中[t] = x̂[t] * שלום[t]\n"
    f"{'a' * 100}[t] = {'b_' * 50}[t] * d_中[t] + {'c1' * 50} * مرحبا[t]\n"
    "end[t] = _[t] * d_中[t]\n"
    "proto[t] = end[t] * क[t]"
)
TEXTS = (
    "$x$ and $$y$$",
    r"\input{/etc/passwd} \write18{touch pwned} ^^5cinput{/etc/passwd}",
    "<script>document.title='pwned';alert(1)</script><img src=x onerror=alert(2)>",
    "\"'><svg onload=alert(3)>{eq:eq-h} `code` {{ }} % # & ~ _ ^ \\",
    "a" * 300,
    "right \u202eto left\u202c, שלום, bell \x07, escape \x1b[31m, null \x00, lone \udc80",
    "]]> --> </style></title></script>\\end{document}\\end{verbatim}",
)
SYSTEM = replace(derive.parse(NAMES, name="cell"), title=" ".join(TEXTS[:4]), source=TEXTS[6], notes=TEXTS)


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_refused_in_a_line_and_no_file_written(text, tmp_path, capsys):
    (tmp_path / "cell.eqs").write_text(text, "utf-8")
    assert main(["report", str(tmp_path / "cell.eqs"), "-o", str(tmp_path / "out")]) == 2
    assert re.match(r"bptt: .*: line 1[:,]", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write(SYSTEM, folder, ("html", "tex", "fragment", "json"), evidence=[])
    return folder


def test_nothing_of_it_is_markup(files):
    page = (files / "cell.html").read_text("utf-8")
    assert page.count("<script") == 1
    assert "<svg onload" not in page
    assert "<img src=x" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page)
    for name in ("cell.tex", "cell+equations.tex"):
        source = (files / name).read_text("utf-8")
        outside = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", source, flags=re.DOTALL)
        assert not re.search(r"\\(?:input|write|immediate|openin)\b", outside.replace(r"to be read by \input", ""))
        assert "^^" not in outside
        assert outside.count("\\end{document}") <= 1


@pytest.mark.needs("latexmk", "pdftotext")
def test_latex_prints_it(files):
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "cell.tex"]
    done = subprocess.run(command, cwd=files, capture_output=True, timeout=180)
    log = (files / "cell.log").read_text("latin-1")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith(("!", "l."))]
    overfull = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(overfull, default=0) <= 1
    text = subprocess.run(["pdftotext", "cell.pdf", "-"], cwd=files, capture_output=True, check=True).stdout.decode()
    printed = "".join(text.split())
    assert "\\input{/etc/passwd}" in printed
    assert "root:x:" not in printed
    assert "<script>document.title" in printed
    assert not (files / "pwned").exists()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from start()


def test_a_browser_runs_nothing_of_it(browser, files):
    with shown(browser, files / "cell.html", width=360) as seen:
        assert seen.ask("document.scripts.length") == 1
        assert seen.ask("document.title").startswith("$x$ and $$y$$ ")
        assert seen.ask("document.querySelectorAll('svg, iframe, img[onerror], [onload]').length") == 0
        assert "<script>document.title='pwned';alert(1)</script>" in seen.ask("document.body.innerText")
        assert seen.ask("document.documentElement.scrollWidth") == 360
        assert seen.complaints == []
