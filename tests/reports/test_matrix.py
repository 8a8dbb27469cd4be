"""Every architecture and network of the library, in every notation and every format.

Each report is read as strictly as its format allows: HTML as XML and as a tree whose links lead somewhere and whose
formulas show something, TeX as groups and environments that close and references that are defined, JSON as JSON.
Pictures and evidence are left out: they depend on neither notation nor format.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

import derive
from derive.networks import NAMED, build
from reports.context import Context
from reports.notations import NOTATIONS, notation
from reports.writing import FORMATS, rendered

SYSTEMS = (*derive.names(), *NAMED)
XHTML = "{http://www.w3.org/1999/xhtml}"
SHOWN = frozenset(f"{XHTML}{tag}" for tag in ("mi", "mn", "mo", "mtext", "mspace"))
ARITY = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3, "mroot": 2}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_in_every_notation_and_format(name):
    system = build(name) if name in NAMED else derive.load(name)
    for style in NOTATIONS:
        check(Context(system, notation(style)))


def check(context: Context) -> None:
    name = context.system.name
    files = rendered(context, (*FORMATS, "fragment"))
    assert set(files) == {f"{name}.html", f"{name}.tex", f"{name}.json", f"{name}+equations.tex"}
    text = {ending: content if isinstance(content, str) else content.decode() for ending, content in files.items()}
    check_html(text[f"{name}.html"])
    check_tex(text[f"{name}.tex"])
    check_tex(text[f"{name}+equations.tex"])
    certificate = json.loads(text[f"{name}.json"], parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert certificate["notation"] == context.notation.name


def check_html(text: str) -> None:
    page = ElementTree.fromstring(text)
    targets = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(targets) == len(set(targets))
    links = {(element.get("href") or "") for element in page.iter(f"{XHTML}a")}
    assert {link[1:] for link in links} <= set(targets)
    formulas = 0
    for math in page.iter(f"{XHTML}math"):
        formulas += 1
        assert math.get("alttext")
        assert math.get("aria-label"), math.get("alttext")
        assert any(element.tag in SHOWN and (element.text or "").strip() for element in math.iter()), math.attrib
        for element in math.iter():
            wanted = ARITY.get(element.tag.removeprefix(XHTML))
            assert wanted in (None, len(element)), (element.tag, math.get("alttext"))
            assert not re.search(r"[\\{}]", element.text or "") or (element.text or "") in ("{", "}"), math.attrib
    assert formulas > 20


def check_tex(text: str) -> None:
    body = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", text, flags=re.DOTALL)
    opened = []
    for word, environment in re.findall(r"\\(begin|end)\{(\w+)\}", body.partition("\\begin{document}")[2] or body):
        if word == "begin":
            opened.append(environment)
        elif environment != "document":
            assert opened.pop() == environment
    assert opened == []
    printed = re.sub(r"\\[\\{}%]|(?<!\\)%.*", "", body.partition("\\begin{document}")[2] or body)
    assert printed.count("{") == printed.count("}")
    labels = re.findall(r"\\row\{([^{}]*)\}|\\label\{([^{}]*)\}", body.partition("\\begin{document}")[2] or body)
    names = [row or label for row, label in labels if row or label]
    assert len(names) == len(set(names)) > 1
    assert set(re.findall(r"\\ref\*\{eq:([^{}]*)\}", body)) <= set(names)
