"""Reports in a real browser: nothing overflows, nothing complains, everything is read, seen, copied and printed."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import derive
from derive.networks import NAMED, build
from reports import html
from reports.comparing import comparison
from reports.context import Context
from reports.document import Code, Report
from reports.measures import Measures
from reports.writing import report
from tests.reports.browser import shown, start

NAMES = ("lstm", "attention-bahdanau", "lstm-bidirectional-deep", "rwkv-7", "encoder-decoder", "sample")
WIDTHS = (360, 860, 1400)
# Of everything that shows text: contrast of its colour against what lies behind it, after WCAG 2.
CONTRAST = """() => {
  const light = c => { const v = c.map(x => x / 255).map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
    return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); }
    return [255, 255, 255]; };
  const poor = {};
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('script, button')) continue;
    const [a, b] = [parts(getComputedStyle(e).color).slice(0, 3), behind(e)].map(light).sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor[e.tagName + '.' + e.className + ' in ' + e.parentElement.className] = ratio;
  }
  return poor; }"""
# Formulas that lie over the number of their equation.
COLLISIONS = """() => [...document.querySelectorAll('.eqs tr')].filter(row => {
  const box = e => e.getBoundingClientRect(), n = box(row.querySelector('.number a'));
  if (row.scrollWidth > row.clientWidth) return false; // a formula that scrolls passes behind the number
  return [...row.querySelectorAll('.left math, .terms math, .tail math')].some(math => {
    const b = box(math), clip = box(math.closest('td').clientWidth ? math.closest('td') : row);
    const right = Math.min(b.right, clip.right);
    return right > n.left + 1 && b.left < n.right && b.bottom > n.top + 2 && b.top < n.bottom - 2; });
}).map(row => row.id)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from start()


@dataclass
class Pages(dict[str, Path]):
    """Pages by name, each made when it is first asked for: tests that run beside each other need different ones."""

    folder: Path
    sample: Report

    def __missing__(self, name: str) -> Path:
        system = None if name == "sample" else build(name) if name in NAMED else derive.load(name)
        self[name] = self.folder / f"{name}.html"
        self[name].write_text(html.render(report(Context(system)) if system else self.sample), "utf-8")
        return self[name]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, sample: Report) -> Pages:
    return Pages(tmp_path_factory.mktemp("pages"), sample)


@pytest.mark.parametrize("name", NAMES)
def test_fits_every_window_without_complaint(name, browser, pages):
    with shown(browser, pages[name]) as seen:
        for width in WIDTHS:
            seen.page.set_viewport_size({"width": width, "height": 1000})
            assert seen.ask("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
            assert seen.ask(COLLISIONS) == []
        assert seen.ask("document.compatMode") == "CSS1Compat"
        assert seen.ask("[...document.images].every(image => image.complete && image.naturalWidth > 20)")
        assert seen.complaints == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["lstm", "sample"])
def test_all_text_can_be_read(name, dark, browser, pages):
    with shown(browser, pages[name], dark=dark) as seen:
        assert seen.ask(CONTRAST) == {}
        pixels = rows_of(seen.page.screenshot())
        corner = pixels[1]  # its first byte is the same in every filter of PNG
        assert corner < 60 if dark else corner > 220
        assert len(set(pixels)) > 100  # there is something to see


def rows_of(png: bytes) -> bytes:
    """The rows of a picture, as PNG filters them."""
    stream, data = io.BytesIO(png), b""
    stream.read(8)
    while length := int.from_bytes(stream.read(4)):
        kind, chunk, _ = stream.read(4), stream.read(length), stream.read(4)
        data += chunk if kind == b"IDAT" else b""
    return zlib.decompress(data)


def test_every_formula_has_a_name_and_a_size(browser, pages):
    with shown(browser, pages["lstm"]) as seen:
        nodes = seen.page.context.new_cdp_session(seen.page).send("Accessibility.getFullAXTree")["nodes"]
        names = [n["name"]["value"] for n in nodes if n.get("role", {}).get("value") == "MathMLMath"]
        assert len(names) > 300
        assert all(name.strip() for name in names)
        assert "delta h sub t" in names
        assert not any("\\" in name for name in names)
        sizes = seen.ask("[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().width)")
        assert min(sizes) > 2
        buttons = [n for n in nodes if n.get("role", {}).get("value") == "button"]
        assert buttons
        assert all(n["name"]["value"].startswith("Copy ") for n in buttons)


def test_characters_of_formulas_have_glyphs(browser, pages):
    """A missing glyph is drawn as a box, and every box of a font is like that of a character that nobody has."""
    script = """() => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
      c.canvas.width = c.canvas.height = 40;
      const draw = (s, font) => { c.clearRect(0, 0, 40, 40); c.font = '24px ' + font; c.fillText(s, 4, 30);
        return c.getImageData(0, 0, 40, 40).data.join(); };
      const found = new Set();
      for (const e of document.querySelectorAll('mi, mo, mn, mtext')) {
        const font = getComputedStyle(e).fontFamily, absent = draw('\\u{10FFFD}', font);
        for (const s of e.textContent) if (s.trim() && s > '~' && draw(s, font) === absent) found.add(s); }
      return [...found]; }"""
    with shown(browser, pages["attention-bahdanau"]) as seen:
        assert seen.ask(script) == []


def test_the_button_copies_latex(browser, pages):
    with shown(browser, pages["lstm"]) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        row = seen.page.locator("tr[data-tex]").nth(3)
        row.hover()
        row.get_by_role("button").click()
        seen.page.wait_for_function("document.querySelectorAll('.copy')[3].textContent === 'copied'")
        copied = seen.ask("navigator.clipboard.readText()")
        assert copied == row.get_attribute("data-tex")
        assert copied.startswith("g_{t} = ")
        assert seen.complaints == []


def test_code_is_copied_as_it_stands(browser, pages):
    with shown(browser, pages["lstm"]) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        (code,) = [b.text for b in report(Context(derive.load("lstm"))).blocks if isinstance(b, Code)]
        seen.page.locator(".code button").click()
        seen.page.wait_for_function("document.querySelector('.code button').textContent === 'copied'")
        assert seen.ask("navigator.clipboard.readText()") == code


def test_a_number_leads_to_its_equation(browser, pages):
    with shown(browser, pages["lstm"]) as seen:
        link = seen.page.locator("td.reason a").first
        target = link.get_attribute("href")
        link.click()
        row = seen.page.locator(f"tr{target}")
        assert row.bounding_box()["y"] < 1000
        assert seen.ask("e => getComputedStyle(document.querySelector(e)).backgroundColor", f"tr{target}") != seen.ask(
            "getComputedStyle(document.querySelector('tr:not(:target)')).backgroundColor"
        )


def test_complete_without_its_script_and_printed_without_buttons(browser, pages):
    with shown(browser, pages["lstm"], scripts=False) as plain, shown(browser, pages["lstm"]) as seen:
        assert plain.page.locator("main math").count() == seen.page.locator("main math").count() > 100
        assert plain.page.locator("button").count() == 0
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.ask("[...document.querySelectorAll('button')].every(b => !b.offsetParent)")
        assert seen.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        printed = seen.page.pdf(prefer_css_page_size=True)
        assert printed.startswith(b"%PDF")
        assert 4 < printed.count(b"/Type /Page\n") < 40


def test_in_columns_only_formulas_that_are_too_wide_scroll(browser, tmp_path):
    compared = comparison([Measures(Context(derive.load(name)), {}) for name in ("rnn", "gru", "lstm")])
    page = tmp_path / "compared.html"
    page.write_text(html.render(compared), "utf-8")
    too_wide = """() => [...document.querySelectorAll('.columns .eqs tr')].filter(row =>
      row.scrollWidth > row.clientWidth
      && ![...row.querySelectorAll('math')].some(m => m.getBoundingClientRect().width > row.clientWidth * .7))
    .length"""
    with shown(browser, page) as seen:
        seen.page.set_viewport_size({"width": 1400, "height": 1000})
        assert seen.ask("document.querySelectorAll('.columns .eqs tr').length") > 20
        assert seen.ask(too_wide) == 0
