"""Every architecture and network of the library in every format, in the standard notation and in one of the others.

Each report is read as strictly as its format allows: HTML as XML and as a tree whose links lead somewhere and whose
formulas show something, TeX as groups and environments that close and references that are defined, JSON as JSON.
Pictures and evidence are left out: they depend on neither notation nor format.  The other notations take turns, each
with every fourth system; that all of them write the same equations of every system is a law of `test_notations`.
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
SECTIONS = [
    "Notation and shapes",
    "Forward equations",
    "Pictures",
    "Local derivatives",
    "Backward recursion",
    "Parameter gradients",
    "The chain through time",
    "Parameters and cost",
    "Worked example",
    "Gradients in numbers",
    "Generated NumPy",
]
XHTML = "{http://www.w3.org/1999/xhtml}"
SHOWN = frozenset(f"{XHTML}{tag}" for tag in ("mi", "mn", "mo", "mtext", "mspace"))
ARITY = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3, "mroot": 2}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("place", "name"), list(enumerate(SYSTEMS)), ids=SYSTEMS)
def test_every_system_in_every_format_and_two_notations(place, name):
    system = build(name) if name in NAMED else derive.load(name)
    standard, *others = NOTATIONS
    for style in (standard, others[place % len(others)]):
        titles = check(Context(system, notation(style)))
        assert titles == SECTIONS or name in NAMED


def check(context: Context) -> list[str]:
    """Its headings of the first level."""
    name = context.system.name
    files = rendered(context, (*FORMATS, "fragment"))
    assert set(files) == {f"{name}.html", f"{name}.tex", f"{name}.json", f"{name}+equations.tex"}
    text = {ending: content if isinstance(content, str) else content.decode() for ending, content in files.items()}
    titles = check_html(text[f"{name}.html"])
    check_tex(text[f"{name}.tex"])
    check_tex(text[f"{name}+equations.tex"])
    certificate = json.loads(text[f"{name}.json"], parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert certificate["notation"] == context.notation.name
    return titles


def check_html(text: str) -> list[str]:
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
    contents, *titles = ("".join(element.itertext()).strip() for element in page.iter(f"{XHTML}h2"))
    assert contents == "Contents"
    return [title.lstrip("0123456789") for title in titles]


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
