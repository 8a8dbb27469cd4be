"""The page of everything: every system once, with its equations, its count, and a link where there is a report."""

import re
from xml.etree import ElementTree

import pytest

import derive
from derive.networks import NAMED
from reports import html
from reports.cli import main
from reports.document import Heading, Prose, Rows
from reports.index import index
from reports.inline import Page, inline, unmarked


@pytest.fixture(scope="module")
def page():
    return index({"lstm.html", "attention-bahdanau.html", "other.html"})


def test_every_system_is_there_once_with_its_equations(page):
    anchors = [block.anchor for block in page.blocks if isinstance(block, Heading) and block.level == 2]
    assert anchors == [f"cell-{name}" for name in (*derive.names(), *NAMED)]
    systems = [derive.load(name) for name in derive.names()]
    rows = [block.rows for block in page.blocks if isinstance(block, Rows)]
    assert [len(found) for found in rows[: len(systems)]] == [len(system.equations) for system in systems]


def test_the_count_and_the_source_are_those_of_the_system(page):
    texts = [block.text for block in page.blocks if isinstance(block, Prose)]
    (lstm,) = [text for text in texts if "{page:lstm.html}" in text]
    assert str(derive.load("lstm").parameter_count()) in lstm
    assert "Gers" in lstm


def test_reports_that_lie_there_are_linked_and_no_others(page):
    found = html.render(page)
    ElementTree.fromstring(found.partition("\n")[2])
    assert set(re.findall(r'href="([^#"]+)"', found)) == {"lstm.html", "attention-bahdanau.html"}


def test_a_page_is_a_mark_of_its_own():
    assert inline("see {page:lstm.html}")[1:] == (Page("lstm.html"),)
    assert unmarked("see {page:lstm.html}") == "see lstm.html"
    assert inline(r"see \{page:lstm.html}")[0].text == "see {page:lstm.html}"


def test_the_command_writes_it_again_but_replaces_nothing_else(tmp_path, capsys, monkeypatch):
    made = index()  # once; written every time
    monkeypatch.setattr("reports.commands.index.index", lambda present: made)
    assert main(["index", "-o", str(tmp_path)]) == 0
    first = (tmp_path / "index.html").read_bytes()
    assert main(["index", "-o", str(tmp_path)]) == 0
    assert (tmp_path / "index.html").read_bytes() == first
    (tmp_path / "index.html").write_text("mine")
    capsys.readouterr()
    assert main(["index", "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "index.html").read_text() == "mine"
    assert main(["index", "-o", str(tmp_path), "--force"]) == 0
