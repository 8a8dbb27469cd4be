"""What the documentation shows is run: the README's code blocks, its links, and every docstring's examples.

On every page ``python`` blocks run in order in one fresh namespace; in the README's ``console`` blocks each line
``$ bptt …`` is run, and what stands below it, if anything, is its output (``...`` stands for any text).
Set-up commands stand in ``sh`` blocks and are run by ``.ci/run``.
"""

import doctest
import importlib
import linecache
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = [ROOT / folder / "README.md" for folder in ("derive", "numeric", "reports", "tests")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BPTT = "import sys; from reports.cli import main; sys.argv[0] = 'bptt'; sys.exit(main())"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("derive", "numeric", "reports")
    for path in (ROOT / package).rglob("*.py")
)


def blocks(markdown: str, language: str) -> list[str]:
    """The fenced code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)


def commands(markdown: str) -> list[tuple[str, str]]:
    """The ``$`` lines of the console blocks, each with the output shown below it."""
    return [
        (command, output)
        for block in blocks(markdown, "console")
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


def as_shown(expected: str, actual: str) -> bool:
    """Whether `actual` is the output shown; nothing shown, nothing claimed."""
    return not expected or doctest.OutputChecker().check_output(expected, actual, FLAGS)


def broken_links(markdown: str, folder: Path) -> list[str]:
    """Relative links to no file, and anchors to no heading."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

    def resolves(target: str) -> bool:
        path, _, anchor = target.partition("#")
        return (folder / path).exists() if path else anchor in anchors

    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", markdown, flags=re.MULTILINE | re.DOTALL)  # sum[t](e) is no link
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not re.match(r"[a-z]+:", target) and not resolves(target)]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_python_on_the_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks(page.read_text(encoding="utf-8"), "python"))
    lines = code.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, page.name, (len(code), None, lines, page.name))  # functions have their source
    exec(compile(code, page.name, "exec"), {"__name__": "page"})


@pytest.mark.parametrize(("command", "output"), commands(README), ids=[c for c, _ in commands(README)])
def test_readme_console(command, output, tmp_path):
    program, *arguments = shlex.split(command)
    assert program == "bptt", "other programs belong into an `sh` block"
    done = subprocess.run(
        [sys.executable, "-c", BPTT, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert as_shown(output, done.stdout), f"shown:\n{output}\nprinted:\n{done.stdout}"


@pytest.mark.parametrize("page", [*PAGES, *FOLDERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    assert broken_links(page.read_text(encoding="utf-8"), page.parent) == []


@pytest.mark.parametrize("page", FOLDERS, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_folders_readme_is_short_and_names_what_exists(page):
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    paths = re.findall(r"`((?:tests|derive|numeric|reports)/[\w./]+)`", text)
    assert [path for path in paths if not ((ROOT / path).exists() or (page.parent / path).exists())] == []


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0


# The checks, checked

SAMPLE = """# A title
[a](#a-title) [b](here.md#b) [c](https://example.org)

```console
$ bptt list
rnn ...
```
"""


def test_commands_carry_their_output():
    assert commands(SAMPLE) == [("bptt list", "rnn ...\n")]
    assert commands("```console\n$ bptt a\n$ bptt b\n\nc\n```\n") == [("bptt a", ""), ("bptt b", "\nc\n")]


def test_wrong_output_is_found():
    assert as_shown("rnn ...\n", "rnn   Elman\n")
    assert not as_shown("rnn ...\n", "lstm  Elman\n")
    assert not as_shown("rnn\n", "")


def test_broken_links_are_found(tmp_path):
    assert broken_links(SAMPLE, tmp_path) == ["here.md#b"]
    (tmp_path / "here.md").touch()
    assert broken_links(SAMPLE, tmp_path) == []
    assert broken_links(SAMPLE.replace("#a-title", "#another"), tmp_path) == ["#another"]
