"""docs/lecture-notes.md: it is what its tables give, and every command on it shows what it is said to show."""

import re
import shlex

import pytest

from numeric.claims import CLAIMS
from numeric.notes import NUMBERS
from numeric.slips import SLIPS
from reports.cli import main
from tests.lecture_notes import ITEMS, MEASURED, PAGE, Run, equations, page

RUNS = [run for item in ITEMS for run in item.runs]


def complaint(capsys, run: Run) -> str:
    """What is wrong with a command; nothing if it shows what it should."""
    program, *arguments = shlex.split(f"{run.command} {run.quick}")
    assert program == "bptt"
    status = main(arguments)
    out, err = capsys.readouterr()
    if status != 0:
        return f"status {status}: {err}"
    return ", ".join(look for look in run.looks if look not in out)


def test_the_page_is_what_its_tables_give():
    assert PAGE.read_text(encoding="utf-8") == page(), "`python tests/lecture_notes.py` writes it"


def test_there_are_28_items_each_with_commands_and_something_to_see():
    assert [item.number for item in ITEMS] == list(range(1, 29))
    rows = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [str(number) for number in range(1, 29)]
    assert all(equations(item) and item.runs for item in ITEMS)
    assert all(run.looks and all(run.looks) for run in RUNS)


@pytest.mark.parametrize("run", RUNS, ids=[run.command for run in RUNS])
def test_the_command_shows_it(run, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    assert complaint(capsys, run) == ""


def test_statements_and_rows_are_all_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    for claim in (*NUMBERS, *SLIPS, *(claim for claim in CLAIMS if claim.said)):
        assert text.count(f"\n| {claim.name} |") == 1
    named = {name for item in ITEMS for name in re.findall(r"`([a-z -]+)` below|and `([a-z -]+)` below", item.printed)}
    assert {name for pair in named for name in pair if name} <= {claim.name for claim in (*NUMBERS, *SLIPS)}


def test_figures_are_of_commands_on_the_page():
    assert {command for command, _ in MEASURED} <= {run.command for run in RUNS}


# The checks, checked

WRONG = [  # a command that does not show what it is said to show
    (Run("bptt count lstm --sizes D=4,H=3", ("= 97",)), "= 97"),
    (Run("bptt show lstn", ("lstm",)), "status 2"),
    (Run("bptt demo language-model", ("It writes",), "--steps 3 --hidden 4"), "status 1"),
]


@pytest.mark.parametrize(("run", "said"), WRONG, ids=[run.command for run, _ in WRONG])
def test_what_is_not_shown_is_noticed(run, said, capsys):
    assert said in complaint(capsys, run)
