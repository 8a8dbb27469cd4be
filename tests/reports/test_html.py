"""The HTML writer: well-formed, safe, linked, the same bytes always, and never wider than the window."""

from __future__ import annotations

import html.parser
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from reports import formula
from reports import html as writer
from reports.document import Figure, Prose, Report, Row, Rows, number
from reports.mathml import to_mathml

ROOT = Path(__file__).parents[2]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def page(sample: Report) -> ElementTree.Element:
    return ElementTree.fromstring(writer.render(sample))


class Balance(html.parser.HTMLParser):
    """An HTML reader that notes elements closed in another order than they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") for name, _ in attrs), f"an event handler: {attrs}"
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("meta", "img"), f"<{tag}/> does not close itself in HTML"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def test_reads_as_html_and_has_one_script(sample: Report) -> None:
    reader = Balance()
    reader.feed(writer.render(sample))
    reader.close()
    assert reader.open == []
    assert len(reader.scripts) == 1
    assert "alert" not in reader.scripts[0]


def test_every_equation_has_its_number_link_and_latex(sample: Report, page: ElementTree.Element) -> None:
    rows = [row for block in sample.blocks if isinstance(block, Rows) for row in block.rows]
    printed = [element for element in page.iter(f"{XHTML}tr") if element.get("id")]
    assert [element.get("id") for element in printed] == [f"eq-{place}" for place in range(1, len(rows) + 1)]
    for row, element in zip(rows, printed, strict=True):
        assert (element.get("data-tex") or "").endswith(row.latex)
        formulas = [math.get("alttext") for math in element.iter(f"{XHTML}math")]
        assert all(term.strip() in formulas for term in row.terms)
    continued = page.find(f".//{XHTML}tr[@id='eq-{number(sample.blocks).equations['delta-c'] + 7}']")
    assert continued is not None
    assert (continued.get("data-tex") or "").startswith(r"\frac{\partial \mathcal{L}}")


def test_every_link_has_a_target_and_every_target_is_one(page: ElementTree.Element) -> None:
    targets = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(targets) == len(set(targets))
    links = [element.get("href") or "" for element in page.iter(f"{XHTML}a")]
    assert len(links) > 30
    assert {link[1:] for link in links} <= set(targets)


def test_nothing_is_loaded(sample: Report) -> None:
    text = writer.render(sample)
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)
    assert not re.search(r"@import|url\(", text)


def test_hostile_text_is_printed_as_it_is(page: ElementTree.Element, hostile: tuple[str, ...]) -> None:
    shown = ["".join(element.itertext()) for element in page.iter(f"{XHTML}p")]
    for name in hostile:
        assert f"Name: {name}, and on." in shown


def test_pictures_carry_no_prolog_and_no_script_of_the_page() -> None:
    svg = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>'
    text = writer.render(Report("t", "", (Figure(svg, None, 'a "quoted" alt'),)))
    assert "<script>x" not in text
    assert 'alt="a &quot;quoted&quot; alt"' in text


@pytest.mark.parametrize("command", sorted(set(formula.COMMANDS) - set(formula.LAYOUT.split())))
def test_every_command_becomes_mathml(command: str) -> None:
    arguments = {"substack": r"{a\\b}"}.get(command, "{a}{b}" if command in formula.WITH_ARGUMENTS else "{a}")
    math = ElementTree.fromstring(to_mathml(rf"x \{command}{arguments} y"))
    assert "\\" not in "".join(math.itertext())


def test_mathml_is_set_as_in_print() -> None:
    assert "<munderover>" in to_mathml(r"\left(\sum_{t=1}^{T} x_t\right)", display=True)
    assert "\N{MATHEMATICAL BOLD ITALIC SMALL DELTA}" in to_mathml(r"\boldsymbol{\delta}")
    assert "\N{SCRIPT CAPITAL L}" in to_mathml(r"\mathcal L")
    assert '<mi mathvariant="normal">vec</mi>' in to_mathml(r"\mathrm{vec}(W)")
    assert '<mi mathvariant="normal">d</mi>' in to_mathml(r"\mathrm{d}x")
    assert '<msub><mi mathvariant="normal">d</mi><mi mathvariant="normal">e</mi></msub>' in to_mathml(
        r"\mathrm{d}_\mathrm{e}"
    ).replace("<mrow>", "").replace("</mrow>", "")
    assert "<mi>diag</mi>" in to_mathml(r"\operatorname{diag}(x)")
    matrix = ElementTree.fromstring(to_mathml(r"\begin{bmatrix} a \\ b \end{bmatrix}^{\top}"))
    assert [len(element) for element in matrix.iter("msup")] == [2]
    assert to_mathml("+ x", infix=True).count('form="infix"') == 1
    assert "mathvariant" not in to_mathml(r"\mathbf{1} \mathsf{T} \mathcal{LN} \boldsymbol{W}")
    assert 'alttext="a &lt; b"' in to_mathml("a < b")


def test_a_large_report_is_quick() -> None:
    block = Rows(
        tuple(
            Row(
                rf"\delta z^{{{place}}}_t",
                tuple(f"+ U_{{{place},{term}}}^\\top x_t"[2 * (not term) :] for term in range(6)),
            )
            for place in range(150)
        )
    )
    started = time.process_time()
    writer.render(Report("large", "", (block,)))
    assert time.process_time() - started < 1.5


def test_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import runpy, hashlib; from reports import html, jsonreport, latex;"
        f"r = runpy.run_path({str(Path(__file__).with_name('sample.py'))!r})['build']();"
        "t = [html.render(r).encode(), jsonreport.render(r).encode(), *latex.render(r).values()];"
        "print([hashlib.sha256(x).hexdigest() for x in t])"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(seen) == 1


def test_prose_without_headings_has_no_contents() -> None:
    assert "<nav" not in writer.render(Report("t", "", (Prose("x"),)))
